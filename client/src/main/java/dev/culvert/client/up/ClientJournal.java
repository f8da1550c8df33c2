package dev.culvert.client.up;

import dev.culvert.tun.Platform;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where the client writes down how to undo its changes, and where the one that is up answers: a file each for a network
 * namespace, because that is what the changes belong to.
 */
public final class ClientJournal {
    private ClientJournal() {}

    /** The socket on which the client answers that is up here with this directory. */
    public static Path socket(Path directory) {
        return directory.resolve("client-" + namespace() + ".sock");
    }

    /** What clients in the background say. */
    public static Path log(Path directory) {
        return directory.resolve("client.log");
    }

    public static UndoJournal open(Path directory) throws IOException {
        return Platform.openJournal(path(directory));
    }

    public static Path path(Path directory) {
        return directory.resolve("undo-" + namespace() + ".journal");
    }

    /** The number in {@code net:[4026531840]}; "host" where there are no namespaces. */
    private static String namespace() {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/ns/net"))
                    .toString()
                    .replaceAll("[^0-9]", "");
        } catch (IOException | UnsupportedOperationException e) {
            return "host";
        }
    }
}
