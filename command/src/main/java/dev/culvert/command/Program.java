package dev.culvert.command;

import dev.culvert.text.FileError;
import dev.culvert.text.LogFormat;
import dev.culvert.text.LogLine;
import dev.culvert.text.Printable;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * What the four commands have in common: errors of one line on standard error, exit codes 0, 1 and 2, a version, and the
 * subcommands {@code completion} and {@code man}.
 */
public final class Program {
    /** Who read standard output has gone, as {@code head} does: what a shell says of a program that SIGPIPE ended. */
    static final int READER_GONE = 141;

    /** What a shell may be handed as a word: nothing that it would take for more than that. */
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}._:/@=\\[\\]+-]+");

    private Program() {}

    /** Runs a command and ends the process with its exit code. */
    public static void main(Object command, String[] args) {
        CommandLine line = commandLine(command, args);
        int code = line.execute(args);
        if (code == CommandLine.ExitCode.OK && System.out.checkError()) {
            code = unprinted(line.getCommandName());
        }
        System.exit(code);
    }

    /** What was asked for was not delivered: a token, perhaps. A print stream keeps to itself why, so it is asked once more. */
    private static int unprinted(String program) {
        String why = "see to its disk, or who reads it";
        try (FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
            out.write('\n');
        } catch (IOException e) {
            why = FileError.reason(e);
        }
        if (why.equals("Broken pipe")) {
            return READER_GONE;
        }
        System.err.println(program + ": standard output could not be written: " + why);
        return CommandLine.ExitCode.SOFTWARE;
    }

    /** With no more subcommands than these arguments ask for. */
    static CommandLine commandLine(Object command, String[] args) {
        if (args.length > 0 && command instanceof Subcommands with) {
            if (args[0].equals("--version") || args[0].equals("-V")) {
                return commandLine(command, List.of());
            }
            for (Class<?> sub : with.subcommands()) {
                if (sub.getAnnotation(CommandLine.Command.class).name().equals(args[0])) {
                    return commandLine(command, List.of(sub));
                }
            }
        }
        return commandLine(command); // runs by itself, or is to say what there is
    }

    /** The command, ready to execute. */
    public static CommandLine commandLine(Object command) {
        List<Object> all = new ArrayList<>();
        if (command instanceof Subcommands with) {
            all.addAll(with.subcommands());
        }
        all.add(new CompletionCommand());
        all.add(new ManCommand());
        if (command instanceof Completing completing) {
            all.add(new CompleteCommand(completing));
        }
        return commandLine(command, all);
    }

    private static CommandLine commandLine(Object command, List<?> subcommands) {
        CommandLine line = new CommandLine(command);
        subcommands.forEach(line::addSubcommand);
        // Of all subcommands: @FILE would put a file's text, a token perhaps, in the place of an argument and into
        // errors.
        line.setExpandAtFiles(false);
        line.setUsageHelpAutoWidth(true);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExecutionExceptionHandler((e, where, parsed) -> {
            if (refusesToken(where, parsed.originalArgs())) {
                return CommandLine.ExitCode.USAGE;
            }
            if (!Shutdown.isRequested()) {
                complain(where, e.getMessage() == null ? e.toString() : e.getMessage());
            }
            return where.getCommandSpec().root().userObject() instanceof CommandLine.IExitCodeExceptionMapper mapper
                    ? mapper.getExitCode(e)
                    : CommandLine.ExitCode.SOFTWARE;
        });
        line.setParameterExceptionHandler((e, args) -> {
            CommandLine where = e.getCommandLine();
            if (refusesToken(where, List.of(args))) {
                return CommandLine.ExitCode.USAGE;
            }
            complain(where, WrongUsage.words(e, args));
            where.getErr().println("Try '" + where.getCommandSpec().qualifiedName() + " --help'.");
            where.getErr().flush();
            return CommandLine.ExitCode.USAGE;
        });
        WrongUsage.convert(line);
        setVersion(line);
        return line;
    }

    /** Whatever is wrong: a token that was typed where a file's name belongs would be quoted in what is said of it. */
    private static boolean refusesToken(CommandLine where, List<String> args) {
        if (args.stream().noneMatch(TokenArgument::isIn)) {
            return false;
        }
        complain(where, TokenArgument.REFUSED);
        return true;
    }

    private static void setVersion(CommandLine line) {
        line.getCommandSpec().versionProvider(new Version(line.getCommandSpec().root()));
        line.getSubcommands().values().forEach(Program::setVersion);
    }

    private static void complain(CommandLine where, String message) {
        PrintWriter err = where.getErr();
        err.println(line(
                where.getCommandSpec().root().name(),
                "ERROR",
                message.replace('\n', ' ').replace('\r', ' ')));
        err.flush();
    }

    /**
     * What a program says of itself, beside its log, as one line in the format that was chosen: behind its name, or as JSON.
     *
     * @param level INFO, WARN, ERROR; of JSON alone
     */
    public static String line(String program, String level, String message) {
        return LogFormat.current() == LogFormat.JSON
                ? new LogLine(Instant.now(), level, program, message).toString()
                : program + ": " + Printable.line(message);
    }

    /** The version in the manifest of the jar that the command is in. */
    private record Version(CommandSpec root) implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"culvert " + root.name() + " " + version(root)};
        }
    }

    /** The version in the manifest of the jar that a command is in. */
    public static String version(CommandSpec command) {
        String version = command.root().userObject().getClass().getPackage().getImplementationVersion();
        return version == null ? "(development build)" : version;
    }

    /** {@code completion}: for the shell. */
    @CommandLine.Command(
            name = "completion",
            description = {
                "Prints a script that completes this command in a shell.",
                "To use it in bash, put this into ~/.bashrc:  source <(COMMAND completion)"
            },
            mixinStandardHelpOptions = true,
            footer = {
                "%nIn zsh, after compinit:  source <(COMMAND completion zsh)",
                "In fish:  COMMAND completion fish | source",
                "%nExit codes: 0 done, 2 wrong usage."
            })
    static final class CompletionCommand implements Runnable {
        @Spec
        CommandSpec spec = CommandSpec.create();

        @Parameters(
                arity = "0..1",
                paramLabel = "SHELL",
                description = "${COMPLETION-CANDIDATES}. Default: bash.",
                converter = ShellName.class,
                completionCandidates = ShellName.class)
        Completion.Shell shell = Completion.Shell.BASH;

        @Override
        public void run() {
            PrintWriter out = spec.commandLine().getOut();
            out.print(Completion.of(spec.root(), shell));
            out.flush();
        }
    }

    /** How people write a shell's name. */
    static final class ShellName implements CommandLine.ITypeConverter<Completion.Shell>, Iterable<String> {
        /** Used by picocli. */
        ShellName() {}

        @Override
        public Completion.Shell convert(String text) {
            for (Completion.Shell shell : Completion.Shell.values()) {
                if (shell.name().equalsIgnoreCase(text)) {
                    return shell;
                }
            }
            throw new CommandLine.TypeConversionException("'" + text + "' is none of bash, zsh and fish");
        }

        @Override
        public Iterator<String> iterator() {
            return List.of("bash", "zsh", "fish").iterator();
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
            footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
    static final class ManCommand implements Callable<Integer> {
        @Spec
        CommandSpec spec = CommandSpec.create();

        @Option(
                names = "--into",
                paramLabel = "DIR",
                hidden = true,
                description = "Write it there, and the completion scripts of all shells: for packages.")
        @Nullable
        Path into;

        @Override
        public Integer call() throws IOException {
            CommandSpec root = spec.root();
            if (into == null) {
                PrintWriter out = spec.commandLine().getOut();
                out.print(ManPage.of(root));
                out.flush();
                return CommandLine.ExitCode.OK;
            }
            Files.writeString(into.resolve("culvert-" + root.name() + ".1"), ManPage.of(root));
            for (Completion.Shell shell : Completion.Shell.values()) {
                Files.writeString(into.resolve(shell.file(root.name())), Completion.of(root, shell));
            }
            return CommandLine.ExitCode.OK;
        }
    }

    /** {@code __complete}: what shells ask. */
    @CommandLine.Command(
            name = "__complete",
            hidden = true,
            description = "Prints what an argument of a kind may be just now, a word a line.")
    static final class CompleteCommand implements Runnable {
        private final Completing program;

        @Spec
        CommandSpec spec = CommandSpec.create();

        @Parameters(paramLabel = "KIND", description = "Such as agents.")
        String kind = "";

        CompleteCommand(Completing program) {
            this.program = program;
        }

        @Override
        public void run() {
            PrintWriter out = spec.commandLine().getOut();
            try {
                program.candidates(kind).stream()
                        .filter(WORD.asMatchPredicate())
                        .sorted()
                        .distinct()
                        .forEach(out::println);
            } catch (IOException e) {
                return; // who has pressed a key in a shell wants no complaint there
            }
            out.flush();
        }
    }
}
