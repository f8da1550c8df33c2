package dev.culvert.command.doctor;

import java.util.List;

/** Which Java this is, and how much memory it may take. */
public final class JavaCheck implements Check {
    /** The oldest that the programs run on, and from which on they start and warm up best. */
    private static final int OLDEST = 17;

    private static final int BEST = 25;

    private final int feature;
    private final String version;
    private final long maxHeap;

    /** This process's. */
    public JavaCheck() {
        this(
                Runtime.version().feature(),
                System.getProperty("java.version", "?") + " of " + System.getProperty("java.vendor", "?") + " in "
                        + System.getProperty("java.home", "?"),
                Runtime.getRuntime().maxMemory());
    }

    JavaCheck(int feature, String version, long maxHeap) {
        this.feature = feature;
        this.version = version;
        this.maxHeap = maxHeap;
    }

    @Override
    public String name() {
        return "Java";
    }

    @Override
    public List<Finding> look() {
        String what = version + ", heap of " + (maxHeap >> 20) + " MiB";
        if (feature < OLDEST) {
            return List.of(Finding.bad(
                    name(),
                    what,
                    "install a JDK of version " + OLDEST + " or later, or name one in CULVERT_JAVA_HOME"));
        }
        return List.of(Finding.good(
                name(), what + (feature < BEST ? " (version " + BEST + " starts and warms up faster)" : "")));
    }
}
