package dev.culvert.e2e;

import java.util.ArrayList;
import java.util.List;

/** A machine of the lab: a network namespace. */
record Host(String namespace) {
    /**
     * The command line that runs the given one on this machine. SIGINT is not ignored there, as it is in what a shell's
     * background job starts: the JVM leaves an ignored signal ignored.
     */
    List<String> line(String... command) {
        List<String> line = new ArrayList<>(List.of("ip", "netns", "exec", namespace, "env", "--default-signal=INT"));
        line.addAll(List.of(command));
        return line;
    }
}
