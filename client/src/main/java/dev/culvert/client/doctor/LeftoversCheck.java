package dev.culvert.client.doctor;

import dev.culvert.client.up.ClientJournal;
import dev.culvert.client.up.StrayJournals;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Whether a client that was killed has left routes, or a resolv.conf, behind. */
final class LeftoversCheck implements Check {
    private final Path directory;
    private final Path journal;

    /** @param directory where clients keep their journals */
    LeftoversCheck(Path directory) {
        this.directory = directory;
        this.journal = ClientJournal.path(directory);
    }

    @Override
    public String name() {
        return "leftovers";
    }

    @Override
    public List<Finding> look() throws IOException {
        int strays = Files.isReadable(directory) ? new StrayJournals(directory).count() : 0;
        if (strays == 0 && !Files.isReadable(journal)) {
            return List.of(Finding.open(name(), "no client of this user has changed this machine's network"));
        }
        try (UndoJournal open = UndoJournal.open(journal, steps -> List.of())) {
            if (open.ownerAlive()) {
                return List.of(Finding.good(name(), "none: a client is up"));
            }
            int left = open.pending().size() + strays;
            return List.of(
                    left == 0
                            ? Finding.good(name(), "none")
                            : Finding.bad(
                                    name(),
                                    "a client that did not end in order has left " + left
                                            + (left == 1 ? " change" : " changes") + " of this machine's network",
                                    "sudo client down"));
        }
    }
}
