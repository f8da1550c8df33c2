package dev.culvert.agent;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** How many descriptors this process may have, by the system's own word (RLIMIT_NOFILE), and how many flows may have. */
final class Descriptors {
    private static final Path LIMITS = Path.of("/proc/self/limits");
    private static final Path OPEN = Path.of("/proc/self/fd");
    private static final String LINE = "Max open files";

    /** Taken for granted where the system does not say: what most give, at least. */
    private static final long UNKNOWN = 1024;

    /**
     * Beside what is open at the start: a link that is made anew, two for each of a resolver's look-ups that wait, class
     * files and logs.
     */
    static final int RESERVE = 64;

    /** Flows have these, however low the limit is: an agent without any would be of no use. */
    static final int LEAST = 16;

    private Descriptors() {}

    /** For flows: the limit less what is open now and a reserve; {@link #LEAST} at least. */
    static int forFlows() {
        long left = limit() - open() - RESERVE;
        return (int) Math.max(LEAST, Math.min(left, Integer.MAX_VALUE));
    }

    static long limit() {
        try {
            return limit(Files.readString(LIMITS));
        } catch (IOException e) {
            return UNKNOWN; // not Linux
        }
    }

    /** @param limits as proc(5) says them: name, soft limit, hard limit, unit */
    static long limit(String limits) {
        for (String line : limits.lines().toList()) {
            if (line.startsWith(LINE)) {
                String soft = line.substring(LINE.length()).strip().split("\\s+")[0];
                try {
                    return Long.parseLong(soft);
                } catch (NumberFormatException e) {
                    return Integer.MAX_VALUE; // "unlimited"
                }
            }
        }
        return UNKNOWN;
    }

    private static int open() {
        int n = 0;
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(OPEN)) {
            for (Path ignored : entries) {
                n++;
            }
        } catch (IOException e) {
            return 0; // not Linux
        }
        return n;
    }
}
