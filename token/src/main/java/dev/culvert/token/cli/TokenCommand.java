package dev.culvert.token.cli;

import java.io.InputStream;
import java.io.PrintWriter;
import java.time.Clock;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code token} command. Holds what its subcommands share: the clock, the environment and standard input. */
@Command(
        name = "token",
        description = "Makes the keys of a Culvert network and mints tokens for its agents and clients.",
        mixinStandardHelpOptions = true,
        versionProvider = TokenCommand.Version.class,
        subcommands = {InitCommand.class, AgentCommand.class, ClientCommand.class, ShowCommand.class},
        footerHeading = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.%n",
        footer = {
            "",
            "First steps:",
            "  token init --gateway wss://vpn.example:443",
            "  token agent --name office --routes 192.168.77.0/24 --out office.token",
            "  token client --name laptop --allow office:192.168.77.0/24 --out laptop.token"
        })
public final class TokenCommand implements Runnable {
    final InputStream stdin;
    final Map<String, String> env;
    final Clock clock;

    @Spec
    @Nullable
    CommandSpec spec;

    TokenCommand(InputStream stdin, Map<String, String> env, Clock clock) {
        this.stdin = stdin;
        this.env = env;
        this.clock = clock;
    }

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        System.exit(commandLine(System.in, System.getenv(), Clock.systemUTC()).execute(args));
    }

    /** The command, ready to execute; errors are one line, never a stack trace. */
    static CommandLine commandLine(InputStream stdin, Map<String, String> env, Clock clock) {
        CommandLine line = new CommandLine(new TokenCommand(stdin, env, clock));
        line.setUsageHelpAutoWidth(true);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            fail(command, e.getMessage() == null ? e.toString() : e.getMessage());
            return CommandLine.ExitCode.SOFTWARE;
        });
        line.setParameterExceptionHandler((e, args) -> {
            CommandLine command = e.getCommandLine();
            fail(command, e.getMessage() == null ? e.toString() : e.getMessage());
            command.getErr().println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
            command.getErr().flush();
            return CommandLine.ExitCode.USAGE;
        });
        return line;
    }

    private static void fail(CommandLine command, String message) {
        PrintWriter err = command.getErr();
        err.println("token: " + message.replace('\n', ' ').replace('\r', ' '));
        err.flush();
    }

    @Override
    public void run() {
        CommandSpec own = java.util.Objects.requireNonNull(spec, "picocli sets the spec before it runs a command");
        throw new ParameterException(own.commandLine(), "say what to do: init, agent, client or show");
    }

    /** The version in the jar's manifest. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = TokenCommand.class.getPackage().getImplementationVersion();
            return new String[] {"culvert token " + (version == null ? "(development build)" : version)};
        }
    }
}
