package dev.culvert.e2e;

import java.time.Duration;

/** Programs of probe.py on the client's machine that go on while something happens, and what is asked of them then. */
final class Probes {
    /** Generous; it is a second or two on an idle machine. */
    static final Duration PATIENCE = Duration.ofSeconds(120);

    private final Lab lab;

    Probes(Lab lab) {
        this.lab = lab;
    }

    /** Starts one, and waits until it is connected, if it connects. */
    Program begin(String what, String... arguments) throws Exception {
        String[] line = new String[arguments.length + 1];
        line[0] = what;
        System.arraycopy(arguments, 0, line, 1, arguments.length);
        Program p = lab.startProbe(lab.client, line);
        if (!what.startsWith("udp")) {
            p.awaitOutput("CONNECTED", PATIENCE);
        }
        return p;
    }

    /** A copy of so many MiB there and back that is in its middle. */
    Program copyHalfDone(String mebibytes) throws Exception {
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", mebibytes);
        copy.awaitOutput("HALF", PATIENCE);
        return copy;
    }

    /** A {@code wait} or {@code udpwait} still has its connection. */
    static void answers(Program waiting, String word) throws Exception {
        int before = waiting.mark();
        waiting.input(word + "\n");
        waiting.awaitOutputAfter(before, word, PATIENCE);
    }

    /** From which port a {@code udpwait}'s datagrams come in the LAN. */
    static String port(Program datagrams) throws Exception {
        answers(datagrams, "whoami");
        String[] words = datagrams.output().strip().split("\\s+");
        return words[words.length - 1];
    }

    /** Until the office answers. */
    boolean isOfficeThere() throws Exception {
        return lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 ");
    }
}
