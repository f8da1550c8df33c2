package dev.culvert.command;

import dev.culvert.text.Printable;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * Writes the script that completes a command in a shell, from the same model that its help comes from: tables of what may stand
 * where, in front of what a shell does with them (the resources {@code completion.*}).
 *
 * <p>A place is the names of a command and of the subcommands that were typed, apart by blanks. What may stand there is words, or
 * {@code :file}, {@code :none} (something that cannot be guessed), or {@code :ask KIND}, which the program itself is asked for
 * when it comes to that ({@link Candidates}). Of the kind {@code targets} are beginnings, that end with a colon, of what may stand behind
 * {@code LOCAL=}, too.
 */
final class Completion {
    /** The shells. */
    enum Shell {
        BASH,
        ZSH,
        FISH;

        /** The file that the shell looks for. */
        String file(String command) {
            return switch (this) {
                case BASH -> command;
                case ZSH -> "_" + command;
                case FISH -> command + ".fish";
            };
        }
    }

    private static final Set<String> FILES = Set.of("FILE", "DIR", "OLD", "NEW");

    private final StringBuilder out = new StringBuilder();
    private final String program;

    private Completion(String program) {
        this.program = program;
    }

    /** The script of a command and of its subcommands. */
    static String of(CommandSpec root, Shell shell) {
        Completion script = new Completion(root.name());
        if (shell == Shell.FISH) {
            script.fish(root);
        } else {
            script.tables(root, shell);
        }
        return script.out.toString();
    }

    // ---- bash and zsh: their tables are functions of both ----

    private void tables(CommandSpec root, Shell shell) {
        if (shell == Shell.ZSH) {
            line("#compdef " + program);
        }
        line("# Completes " + program + " in " + shell.name().toLowerCase(Locale.ROOT) + "; made by '" + program
                + " completion'.");
        line("_culvert_" + program + "_words() {");
        line("  case $1 in");
        words(root, program);
        line("  esac");
        line("}");
        line("_culvert_" + program + "_value() {");
        line("  case \"$1 $2\" in");
        values(root, program);
        line("  esac");
        line("}");
        resource("completion.sh");
        resource(shell == Shell.BASH ? "completion.bash" : "completion.zsh");
    }

    private void words(CommandSpec spec, String place) {
        Set<String> words = new TreeSet<>();
        words.addAll(subcommands(spec).keySet());
        options(spec).forEach(option -> words.addAll(List.of(option.names())));
        line("    " + quoted(place) + ") echo " + quoted(String.join(" ", words)) + " ;;");
        subcommands(spec).forEach((name, sub) -> words(sub, place + " " + name));
    }

    private void values(CommandSpec spec, String place) {
        for (OptionSpec option : options(spec)) {
            if (takesValue(option)) {
                List<String> patterns = new ArrayList<>();
                for (String name : option.names()) {
                    patterns.add(quoted(place + " " + name));
                }
                line("    " + String.join(" | ", patterns) + ") echo " + quoted(kind(option)) + " ;;");
            }
        }
        String positional = positional(spec);
        if (!positional.isEmpty()) {
            line("    " + quoted(place + " ") + ") echo " + quoted(positional) + " ;;");
        }
        subcommands(spec).forEach((name, sub) -> values(sub, place + " " + name));
    }

    // ---- fish: a line for each thing that may stand somewhere ----

    private void fish(CommandSpec root) {
        line("# Completes " + program + " in fish; made by '" + program + " completion'.");
        List<String> commands = new ArrayList<>();
        List<String> valued = new ArrayList<>();
        collect(root, program, commands, valued);
        line("set -g __culvert_" + program + "_commands " + quotedAll(commands));
        line("set -g __culvert_" + program + "_valued " + quotedAll(valued));
        resource("completion.fish");
        line("complete -c " + program + " -f");
        fish(root, program);
    }

    private static void collect(CommandSpec spec, String place, List<String> commands, List<String> valued) {
        for (OptionSpec option : options(spec)) {
            for (String name : option.names()) {
                if (takesValue(option)) {
                    valued.add(place + " " + name);
                }
            }
        }
        subcommands(spec).forEach((name, sub) -> {
            commands.add(place + " " + name);
            collect(sub, place + " " + name, commands, valued);
        });
    }

