package dev.culvert.command.doctor;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Which kernel this is. */
public final class KernelCheck implements Check {
    private static final Pattern VERSION = Pattern.compile("(\\d+)\\.(\\d+).*");

    /** The oldest long-term kernel of any distribution that is still supported, and so the oldest that is looked after. */
    private static final int OLDEST_MAJOR = 4;

    private static final int OLDEST_MINOR = 18;

    private final String system;
    private final String version;
    private final String machine;

    /** This machine's. */
    public KernelCheck() {
        this(
                System.getProperty("os.name", "?"),
                System.getProperty("os.version", "?"),
                System.getProperty("os.arch", "?"));
    }

    KernelCheck(String system, String version, String machine) {
        this.system = system;
        this.version = version;
        this.machine = machine;
    }

    @Override
    public String name() {
        return "kernel";
    }

    @Override
    public List<Finding> look() {
        String what = system + " " + version + ", " + machine;
        Matcher numbers = VERSION.matcher(version);
        if (!system.equals("Linux") || !numbers.matches()) {
            return List.of(Finding.open(name(), what + ": the programs are tried on Linux only"));
        }
        int major = Integer.parseInt(numbers.group(1));
        int minor = Integer.parseInt(numbers.group(2));
        return List.of(
                major < OLDEST_MAJOR || major == OLDEST_MAJOR && minor < OLDEST_MINOR
                        ? Finding.bad(name(), what, "use " + OLDEST_MAJOR + "." + OLDEST_MINOR + " or later")
                        : Finding.good(name(), what));
    }
}
