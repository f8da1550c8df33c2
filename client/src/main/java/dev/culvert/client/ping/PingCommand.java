package dev.culvert.client.ping;

import dev.culvert.address.IpLiteral;
import dev.culvert.client.uplink.ClientCandidates;
import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.client.uplink.JoinOptions;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.RunningUplink;
import dev.culvert.command.Shutdown;
import dev.culvert.text.Printable;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.ProfileOption;
import dev.culvert.tunnel.frame.Destination;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.Inet6Address;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client ping}. */
@Command(
        name = "ping",
        description = {
            "Pings a host behind an agent, and says how long it takes to the gateway, to the agent and to the host, there and"
                    + " back each. Needs no root, and no client that is up.",
            "The agent's time has the look-up of a name in it; names are resolved by the agent."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = "%nExit codes: 0 the host has answered, 1 it has not, or it failed, 2 wrong usage.")
public final class PingCommand implements Callable<Integer> {
    /** To the gateway and what it says: connecting has 15 s itself. */
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static final Duration SHUTDOWN = Duration.ofSeconds(5);

    private static final int MAX_COUNT = 100_000;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            paramLabel = "[AGENT:]HOST",
            completionCandidates = ClientCandidates.Targets.class,
            description = "An address, or a name that the token grants.")
    String target = "";

    @Option(
            names = {"-c", "--count"},
            paramLabel = "N",
            defaultValue = "4",
            description = "How often. Default: ${DEFAULT-VALUE}, a second apart.")
    int count = 4;

    @Mixin
    HolderOptions options = new HolderOptions();

    @Mixin
    ProfileOption profile = new ProfileOption();

    @Mixin
    JoinOptions join = new JoinOptions();

    /** Used by picocli. */
    public PingCommand() {}

    @Override
    public Integer call() throws Exception {
        if (count < 1 || count > MAX_COUNT) {
            throw new ParameterException(spec.commandLine(), "--count " + count + ": allowed are 1 to " + MAX_COUNT);
        }
        FlowTarget to = parse(target);
        Shutdown stop = new Shutdown(SHUTDOWN);
        try (RunningUplink running =
                RunningUplink.open(options, profile.name(), RouteTable.Wanted::by, join, line -> {})) {
            if (to.agent() != null) {
                try {
                    running.requireAgent(to.agent());
                } catch (IllegalArgumentException e) {
                    throw new ParameterException(spec.commandLine(), target + ": " + e.getMessage());
                }
            }
            return run(running, to, stop);
        } finally {
            stop.done();
        }
    }

    /** An echo has an identifier where others have a port. */
    private FlowTarget parse(String text) {
        int identifier = ThreadLocalRandom.current().nextInt(1, 1 << 16);
        String host = IpLiteral.parse(text) instanceof Inet6Address ? "[" + text + "]" : text;
        try {
            return FlowTarget.parse(Destination.ICMP, host + ":" + identifier);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(
                    spec.commandLine(),
                    "'" + Printable.shorten(text) + "' is neither an address nor a host's name; write [AGENT:]HOST");
        }
    }

    private int run(RunningUplink running, FlowTarget to, Shutdown stop) throws Exception {
        Pings pings = new Pings(running.uplink(), to, running::roundTripMicros, count, round -> say(round.text()));
        CompletableFuture<Throwable> failed = running.uplink().failed();
        failed.thenAccept(why -> running.loop().execute(pings::end));
        stop.asked().thenRun(() -> running.loop().execute(pings::end));
        running.uplink().start(pings);
        CompletableFuture<Throwable> late = new CompletableFuture<>();
        running.loop()
                .schedule(
                        () -> {
                            if (!running.uplink().isTold()) {
                                String trouble = running.uplink().status().trouble();
                                late.complete(new IOException("no link to the gateway within " + PATIENCE.toSeconds()
                                        + " s" + (trouble.isEmpty() ? "" : ": " + trouble)));
                                pings.end();
                            }
                        },
                        PATIENCE.toMillis(),
                        TimeUnit.MILLISECONDS);
        List<Round> rounds = pings.all().get();
        Throwable why = failed.getNow(late.getNow(null));
        if (why != null) {
            throw new IOException(why.getMessage(), why);
        }
        if (!rounds.isEmpty()) {
            say(Round.summary(rounds));
        }
        return rounds.stream().anyMatch(r -> r.host() > 0) ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    private void say(String line) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(Printable.line(line));
        out.flush();
    }
}
