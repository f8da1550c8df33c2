package dev.culvert.gateway.command;

import dev.culvert.command.control.AskOptions;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code gateway status}. */
@Command(
        name = "status",
        description = {
            "Says what the running gateway is doing: who is connected, its certificate, its policy, what it has counted.",
            "It is asked on its control socket; see 'gateway --control-socket'."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 3 the gateway is not running.")
final class StatusCommand implements Callable<Integer> {
    /** The socket's name in the state directory. */
    static final String SOCKET = "gateway.sock";

    /** Where the socket of the systemd service is, whose state directory is closed to all but root. */
    private static final Path SERVICE = Path.of("/run/culvert", SOCKET);

    @Mixin
    AskOptions options = new AskOptions();

    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = "State directory of the gateway, if it has another than usual.")
    @Nullable
    Path state;

    @Override
    public Integer call() throws IOException {
        return options.ask(sockets(state), "status", Map.of(), StatusText::of);
    }

    /** Where the gateway's socket may be. */
    static List<Path> sockets(@Nullable Path state) {
        return state != null
                ? List.of(state.resolve(SOCKET))
                : List.of(StateDirectory.defaultPath().resolve(SOCKET), SERVICE);
    }
}
