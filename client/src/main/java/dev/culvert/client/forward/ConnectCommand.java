package dev.culvert.client.forward;

import dev.culvert.client.uplink.ClientCandidates;
import dev.culvert.client.uplink.FlowAttempt;
import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.client.uplink.JoinOptions;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.RunningUplink;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.command.Shutdown;
import dev.culvert.text.Printable;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.ProfileOption;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.Relay;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client connect}: standard input and output joined to one flow. */
@Command(
        name = "connect",
        description = {
            "Joins standard input and output to one TCP connection through an agent. Needs no root and changes nothing on this"
                    + " machine.",
            "For ssh:  ssh -o ProxyCommand='client connect office:%%h:%%p' host"
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = {
            "%nExit codes: 0 both sides have ended, 1 it failed or was cut short, 2 wrong usage,",
            "11 connection refused, 12 timed out, 13 unreachable, 14 not permitted,",
            "15 name not found, 16 no room for it now."
        })
public final class ConnectCommand implements Callable<Integer> {
    /** To the gateway and what it says: connecting has 15 s itself. */
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** When both sides have ended, until the far end has said that it has all. */
    private static final Duration LAST_BYTES = Duration.ofSeconds(10);

    /** On a signal it ends within this. */
    private static final Duration SHUTDOWN = Duration.ofSeconds(5);

    private final InputStream in;
    private final OutputStream out;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            paramLabel = "[AGENT:]HOST:PORT",
            completionCandidates = ClientCandidates.Targets.class,
            description =
                    "Where to. HOST is an address, or a name that the agent resolves. Without AGENT through the one that serves it; with it an address is the one that it has there.")
    String target = "";

    @Mixin
    HolderOptions options = new HolderOptions();

    @Mixin
    ProfileOption profile = new ProfileOption();

    @Mixin
    JoinOptions join = new JoinOptions();

    @Option(
            names = {"-v", "--verbose"},
            description = "Say on standard error what becomes of the link.")
    boolean verbose;

    /** Used by picocli. */
    public ConnectCommand() {
        this(new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out));
    }

    ConnectCommand(InputStream in, OutputStream out) {
        this.in = in;
        this.out = out;
    }

    @Override
    public Integer call() throws Exception {
        FlowTarget to;
        try {
            to = FlowTarget.parse(Destination.TCP, target);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
        if ("-".equals(spec.commandLine().getParseResult().matchedOptionValue("--token-file", ""))) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--token-file -: standard input is the connection's; give the token in a file or in CULVERT_TOKEN");
        }
        Voice voice = verbose ? this::say : line -> {};
        Shutdown stop = new Shutdown(SHUTDOWN);
        try (RunningUplink running = RunningUplink.open(options, profile.name(), RouteTable.Wanted::by, join, voice)) {
            requireAgent(running, to);
            return run(running, to, stop);
        } finally {
            stop.done();
        }
    }

    private void requireAgent(RunningUplink running, FlowTarget to) {
        if (to.agent() != null) {
            try {
                running.requireAgent(to.agent());
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), target + ": " + e.getMessage());
            }
        }
    }

    private int run(RunningUplink running, FlowTarget to, Shutdown stop) throws Exception {
        CompletableFuture<End> end = new CompletableFuture<>();
        running.uplink().failed().thenAccept(why -> end.complete(new End(CommandLine.ExitCode.SOFTWARE, why)));
        stop.asked().thenRun(() -> end.complete(End.IN_ORDER)); // the signal says the rest
        running.uplink().start(new Start(running, to, end));
        running.loop().schedule(() -> late(running.uplink(), end), PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        End how = end.get();
        if (how.cause != null) {
            say(to.why(how.cause));
        } else if (!stop.asked().isDone()) {
            if (!running.awaitFlows(LAST_BYTES)
                    && how.code == CommandLine.ExitCode.OK
                    && !stop.asked().isDone()) {
                say(to + ": the far end has not said within " + LAST_BYTES.toSeconds()
                        + " s that it has all; the last bytes may be lost");
                return CommandLine.ExitCode.SOFTWARE;
            }
        }
        return how.code;
    }

    private static void late(Uplink uplink, CompletableFuture<End> end) {
        if (!uplink.isTold()) {
            String trouble = uplink.status().trouble();
            end.complete(new End(
                    CommandLine.ExitCode.SOFTWARE,
                    new FlowException(
                            Reason.LINK_LOST,
                            "no link to the gateway within " + PATIENCE.toSeconds() + " s"
                                    + (trouble.isEmpty() ? "" : ": " + trouble))));
        }
    }

    private void say(String line) {
        spec.commandLine().getErr().println("client: " + Printable.line(line));
        spec.commandLine().getErr().flush();
    }

    /** How it ended. */
    private record End(int code, @Nullable Throwable cause) {
        static final End IN_ORDER = new End(CommandLine.ExitCode.OK, null);
    }

    /** Exit codes of a connection that there never was; none of them is what a shell or another command of ours says. */
    static int exitCode(Reason refusal) {
        return switch (refusal) {
            case CONNECTION_REFUSED, RESET, UNKNOWN, MOVED -> 11;
            case TIMED_OUT -> 12;
            case HOST_UNREACHABLE, NETWORK_UNREACHABLE, NO_AGENT, UNSPECIFIED, PROTOCOL_ERROR, IDLE -> 13;
            case PROHIBITED, UNSUPPORTED -> 14;
            case NAME_NOT_FOUND -> 15;
            case OVERLOADED, LINK_LOST, SHUTTING_DOWN, CANCELLED -> 16;
        };
    }

    /** Opens the flow once the gateway has said what there is. Event loop. */
    private final class Start implements Uplink.Listener, FlowAttempt.Listener {
        private final RunningUplink running;
        private final FlowTarget to;
        private final CompletableFuture<End> end;
        private boolean begun;

        Start(RunningUplink running, FlowTarget to, CompletableFuture<End> end) {
            this.running = running;
            this.to = to;
            this.end = end;
        }

        @Override
        public void announced(RouteTable routes) {
            if (!begun) {
                begun = true;
                FlowAttempt.begin(running.loop(), handler -> to.open(running.uplink(), null, handler), this);
            }
        }

        @Override
        public void opened(LinkFlow flow) {
            StandardStreams streams = new StandardStreams(in, out);
            streams.config().setAutoRead(false).setWriteBufferWaterMark(flow.bufferMarks());
            running.loop().register(streams);
            Relay.join(
                    streams,
                    flow,
                    (up, down, cause) ->
                            end.complete(cause == null ? End.IN_ORDER : new End(CommandLine.ExitCode.SOFTWARE, cause)));
        }

        @Override
        public void refused(FlowException why) {
            end.complete(new End(exitCode(why.reason()), why));
        }
    }
}
