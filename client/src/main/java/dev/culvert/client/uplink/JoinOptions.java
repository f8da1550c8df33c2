package dev.culvert.client.uplink;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Whether a command goes through a client that is up on this machine, as a picocli mixin. */
public final class JoinOptions {
    @Option(
            names = "--own-link",
            description = {
                "Make a link to the gateway for this command alone.",
                "Default: while a client of the same token is up here, and its control socket lets this user ask, through that one's link."
            })
    boolean ownLink;

    @Option(
            names = "--control-socket",
            paramLabel = "FILE",
            description = "Control socket of the client that is up, when it was given that option too.")
    @Nullable
    Path socket;

    /** Used by picocli. */
    public JoinOptions() {}

    /** Where the socket for flows may be of a client that is up, if it has this state directory or is the service; none for an own link. */
    List<Path> places(Path directory) {
        if (ownLink) {
            return List.of();
        }
        List<Path> controls = socket == null ? ClientPlaces.controls(directory) : List.of(socket);
        return controls.stream().map(ClientPlaces::flows).toList();
    }
}
