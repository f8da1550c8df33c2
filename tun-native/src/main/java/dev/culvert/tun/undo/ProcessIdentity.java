package dev.culvert.tun.undo;

import dev.culvert.tun.libc.ProcFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Names one process for ever: process ids are used again, but not with the same start within one boot.
 *
 * @param pid process id
 * @param start clock ticks since boot on Linux (field 22 of /proc/pid/stat), elsewhere epoch milliseconds
 * @param boot the kernel's boot id, or empty where there is none
 */
record ProcessIdentity(long pid, long start, String boot) {
    /** Checks. */
    ProcessIdentity {
        if (pid < 1 || pid > Integer.MAX_VALUE || start < 0 || !boot.matches("[0-9a-zA-Z-]{0,64}")) {
            throw new IllegalArgumentException("process " + pid + " is none");
        }
    }

    private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

    /** Fields of /proc/pid/stat behind the command in parentheses start with number 3; the start is 22. */
    private static final int START_FIELD = 22 - 3;

    static ProcessIdentity current() {
        long pid = ProcessHandle.current().pid();
        return new ProcessIdentity(pid, startOf(pid), bootId());
    }

    boolean isAlive() {
        return boot.equals(bootId()) && startOf(pid) == start && start >= 0;
    }

    boolean isFromThisBoot() {
        return boot.equals(bootId());
    }

    /** -1 when no such process runs. */
    private static long startOf(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            // The command may hold anything, spaces and parentheses included.
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return fields[0].equals("Z") ? -1 : Long.parseLong(fields[START_FIELD]);
        } catch (IOException e) {
            return ProcessHandle.of(pid)
                    .flatMap(p -> p.info().startInstant())
                    .map(java.time.Instant::toEpochMilli)
                    .orElse(-1L);
        }
    }

    static String bootId() {
        try {
            return ProcFile.read(BOOT_ID);
        } catch (IOException e) {
            return "";
        }
    }
}
