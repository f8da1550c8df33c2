package dev.culvert.client.up;

import dev.culvert.command.control.AskOptions;
import dev.culvert.token.holder.HolderStateOption;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code client status}. */
@Command(
        name = "status",
        description = {
            "Says how the client is that is up: its gateway and link, its token, agents, routes, flows, bytes.",
            "It is asked on its control socket; see 'client up --control-socket'."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 3 no client is up.")
public final class ClientStatusCommand implements Callable<Integer> {
    /** Where the socket of the systemd service is, whose state directory is closed to all but root. */
    private static final Path SERVICE = Path.of("/run/culvert-client/client.sock");

    @Mixin
    AskOptions options = new AskOptions();

    @Mixin
    AskOptions.Watch watch = new AskOptions.Watch();

    @Mixin
    HolderStateOption state = new HolderStateOption();

    /** Used by picocli. */
    public ClientStatusCommand() {}

    @Override
    public Integer call() throws IOException {
        return watch.ask(options, places(), "status", ClientStatusText::of);
    }

    private List<Path> places() {
        Path own = ClientJournal.socket(state.path("client"));
        return state.isNamed() ? List.of(own) : List.of(own, SERVICE);
    }
}
