package dev.culvert.client.up;

import dev.culvert.client.uplink.ClientPlaces;
import dev.culvert.command.control.AskOptions;
import dev.culvert.token.holder.HolderStateOption;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

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
    private final Path proc;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Mixin
    AskOptions options = new AskOptions();

    @Mixin
    AskOptions.Watch watch = new AskOptions.Watch();

    @Mixin
    HolderStateOption state = new HolderStateOption();

    /** Used by picocli. */
    public ClientStatusCommand() {
        this(Path.of("/proc"));
    }

    ClientStatusCommand(Path proc) {
        this.proc = proc;
    }

    @Override
    public Integer call() throws IOException {
        options.ifNotThere(this::lookForOthers);
        return watch.ask(options, places(state), "status", ClientStatusText::of);
    }

    /** Root's state, say, is not for another user to look into: to him it is as if there was none. */
    private void lookForOthers() throws IOException {
        List<Long> others =
                new RunningClients(proc, spec.root().userObject().getClass().getName()).find();
        if (!others.isEmpty()) {
            throw new IOException(
                    RunningClients.named(others) + " is a client that is up here, but does not answer at "
                            + ClientPlaces.control(state.path("client"))
                            + "; run this as its user (with sudo, if that was with sudo) and with its --state or --control-socket");
        }
    }

    /** Where the socket of a client that is up may be. */
    static List<Path> places(HolderStateOption state) {
        Path directory = state.path("client");
        return state.isNamed() ? List.of(ClientPlaces.control(directory)) : ClientPlaces.controls(directory);
    }
}
