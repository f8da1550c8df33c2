package dev.culvert.agent;

import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.token.AgentToken;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderKeyCommand;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.link.LinkSettings;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The {@code agent} command. */
@Command(
        name = "agent",
        description =
                "Serves the networks of its token: runs inside a LAN, without privileges, and dials what clients ask for.",
        mixinStandardHelpOptions = true,
        subcommands = HolderKeyCommand.class,
        footerHeading =
                "%nExit codes: 1 it failed, 2 wrong usage, 129, 130 or 143 ended by SIGHUP, SIGINT or SIGTERM. A gateway that cannot be reached, or that refuses the token, is asked again.%n",
        footer = "The token comes from --token-file, from CULVERT_TOKEN, or from standard input (--token-file -).")
public final class AgentCommand implements Callable<Integer> {
    /** Draining and closing the links takes less than this. */
    private static final Duration SHUTDOWN =
            Draining.GRACE.plus(Draining.ANSWER).plusSeconds(4);

    @Mixin
    HolderOptions options = new HolderOptions();

    /** Used by picocli. */
    public AgentCommand() {}

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        Program.main(new AgentCommand(), args);
    }

    @Override
    public Integer call() throws Exception {
        HolderOptions.Holder holder = options.read(Token.Kind.AGENT);
        AgentToken token = (AgentToken) holder.token();
        List<LinkConnector> connectors =
                LinkConnector.all(token.gateways(), holder.pin(), holder.jwt(), options.keys(token));
        Shutdown stop = new Shutdown(SHUTDOWN);
        try (Instance instance = Instance.noted(() -> options.directory(token.kind()), token.name());
                Agent agent = new Agent(token, instance, connectors, LinkSettings.DEFAULT)) {
            agent.start();
            stop.await();
            CompletableFuture.anyOf(agent.drain(), stop.askedAgain()).join();
            return CommandLine.ExitCode.OK;
        } finally {
            stop.done();
        }
    }
}
