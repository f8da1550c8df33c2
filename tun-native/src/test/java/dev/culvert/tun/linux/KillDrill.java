package dev.culvert.tun.linux;

import dev.culvert.address.IpLiteral;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A client that sets up the machine's resolver is killed before its first program, its second and so on; so is one that takes it
 * back, and the next one gets through. Each time all is as it was.
 */
final class KillDrill {
    /** As when the process is killed: nothing that would come later happens. */
    private static final class Killed extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** What a process does with the journal. */
    private interface Run {
        void with(UndoJournal journal, SystemProgram.Runner system) throws Exception;
    }

    private final boolean resolved;
    private final Path state;
    private final String was;

    private KillDrill(boolean resolved) throws Exception {
        this.resolved = resolved;
        this.state = Files.createTempDirectory(Path.of("/run"), "drill").resolve("state");
        // Once, so that directories are there that stay.
        run(0, this::make);
        require(
                resolved || Files.readString(Path.of("/etc/resolv.conf")).contains("100.127.255.53"),
                "nothing was made");
        run(0, (journal, system) -> journal.replay());
        this.was = look();
    }

    public static void main(String[] args) throws Exception {
        KillDrill drill = new KillDrill(args[0].equals("resolved"));
        int making = 0;
        for (int at = 1; drill.run(at, drill::make); at++, making++) {
            require(!drill.pending().isEmpty() || drill.look().equals(drill.was), "a change that nobody knows of");
            drill.run(1 + at % 3, (journal, system) -> journal.replay()); // killed, perhaps
            drill.mend("making at " + at);
        }
        drill.mend("never");
        int undoing = 0;
        boolean killed = true;
        for (int at = 1; killed; at++, undoing += killed ? 1 : 0) {
            drill.run(0, drill::make);
            killed = drill.run(at, (journal, system) -> journal.replay());
            drill.mend("undoing at " + at);
        }
        require(making >= 2 && undoing >= 2, "nobody was killed");
        System.out.println(making + " points and " + undoing + ", all as it was");
    }

    private void mend(String killed) throws Exception {
        run(0, (journal, system) -> require(journal.replay().isEmpty(), "it cannot be undone"));
        String is = look();
        require(is.equals(was), "killed: " + killed + "; now it is\n" + is + "\nand was\n" + was);
    }

    private static void require(boolean holds, String else_) {
        if (!holds) {
            throw new IllegalStateException(else_);
        }
    }

    /** On a machine that stands still for seconds, too. */
    static SystemProgram.Result patiently(String input, List<String> line) throws IOException {
        return SystemProgram.run(input, line, Duration.ofMinutes(1));
    }

    private void make(UndoJournal journal, SystemProgram.Runner system) throws IOException {
        HostResolver resolver = resolved
                ? new ResolvedResolver(journal, system, ResolvedResolver.RESOLVECTL)
                : new ResolvconfResolver(journal, system, ResolvconfResolver.RESOLVCONF, Path.of("/etc/resolv.conf"));
        resolver.keep(new ResolverConfig(
                "culvert0",
                List.of(
                        Objects.requireNonNull(IpLiteral.parse("100.127.255.53")),
                        Objects.requireNonNull(IpLiteral.parse("fd63:756c:7665:7274::53"))),
                List.of("corp.example", "77.168.192.in-addr.arpa"),
                List.of("corp.example"),
                true));
    }

    /**
     * A process of its own.
     *
     * @param killAt before which program, or after which that takes something back; 0 for never
     * @return whether it was killed
     */
    private boolean run(int killAt, Run what) throws Exception {
        int[] point = {0};
        SystemProgram.Runner system = (input, line) -> {
            if (++point[0] == killAt) {
                throw new Killed();
            }
            SystemProgram.Result result = patiently(input, line);
            boolean takesBack =
                    line.contains("-d") || line.contains("revert"); // and nobody has written down that it has
            if (takesBack && ++point[0] == killAt) {
                throw new Killed();
            }
            return result;
        };
        try (UndoJournal journal = UndoJournal.open(state.resolve("undo.journal"), steps -> undo(steps, system))) {
            what.with(journal, system);
            return false;
        } catch (Killed e) {
            return true;
        }
    }

    private static List<UndoFailure> undo(List<UndoStep> steps, SystemProgram.Runner system) {
        List<UndoFailure> failures = new ArrayList<>();
        for (UndoStep step : steps) {
            try {
                if (step instanceof UndoStep.RevertResolved revert) {
                    ResolvedResolver.undo(revert, system, ResolvedResolver.RESOLVECTL);
                } else {
                    ResolvconfResolver.undo((UndoStep.DeleteResolvconf) step, system, ResolvconfResolver.RESOLVCONF);
                }
            } catch (IOException e) {
                failures.add(new UndoFailure(step, String.valueOf(e.getMessage())));
            }
        }
        return failures;
    }

    private List<UndoStep> pending() throws IOException {
        try (UndoJournal journal = UndoJournal.open(state.resolve("undo.journal"), steps -> List.of())) {
            return journal.pending();
        }
    }

    /** All that there is to see. */
    private String look() throws Exception {
        if (resolved) {
            return patiently("", List.of("resolvectl", "status")).output();
        }
        StringBuilder all = new StringBuilder(Files.readString(Path.of("/etc/resolv.conf")));
        try (Stream<Path> files = Files.walk(Path.of("/run/resolvconf"))) {
            for (Path p : files.sorted().toList()) {
                all.append(p).append(Files.isRegularFile(p) ? ":\n" + Files.readString(p) : "\n");
            }
        }
        return all.toString();
    }
}
