package dev.culvert.token.issue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.Program;
import dev.culvert.token.holder.HolderOptions;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ManPageTest {
    private static CommandLine token() {
        return Program.commandLine(
                new TokenCommand(java.io.InputStream.nullInputStream(), Map.of(), Clock.systemUTC(), null));
    }

    private static String run(CommandLine line, String... args) {
        StringWriter out = new StringWriter();
        assertThat(line.setOut(new PrintWriter(out)).execute(args)).isZero();
        return out.toString();
    }

    @Test
    void namesEveryCommandAndOption() {
        CommandLine line = token();
        String page = run(line, "man");
        assertThat(page).startsWith(".TH \"TOKEN\" \"1\"");
        check(line, page);
    }

    private static void check(CommandLine line, String page) {
        line.getCommandSpec().options().stream()
                .filter(o -> !o.hidden() && !o.usageHelp() && !o.versionHelp())
                .forEach(o -> assertThat(page).contains("\\fB" + o.longestName().replace("-", "\\-") + "\\fR"));
        line.getSubcommands().forEach((name, sub) -> {
            assertThat(page)
                    .contains(".SS \"" + sub.getCommandSpec().qualifiedName().replace("-", "\\-") + "\"");
            check(sub, page);
        });
    }

    /** No line may be taken for a request of roff that is none of ours, and no variable of picocli's may remain. */
    @Test
    void holdsOnlyMacrosOfMan7() {
        for (String line : run(token(), "man").lines().toList()) {
            if (line.startsWith(".") || line.startsWith("'")) {
                assertThat(line).matches("\\.(TH|SH|SS|TP|PP|nf|fi)( \".*\")*");
            }
            assertThat(line).doesNotContain("${").doesNotContain("%n").doesNotContain("@|");
        }
    }

    @CommandLine.Command(name = "odd", description = "Does 100 % of nothing, with \\ and 'quotes'.")
    static final class Odd implements Runnable {
        @CommandLine.Option(names = "--tun", description = "A name. Default: ${DEFAULT-VALUE}.", defaultValue = "x%d")
        String tun = "";

        @Override
        public void run() {}
    }

    @Test
    void takesTextThatIsNoFormat() {
        String page = run(Program.commandLine(new Odd()), "man");
        assertThat(page).contains("A name. Default: x%d.").contains("100 % of nothing, with \\e and \\(aqquotes");
    }

    @CommandLine.Command(name = "holder", description = "Has a token.")
    static final class WithToken implements Runnable {
        @CommandLine.Mixin
        HolderOptions options = new HolderOptions();

        @Override
        public void run() {}
    }

    @Test
    void namesTheProgramsOwnDirectory() {
        CommandLine holder = Program.commandLine(new WithToken());
        String page = run(holder, "man");
        assertThat(page).contains("/var/lib/culvert/holder as root").doesNotContain("${");
        assertThat(holder.getUsageMessage()).contains("/var/lib/culvert/holder");
    }

    @Test
    void aTypesetterHasNoComplaint(@TempDir Path dir) throws Exception {
        Path page = dir.resolve("token.1");
        Files.writeString(page, run(token(), "man"));
        Process groff;
        try {
            groff = new ProcessBuilder("groff", "-man", "-Tutf8", "-ww", "-z", page.toString())
                    .redirectErrorStream(true)
                    .start();
        } catch (java.io.IOException e) {
            Assumptions.abort("groff is not installed");
            return;
        }
        String complaints = new String(groff.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(groff.waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(complaints).isEmpty();
        assertThat(groff.exitValue()).isZero();
    }

    @Test
    void completionKnowsTheCommandsAndIsAScript(@TempDir Path dir) throws Exception {
        Path script = dir.resolve("completion.sh");
        Files.writeString(script, run(token(), "completion"));
        assertThat(Files.readString(script))
                .contains("complete -F _culvert_token token")
                .contains("rotate")
                .contains("--qr");
        Process bash = new ProcessBuilder(List.of("bash", "-n", script.toString())).start();
        assertThat(bash.waitFor()).isZero();
    }
}
