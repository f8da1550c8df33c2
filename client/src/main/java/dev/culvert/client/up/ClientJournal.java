package dev.culvert.client.up;

import dev.culvert.client.uplink.ClientPlaces;
import dev.culvert.tun.Platform;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Where the client writes down how to undo its changes: a file for each network namespace, because that is what the changes belong
 * to.
 */
public final class ClientJournal {
    private ClientJournal() {}

    /** What clients in the background say. */
    public static Path log(Path directory) {
        return directory.resolve("client.log");
    }

    public static UndoJournal open(Path directory) throws IOException {
        return Platform.openJournal(path(directory));
    }

    public static Path path(Path directory) {
        return directory.resolve("undo-" + ClientPlaces.namespace() + ".journal");
    }
}
