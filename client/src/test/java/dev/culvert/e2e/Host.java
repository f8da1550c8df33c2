package dev.culvert.e2e;

import java.util.ArrayList;
import java.util.List;

/** A machine of the lab: a network namespace. */
record Host(String namespace) {
    /** The command line that runs the given one on this machine. */
    List<String> line(String... command) {
        List<String> line = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        line.addAll(List.of(command));
        return line;
    }
}
