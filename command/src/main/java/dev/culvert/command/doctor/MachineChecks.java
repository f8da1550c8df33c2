package dev.culvert.command.doctor;

import java.util.List;
import java.util.stream.Stream;

/** What each of the programs wants of the machine that it runs on. */
public final class MachineChecks {
    private MachineChecks() {}

    /**
     * Those, before the program's own.
     *
     * @param files that it may have open, for a day's work
     * @param mebibytes of memory that it takes at work
     */
    public static List<Check> and(long files, int mebibytes, Check... own) {
        return Stream.concat(
                        Stream.of(
                                new JavaCheck(),
                                new KernelCheck(),
                                new CongestionCheck(),
                                new DescriptorsCheck(files),
                                new MemoryCheck(mebibytes)),
                        Stream.of(own))
                .toList();
    }
}
