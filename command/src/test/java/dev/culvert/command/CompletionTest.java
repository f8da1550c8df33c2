package dev.culvert.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** What shells complete, asked of the shells themselves. */
@NullUnmarked
class CompletionTest {
    @TempDir
    Path dir;

    /** What only the running program knows. */
    static final class Agents extends Candidates {
        Agents() {
            super("agents");
        }
    }

    /** The same, as the beginning of something. */
    static final class Targets extends Candidates {
        Targets() {
            super("targets");
        }
    }

    @CommandLine.Command(name = "forward", description = "Leads there.")
    static final class Forward implements Runnable {
        @CommandLine.Option(names = "--own", description = "No value.")
        boolean own;

        @CommandLine.Parameters(arity = "1..*", completionCandidates = Targets.class, description = "Where to.")
        List<String> targets;

        @Override
        public void run() {}
    }

    enum Colour {
        RED,
        GREEN
    }

    @CommandLine.Command(name = "up", description = "Goes up: at once.")
    static final class Up implements Runnable {
        @CommandLine.Option(names = "--file", description = "It's a file.")
        Path file;

        @CommandLine.Option(names = "--colour", description = "${COMPLETION-CANDIDATES}.")
        Colour colour;

        @CommandLine.Option(names = "--agent", completionCandidates = Agents.class, description = "Which.")
        String agent;

        @CommandLine.Option(names = "--quick", description = "No value.")
        boolean quick;

        @CommandLine.Option(names = "--number", description = "Nothing to guess.")
        int number;

        @CommandLine.Option(names = "--secret-option", hidden = true)
        boolean hidden;

        @CommandLine.Parameters(arity = "0..1", completionCandidates = Agents.class, description = "Which.")
        String place;

        @Override
        public void run() {}
    }

    @CommandLine.Command(
            name = "tool",
            description = "A program.",
            subcommands = {Up.class, Forward.class},
            mixinStandardHelpOptions = true)
    static final class Tool implements Runnable, Completing {
        @Override
        public void run() {}

        @Override
        public List<String> candidates(String kind) throws IOException {
            return switch (kind) {
                case "agents" -> List.of("plant", "office", "$(touch /tmp/x)", "fd77::/64", "fd78::/64", "two words");
                case "targets" -> List.of("plant:", "office:");
                default -> throw new IOException("unknown");
            };
        }
    }

    private CommandLine tool;

    @BeforeEach
    void program() throws IOException {
        tool = Program.commandLine(new Tool());
        // As the launcher, which says what the Java above does.
        Path launcher = dir.resolve("tool");
        Files.writeString(
                launcher,
                "#!/bin/sh\n[ \"$1 $2\" = '__complete agents' ] && cat <<'END'\n" + asked("agents")
                        + "END\n[ \"$1 $2\" = '__complete targets' ] && cat <<'END'\n" + asked("targets") + "END\n");
        assertThat(launcher.toFile().setExecutable(true)).isTrue();
        Files.writeString(dir.resolve("a file"), "");
        for (Completion.Shell shell : Completion.Shell.values()) {
            Files.writeString(dir.resolve(shell.name()), Completion.of(tool.getCommandSpec(), shell));
        }
    }

    private static String asked(String kind) {
        java.io.StringWriter out = new java.io.StringWriter();
        assertThat(Program.commandLine(new Tool())
                        .setOut(new java.io.PrintWriter(out))
                        .execute("__complete", kind))
                .isZero();
        return out.toString();
    }

    private String run(String... command) throws Exception {
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).directory(dir.toFile());
        builder.environment().merge("PATH", dir.toString(), (path, own) -> own + ":" + path);
        builder.environment().put("HOME", dir.toString());
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            Assumptions.abort(command[0] + " is not installed");
            return "";
        }
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return said;
    }

    /** What is asked for is handed to shells as words, and nothing else is. */
    @Test
    void theProgramSaysWordsOnly() {
        assertThat(asked("agents").lines()).containsExactly("fd77::/64", "fd78::/64", "office", "plant");
        assertThat(asked("others")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tool u | up",
                "tool up --co | --colour",
                "tool up --s |",
                "tool up --colour '' | RED GREEN",
                "tool up --colour=G | GREEN",
                "tool up --quick p | plant",
                "tool up --number p |",
                "tool up --number 3 o | office",
                "tool up --agent o | office",
                "tool up fd77 | fd77::/64",
                "tool up fd77: | fd77::/64",
                "tool up --file a | a file",
                "tool --colour G |",
                "tool forward of | office:",
                "tool forward --own p | plant:",
                "tool forward 5432=of | office:",
                "tool forward 5432=office:db:5432 udp:53=p | plant:",
                "tool forward office:d |",
            })
    void bash(String line, String expected) throws Exception {
        String typed = line.replace("''", "");
        String script = """
                set -u
                . ./BASH
                COMP_LINE=$1 COMP_POINT=${#1}
                read -ra COMP_WORDS <<<"$1"
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
                _culvert_tool
                for word in ${COMPREPLY[@]+"${COMPREPLY[@]}"}; do printf '%s\\n' "$word"; done
                """;
        List<String> said = run("bash", "-c", script, "bash", typed).lines().toList();
        // Where : divides words, what is before the last one is there already.
        String whole = expected == null ? "" : typed.endsWith("fd77:") ? expected.replace("fd77:", "") : expected;
        assertThat(String.join(" ", said)).isEqualTo(whole);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tool u | up",
                "tool up --co | --colour",
                "tool up --colour  | GREEN RED",
                "tool up --quick p | plant",
                "tool up --number 3 o | office",
                "tool up fd77: | fd77::/64",
                "tool up --s |",
                "tool forward of | office:",
                "tool forward 5432=of | 5432=office:",
            })
    void fish(String line, String expected) throws Exception {
        String typed = line.endsWith("colour") && expected.startsWith("GREEN") ? line + " " : line;
        String said = run("fish", "--no-config", "-c", "source FISH; complete -C '" + typed + "'");
        assertThat(said.lines().map(l -> l.split("\t")[0]).sorted().toList())
                .containsExactlyElementsOf(expected == null ? List.of() : List.of(expected.split(" (?!file)")));
    }

    @Test
    void zshTakesItsScript() throws Exception {
        String said = run(
                "zsh",
                "-f",
                "-c",
                "autoload -U compinit; compinit -u -D; source ./ZSH; echo ${_comps[tool]}; "
                        + "_culvert_place tool up --colour=G; echo \"$place|$kind|$cur\"; "
                        + "_culvert_place tool forward 53=of; echo \"$place|${kind%% -*}|$cur\"");
        assertThat(said).isEqualTo("_culvert_tool\ntool up|RED GREEN|G\ntool forward|:ask targets|of\n");
    }
}
