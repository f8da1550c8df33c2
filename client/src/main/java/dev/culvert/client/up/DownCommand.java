package dev.culvert.client.up;

import dev.culvert.text.Printable;
import dev.culvert.token.holder.HolderStateOption;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code client down}. */
@Command(
        name = "down",
        description =
                "Ends a running 'client up' of this machine, or repairs what one that was killed has left behind.",
        mixinStandardHelpOptions = true)
public final class DownCommand implements Callable<Integer> {
    /** How long a running client may take to end. */
    private static final long PATIENCE_MILLIS = 15_000;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Mixin
    HolderStateOption state = new HolderStateOption();

    @Option(
            names = "--only-repair",
            description = "Only repair: a client that is up goes on. For what runs at each boot.")
    boolean onlyRepair;

    /** Used by picocli. */
    public DownCommand() {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        RunningClients clients = new RunningClients(
                Path.of("/proc"), spec.root().userObject().getClass().getName());
        try (UndoJournal journal = ClientJournal.open(state.path("client"))) {
            if (!journal.ownerAlive()) {
                return takeBack(journal, clients);
            }
            if (onlyRepair) {
                System.out.println("client: up; nothing to repair");
                return CommandLine.ExitCode.OK;
            }
            int ended = end(journal, clients);
            if (ended != CommandLine.ExitCode.OK) {
                return ended;
            }
        }
        // Read again: one that was killed while it ended has not taken all back.
        try (UndoJournal journal = ClientJournal.open(state.path("client"))) {
            if (journal.ownerAlive() || journal.pending().isEmpty()) {
                System.out.println("client: down");
                return CommandLine.ExitCode.OK;
            }
            return takeBack(journal, clients);
        }
    }

    private int takeBack(UndoJournal journal, RunningClients clients) throws IOException {
        StrayJournals strays = new StrayJournals(state.path("client"));
        int steps = journal.pending().size() + strays.count();
        List<Long> others = steps == 0 && !onlyRepair ? clients.find() : List.of();
        if (!others.isEmpty()) {
            System.err.println("client: " + RunningClients.named(others)
                    + " is a client that is up here, but not with the state in " + state.path("client")
                    + "; run this as its user (with sudo, if that was with sudo) and with its --state");
            return CommandLine.ExitCode.SOFTWARE;
        }
        List<String> failures = new ArrayList<>();
        journal.replay().forEach(f -> failures.add("could not take back " + f.step() + ": " + f.reason()));
        failures.addAll(strays.takeBack().failures());
        failures.forEach(line -> System.err.println("client: " + Printable.line(line)));
        System.out.println(
                steps == 0
                        ? "client: not up; nothing to take back"
                        : "client: took back " + (steps - failures.size()) + " of " + steps
                                + " changes of a run that had not ended in order");
        return failures.isEmpty() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    /** Ends the client that is up; 0 when it is gone. */
    private int end(UndoJournal journal, RunningClients clients) throws IOException, InterruptedException {
        ProcessHandle owner = journal.ownerProcess().orElse(null);
        if (owner == null) {
            return CommandLine.ExitCode.OK;
        }
        if (!clients.isClient(owner.pid())) {
            System.err.println("client: " + ClientJournal.path(state.path("client")) + " names process " + owner.pid()
                    + " as the client that is up, which it is not, and so it is left alone; the file is not as a client"
                    + " wrote it: move it away");
            return CommandLine.ExitCode.SOFTWARE;
        }
        if (!owner.destroy() && journal.ownerAlive()) {
            System.err.println("client: process " + owner.pid()
                    + " is another user's and cannot be told to end; run this with sudo");
            return CommandLine.ExitCode.SOFTWARE;
        }
        // One that was stopped (Ctrl-Z) hears of it only when it goes on.
        new ProcessBuilder("sh", "-c", "kill -CONT " + owner.pid() + " 2>/dev/null").start();
        long until = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
        // Not owner.isAlive(): that is true of a zombie, which has ended.
        while (journal.ownerAlive() && System.nanoTime() < until) {
            Thread.sleep(50);
        }
        if (journal.ownerAlive()) {
            System.err.println(
                    "client: process " + owner.pid() + " was told to end and has not after " + PATIENCE_MILLIS / 1000
                            + " s; kill it with 'kill -9 " + owner.pid() + "', then run 'client down' again");
            return CommandLine.ExitCode.SOFTWARE;
        }
        return CommandLine.ExitCode.OK;
    }
}
