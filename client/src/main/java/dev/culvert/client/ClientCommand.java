package dev.culvert.client;

import dev.culvert.token.cli.HolderKeyCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code client} command. */
@Command(
        name = "client",
        description = "Brings this machine into the networks behind a gateway's agents.",
        mixinStandardHelpOptions = true,
        versionProvider = ClientCommand.Version.class,
        subcommands = {UpCommand.class, ListCommand.class, DownCommand.class, HolderKeyCommand.class},
        footerHeading = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 130 or 143 ended by SIGINT or SIGTERM.%n")
public final class ClientCommand implements Runnable {
    @Spec
    CommandSpec spec = CommandSpec.create();

    /** Used by picocli. */
    public ClientCommand() {}

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        CommandLine line = new CommandLine(new ClientCommand());
        line.setUsageHelpAutoWidth(true);
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            command.getErr().println("client: " + (e.getMessage() == null ? e.toString() : e.getMessage()));
            command.getErr().flush();
            return CommandLine.ExitCode.SOFTWARE;
        });
        line.setParameterExceptionHandler((e, args) -> {
            CommandLine command = e.getCommandLine();
            command.getErr().println("client: " + e.getMessage());
            command.getErr().println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
            command.getErr().flush();
            return CommandLine.ExitCode.USAGE;
        });
        return line;
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: up, list, down or key");
    }

    /** The version in the jar's manifest. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = ClientCommand.class.getPackage().getImplementationVersion();
            return new String[] {"culvert client " + (version == null ? "(development build)" : version)};
        }
    }
}
