package dev.culvert.token.cli;

import dev.culvert.command.Printable;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * What the four commands have in common: errors of one line on standard error, exit codes 0, 1 and 2, a version, and the
 * subcommands {@code completion} and {@code man}.
 */
public final class Program {
    private Program() {}

    /** Runs a command and ends the process with its exit code. */
    public static void main(Object command, String[] args) {
        CommandLine line = commandLine(command);
        int code = line.execute(args);
        if (code == CommandLine.ExitCode.OK && System.out.checkError()) {
            // A print stream keeps to itself why. What was asked for was not delivered: a token, perhaps.
            System.err.println(
                    line.getCommandName() + ": standard output could not be written: see to its disk, or who reads it");
            code = CommandLine.ExitCode.SOFTWARE;
        }
        System.exit(code);
    }

    /** The command, ready to execute. */
    public static CommandLine commandLine(Object command) {
        CommandLine line = new CommandLine(command);
        line.addSubcommand(new CompletionCommand());
        line.addSubcommand(new ManCommand());
        line.setUsageHelpAutoWidth(true);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExecutionExceptionHandler((e, where, parsed) -> {
            if (!Shutdown.isRequested()) {
                complain(where, e);
            }
            return CommandLine.ExitCode.SOFTWARE;
        });
        line.setParameterExceptionHandler((e, args) -> {
            CommandLine where = e.getCommandLine();
            complain(where, withUnknown(e, args));
            where.getErr().println("Try '" + where.getCommandSpec().qualifiedName() + " --help'.");
            where.getErr().flush();
            return CommandLine.ExitCode.USAGE;
        });
        setVersion(line);
        return line;
    }

    /**
     * A misspelt option is what is wrong, not the required one that it leaves out; and what was meant is said.
     *
     * @param args the whole command line
     */
    private static CommandLine.ParameterException withUnknown(CommandLine.ParameterException e, String[] args) {
        CommandLine where = e.getCommandLine();
        CommandLine.UnmatchedArgumentException unknown = null;
        if (e instanceof CommandLine.UnmatchedArgumentException unmatched) {
            unknown = unmatched;
        } else if (e instanceof CommandLine.MissingParameterException) {
            List<String> options = Arrays.stream(args)
                    .takeWhile(a -> !a.equals("--"))
                    .filter(a -> a.startsWith("--"))
                    .map(a -> a.replaceFirst("=.*", ""))
                    .filter(a -> !where.getCommandSpec().optionsMap().containsKey(a))
                    .limit(1)
                    .toList();
            unknown = options.isEmpty() ? null : new CommandLine.UnmatchedArgumentException(where, options);
        }
        if (unknown == null) {
            return e;
        }
        List<String> meant = unknown.getSuggestions();
        return new CommandLine.ParameterException(
                where, unknown.getMessage() + (meant.isEmpty() ? "" : "; did you mean " + meant.get(0) + "?"));
    }

    private static void setVersion(CommandLine line) {
        line.getCommandSpec().versionProvider(new Version(line.getCommandSpec().root()));
        line.getSubcommands().values().forEach(Program::setVersion);
    }

    private static void complain(CommandLine where, Exception e) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        PrintWriter err = where.getErr();
        err.println(where.getCommandSpec().root().name() + ": "
                + Printable.line(message.replace('\n', ' ').replace('\r', ' ')));
        err.flush();
    }

    /** The version in the manifest of the jar that the command is in. */
    private record Version(CommandSpec root) implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"culvert " + root.name() + " " + version(root)};
        }
    }

    /** The version in the manifest of the jar that a command is in. */
    static String version(CommandSpec command) {
        String version = command.root().userObject().getClass().getPackage().getImplementationVersion();
        return version == null ? "(development build)" : version;
    }

    /** A subcommand that prints a text made of the whole program's options. */
    abstract static class Printed implements Runnable {
        @Spec
        CommandSpec spec = CommandSpec.create();

        abstract String of(CommandSpec root);

        @Override
        public final void run() {
            PrintWriter out = spec.commandLine().getOut();
            out.print(of(spec.root()));
            out.flush();
        }
    }

    /** {@code completion}: for the shell. */
    @CommandLine.Command(
            name = "completion",
            description = {
                "Prints a script that completes this command's options in bash and zsh.",
                "To use it, put this into ~/.bashrc:  source <(COMMAND completion)"
            },
            mixinStandardHelpOptions = true,
            footer = "%nExit codes: 0 done, 2 wrong usage.")
    static final class CompletionCommand extends Printed {
        @Override
        String of(CommandSpec root) {
            return picocli.AutoComplete.bash(root.name(), root.commandLine());
        }
    }

    /** {@code man}: the manual page. */
    @CommandLine.Command(
            name = "man",
            description = {
                "Prints the manual page of this command and all of its subcommands, for man(1).",
                "To read it:  COMMAND man | man -l -"
            },
            mixinStandardHelpOptions = true,
            footer = "%nExit codes: 0 done, 2 wrong usage.")
    static final class ManCommand extends Printed {
        @Override
        String of(CommandSpec root) {
            return ManPage.of(root);
        }
    }
}