    private void fish(CommandSpec spec, String place) {
        String at = "complete -c " + program + " -n \"test (__culvert_" + program + "_place) = " + quoted(place) + "\"";
        subcommands(spec)
                .forEach((name, sub) -> line(at + " -a " + quoted(name) + " -d "
                        + quoted(first(sub.usageMessage().description()))));
        for (OptionSpec option : options(spec)) {
            StringBuilder names = new StringBuilder();
            for (String name : option.names()) {
                names.append(name.startsWith("--") ? " -l " : " -s ").append(name.replaceFirst("^--?", ""));
            }
            String value = takesValue(option) ? fishValue(kind(option)) : "";
            line(at + names + value + " -d " + quoted(first(option.description())));
        }
        String positional = positional(spec);
        if (!positional.isEmpty()) {
            line(at + fishValue(positional).replaceFirst("^ -[xr]", "")); // there is no option that wants it
        }
        subcommands(spec).forEach((name, sub) -> fish(sub, place + " " + name));
    }

    private String fishValue(String kind) {
        if (kind.equals(":none")) {
            return " -x";
        }
        if (kind.equals(":file")) {
            return " -r -F";
        }
        if (kind.equals(":ask targets")) {
            return " -x -a " + quoted("(__culvert_" + program + "_targets)");
        }
        return kind.startsWith(":ask ")
                ? " -x -a " + quoted("(__culvert_" + program + "_ask " + kind.substring(":ask ".length()) + ")")
                : " -x -a " + quoted(kind);
    }

    private static String first(String[] description) {
        if (description.length == 0) {
            return "";
        }
        String text = ManPage.formatted(description[0])
                .replaceFirst("(?s)[.:;(].*", "")
                .strip();
        return Printable.line(text.replace("$$", "$"));
    }

    // ---- the model ----

    private static List<OptionSpec> options(CommandSpec spec) {
        return spec.options().stream().filter(option -> !option.hidden()).toList();
    }

    private static Map<String, CommandSpec> subcommands(CommandSpec spec) {
        Map<String, CommandSpec> visible = new LinkedHashMap<>();
        for (Map.Entry<String, CommandLine> entry : spec.subcommands().entrySet()) {
            CommandSpec sub = entry.getValue().getCommandSpec();
            if (!sub.usageMessage().hidden()) {
                visible.put(entry.getKey(), sub);
            }
        }
        return visible;
    }

    private static boolean takesValue(OptionSpec option) {
        return option.arity().max() > 0;
    }

    /** What all of a command's arguments may be: their order is the user's. */
    private static String positional(CommandSpec spec) {
        Set<String> kinds = new TreeSet<>();
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            kinds.add(kind(parameter));
        }
        kinds.remove(":none");
        return kinds.isEmpty() ? "" : kinds.iterator().next();
    }

    private static String kind(ArgSpec argument) {
        Iterable<String> candidates = argument.completionCandidates();
        if (candidates instanceof Candidates asked) {
            return ":ask " + asked.kind();
        }
        if (candidates != null) {
            String words = String.join(" ", candidates);
            return words.isEmpty() ? ":none" : words;
        }
        Class<?> type = argument.auxiliaryTypes()[0];
        return type == Path.class || type == File.class || FILES.contains(argument.paramLabel()) ? ":file" : ":none";
    }

    // ---- text ----

    private void resource(String name) {
        try (InputStream in = Completion.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("no " + name);
            }
            out.append(new String(in.readAllBytes(), StandardCharsets.UTF_8).replace("@PROGRAM@", program));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void line(String text) {
        out.append(text).append('\n');
    }

    private static String quotedAll(List<String> texts) {
        return String.join(" ", texts.stream().map(Completion::quoted).toList());
    }

    /** For all three shells. */
    private static String quoted(String text) {
        return "'" + text.replace("'", "'\"'\"'") + "'";
    }
}
