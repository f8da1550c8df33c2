package dev.culvert.client.up;

import dev.culvert.tun.Platform;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Journals in this state directory of other numbers than this network namespace's. The numbers are the kernel's: after a boot, and in a
 * container that was started anew, the same machine may have another one. What such a journal says of interfaces and routes went with its
 * namespace, or is that one's own. A resolv.conf stays, and names the record that puts it back: so it is known here. Blocks.
 */
public final class StrayJournals {
    /** Of files looked at: a directory with more is no state directory. */
    private static final int MOST = 1_000;

    /** As {@link Platform#openJournal}. */
    interface Opener {
        /** @throws IOException in one line */
        UndoJournal open(Path file) throws IOException;
    }

    /**
     * What came of it.
     *
     * @param takenBack how many changes
     * @param failures what could not be, a line for each
     */
    record Outcome(int takenBack, List<String> failures) {}

    private final Path directory;
    private final Opener opener;
    private final Predicate<UndoStep> here;

    /** Of this machine. */
    public StrayJournals(Path directory) {
        this(directory, Platform::openJournal);
    }

    StrayJournals(Path directory, Opener opener) {
        this(directory, opener, Platform::isLeftHere);
    }

    /** @param here as {@link Platform#isLeftHere} */
    StrayJournals(Path directory, Opener opener, Predicate<UndoStep> here) {
        this.directory = directory;
        this.opener = opener;
        this.here = here;
    }

    /** How many of their changes are to be seen here, of clients that have ended. */
    public int count() throws IOException {
        int count = 0;
        for (Path file : files()) {
            try (UndoJournal journal = opener.open(file)) {
                count += left(journal);
            }
        }
        return count;
    }

    /** Takes those back; a journal that cannot be used does not keep the others from it. */
    Outcome takeBack() throws IOException {
        int takenBack = 0;
        List<String> failures = new ArrayList<>();
        for (Path file : files()) {
            try (UndoJournal journal = opener.open(file)) {
                int left = left(journal);
                if (left == 0) {
                    continue;
                }
                List<UndoFailure> failed = journal.replay(here);
                takenBack += left - failed.size();
                failed.forEach(f -> failures.add("could not take back " + f.step() + ": " + f.reason()));
            } catch (IOException e) {
                failures.add(String.valueOf(e.getMessage()));
            }
        }
        return new Outcome(takenBack, failures);
    }

    /** A client of another namespace that runs has a resolv.conf of its own, or takes this one back itself. */
    private int left(UndoJournal journal) {
        return journal.ownerAlive()
                ? 0
                : (int) journal.pending().stream().filter(here).count();
    }

    private List<Path> files() throws IOException {
        Path own = ClientJournal.path(directory).getFileName();
        List<Path> files = new ArrayList<>();
        if (!Files.isDirectory(directory)) {
            return files;
        }
        try (DirectoryStream<Path> journals = Files.newDirectoryStream(directory, "undo-*.journal")) {
            for (Path file : journals) {
                if (!file.getFileName().equals(own) && Files.size(file) > 0 && files.size() < MOST) {
                    files.add(file);
                }
            }
        }
        return files;
    }
}
