package dev.culvert.client.uplink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Where a client that is up can be found: a place for each network namespace, for there is one client in each. */
public final class ClientPlaces {
    /** Where the socket of the systemd service is, whose state directory is closed to all but root. */
    private static final Path SERVICE = Path.of("/run/culvert-client/client.sock");

    private ClientPlaces() {}

    /** The control socket of the one that is up with this state directory. */
    public static Path control(Path directory) {
        return directory.resolve("client-" + namespace() + ".sock");
    }

    /** Where a control socket may be: of the client with this state directory, or of the service. */
    public static List<Path> controls(Path directory) {
        return List.of(control(directory), SERVICE);
    }

    /** The socket for flows, which is beside the control socket. */
    public static Path flows(Path control) {
        return control.resolveSibling(control.getFileName() + ".flows");
    }

    /** The number in {@code net:[4026531840]}; "host" where there are no namespaces. */
    public static String namespace() {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/ns/net"))
                    .toString()
                    .replaceAll("[^0-9]", "");
        } catch (IOException | UnsupportedOperationException e) {
            return "host";
        }
    }
}
