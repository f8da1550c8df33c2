package dev.culvert.command.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** How many files this process may have open. */
public final class DescriptorsCheck implements Check {
    private static final String LINE = "Max open files";

    private final Path limits;
    private final long least;

    /** @param least what the program needs for a day's work */
    public DescriptorsCheck(long least) {
        this(Path.of("/proc/self/limits"), least);
    }

    /** @param limits as proc(5) says them */
    DescriptorsCheck(Path limits, long least) {
        this.limits = limits;
        this.least = least;
    }

    @Override
    public String name() {
        return "open files";
    }

    @Override
    public List<Finding> look() throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(limits);
        } catch (NoSuchFileException e) {
            return List.of(Finding.open(name(), "this system does not say how many there may be"));
        }
        for (String line : lines) {
            if (line.startsWith(LINE)) {
                String soft = line.substring(LINE.length()).strip().split("\\s+")[0];
                boolean enough = soft.equals("unlimited") || Long.parseLong(soft) >= least;
                return List.of(
                        enough
                                ? Finding.good(name(), soft + " at most")
                                : Finding.bad(
                                        name(),
                                        soft + " at most, and " + least + " are wanted",
                                        "raise the limit: LimitNOFILE=65536 in the unit, or ulimit -n"));
            }
        }
        return List.of(Finding.open(name(), limits + " does not say how many there may be"));
    }
}
