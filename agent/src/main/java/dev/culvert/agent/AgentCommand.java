package dev.culvert.agent;

import dev.culvert.token.AgentToken;
import dev.culvert.token.HolderDirectory;
import dev.culvert.token.HolderKey;
import dev.culvert.token.Token;
import dev.culvert.token.TokenReader;
import dev.culvert.token.cli.HolderKeyCommand;
import dev.culvert.token.cli.Program;
import dev.culvert.token.cli.Shutdown;
import dev.culvert.token.cli.TokenOption;
import dev.culvert.tunnel.LinkConnector;
import dev.culvert.tunnel.LinkRefusedException;
import dev.culvert.tunnel.LinkSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The {@code agent} command. */
@Command(
        name = "agent",
        description =
                "Serves the networks of its token: runs inside a LAN, without privileges, and dials what clients ask for.",
        mixinStandardHelpOptions = true,
        subcommands = HolderKeyCommand.class,
        footerHeading =
                "%nExit codes: 1 it failed (also: the gateway refuses the token), 2 wrong usage, 130 or 143 ended by SIGINT or SIGTERM.%n",
        footer = "The token comes from --token-file, from CULVERT_TOKEN, or from standard input (--token-file -).")
public final class AgentCommand implements Callable<Integer> {
    /** Closing the links takes less than this. */
    private static final Duration SHUTDOWN = Duration.ofSeconds(4);

    @Mixin
    TokenOption tokenOption = new TokenOption();

    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = {
                "Directory for the key of a token that is bound to one.",
                "Default: $$STATE_DIRECTORY, else /var/lib/culvert/agent as root, else ~/.local/state/culvert/agent."
            })
    @Nullable
    Path state;

    /** Used by picocli. */
    public AgentCommand() {}

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        Program.main(new AgentCommand(), args);
    }

    @Override
    public Integer call() throws Exception {
        String jwt = tokenOption.resolve(System.getenv(), System.in, w -> System.err.println("agent: warning: " + w));
        AgentToken token = (AgentToken) TokenReader.read(jwt, Token.Kind.AGENT);
        String pin = token.pin();
        HolderKey key = HolderKey.forToken(state != null ? state : HolderDirectory.of("agent", System.getenv()), token);
        List<LinkConnector> connectors = LinkConnector.all(
                token.gateways(),
                pin == null ? null : Base64.getUrlDecoder().decode(pin),
                jwt,
                key == null ? null : key.pair());
        Shutdown stop = new Shutdown(SHUTDOWN);
        try (Agent agent = new Agent(token, connectors, LinkSettings.DEFAULT)) {
            agent.start();
            LinkRefusedException refused = agent.refused().get();
            throw refused;
        } catch (InterruptedException e) {
            return CommandLine.ExitCode.OK; // the signal; all is closed
        } finally {
            stop.done();
        }
    }
}
