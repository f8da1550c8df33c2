package dev.culvert.agent;

import dev.culvert.token.AgentToken;
import dev.culvert.token.HolderDirectory;
import dev.culvert.token.HolderKey;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenReader;
import dev.culvert.token.cli.HolderKeyCommand;
import dev.culvert.token.cli.TokenOption;
import dev.culvert.tunnel.LinkConnector;
import dev.culvert.tunnel.LinkRefusedException;
import dev.culvert.tunnel.LinkSettings;
import java.nio.file.Path;
import java.util.Base64;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
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
        versionProvider = AgentCommand.Version.class,
        subcommands = HolderKeyCommand.class,
        footerHeading =
                "%nExit codes: 1 it failed (also: the gateway refuses the token), 2 wrong usage, 130 or 143 ended by SIGINT or SIGTERM.%n",
        footer = "The token comes from --token-file, from CULVERT_TOKEN, or from standard input (--token-file -).")
public final class AgentCommand implements Callable<Integer> {
    /** Closing the links takes less than this. */
    private static final long SHUTDOWN_MILLIS = 4_000;

    /**
     * Opened when the links are closed. The shutdown hook waits for this, not for the main thread: that one goes on into
     * System.exit, which never returns while the JVM is shutting down.
     */
    private final CountDownLatch done = new CountDownLatch(1);

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
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        CommandLine line = new CommandLine(new AgentCommand());
        line.setUsageHelpAutoWidth(true);
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            command.getErr().println("agent: " + (e.getMessage() == null ? e.toString() : e.getMessage()));
            command.getErr().flush();
            return CommandLine.ExitCode.SOFTWARE;
        });
        line.setParameterExceptionHandler((e, args) -> {
            e.getCommandLine().getErr().println("agent: " + e.getMessage());
            e.getCommandLine().getErr().println("Try 'agent --help'.");
            e.getCommandLine().getErr().flush();
            return CommandLine.ExitCode.USAGE;
        });
        return line;
    }

    @Override
    public Integer call() throws Exception {
        String jwt = tokenOption.resolve(System.getenv(), System.in, w -> System.err.println("agent: warning: " + w));
        AgentToken token = read(jwt);
        String pin = token.pin();
        HolderKey key = HolderKey.forToken(state != null ? state : HolderDirectory.of("agent", System.getenv()), token);
        LinkConnector connector = new LinkConnector(
                token.gateway(),
                pin == null ? null : Base64.getUrlDecoder().decode(pin),
                jwt,
                key == null ? null : key.pair());
        try (Agent agent = new Agent(token, connector, LinkSettings.DEFAULT)) {
            Thread main = Thread.currentThread();
            Runtime.getRuntime()
                    .addShutdownHook(new Thread(
                            () -> {
                                main.interrupt();
                                try {
                                    done.await(SHUTDOWN_MILLIS, TimeUnit.MILLISECONDS);
                                } catch (InterruptedException e) {
                                    Thread.currentThread().interrupt();
                                }
                            },
                            "stop"));
            agent.start();
            LinkRefusedException refused = agent.refused().get();
            throw refused;
        } catch (InterruptedException e) {
            return CommandLine.ExitCode.OK;
        } finally {
            done.countDown();
        }
    }

    private static AgentToken read(String jwt) throws TokenException {
        return (AgentToken) TokenReader.read(jwt, Token.Kind.AGENT);
    }

    /** The version in the jar's manifest. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = AgentCommand.class.getPackage().getImplementationVersion();
            return new String[] {"culvert agent " + (version == null ? "(development build)" : version)};
        }
    }
}
