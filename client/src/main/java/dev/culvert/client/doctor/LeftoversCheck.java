package dev.culvert.client.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Whether a client that was killed has left routes behind. */
final class LeftoversCheck implements Check {
    private final Path journal;

    LeftoversCheck(Path journal) {
        this.journal = journal;
    }

    @Override
    public String name() {
        return "leftovers";
    }

    @Override
    public List<Finding> look() throws IOException {
        if (!Files.isReadable(journal)) {
            return List.of(Finding.open(name(), "no client of this user has changed this machine's network"));
        }
        try (UndoJournal open = UndoJournal.open(journal, steps -> List.of())) {
            if (open.ownerAlive()) {
                return List.of(Finding.good(name(), "none: a client is up"));
            }
            int left = open.pending().size();
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
