package dev.culvert.command.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** Whether this machine has memory left. */
public final class MemoryCheck implements Check {
    private static final String LINE = "MemAvailable:";

    private final Path memory;
    private final int leastMebibytes;

    /** @param leastMebibytes what the program takes at work, above its own doctor's */
    public MemoryCheck(int leastMebibytes) {
        this(Path.of("/proc/meminfo"), leastMebibytes);
    }

    /** @param memory as proc(5) says it */
    MemoryCheck(Path memory, int leastMebibytes) {
        this.memory = memory;
        this.leastMebibytes = leastMebibytes;
    }

    @Override
    public String name() {
        return "memory";
    }

    @Override
    public List<Finding> look() throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(memory);
        } catch (NoSuchFileException e) {
            return List.of(Finding.open(name(), "this system does not say how much there is"));
        }
        for (String line : lines) {
            if (line.startsWith(LINE)) {
                long mebibytes =
                        Long.parseLong(line.substring(LINE.length()).strip().split("\\s+")[0]) >> 10;
                String what = mebibytes + " MiB are available";
                return List.of(
                        mebibytes >= leastMebibytes
                                ? Finding.good(name(), what)
                                : Finding.bad(
                                        name(),
                                        what + ", and " + leastMebibytes + " MiB are wanted",
                                        "end what takes it (ps aux --sort -rss), or give this program less (CULVERT_JAVA_OPTS=-Xmx128m)"));
            }
        }
        return List.of(Finding.open(name(), memory + " does not say how much there is"));
    }
}
