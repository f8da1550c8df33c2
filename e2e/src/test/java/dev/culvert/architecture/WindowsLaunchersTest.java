package dev.culvert.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The launchers for Windows start what those for other systems start, with the same options: nobody runs both on one machine. */
final class WindowsLaunchersTest {
    private static final Path SCRIPTS = Path.of("../scripts");
    private static final Pattern LAUNCH = Pattern.compile("(?m)^launch (\\w+) (\\S+) (\\S+) (.*) -- \"\\$@\"$");
    private static final String BRIEF = "-XX:TieredStopAtLevel=1";
    private static final Pattern OPTION = Pattern.compile("-(?:XX:|Xss|Xlog:|D|-add-opens=|-enable|-sun)[^\\s\")]*");

    /**
     * Of launch.sh alone: libraries that are unpacked and archives that are made, which is not done on Windows; what only its
     * shell can know (a terminal); what glibc alone has; what depends on the subcommand, or is token.cmd's.
     */
    private static final Set<String> ELSEWHERE = Set.of(
            "-XX:+UnlockDiagnosticVMOptions",
            "-XX:ArchiveRelocationMode=0",
            "-XX:AOTCache=",
            "-XX:SharedArchiveFile=",
            "-XX:TrimNativeHeapInterval=5000",
            BRIEF,
            "-Dculvert.terminal=true",
            "-Djava.library.path=",
            "-Djna.boot.library.path=");

    private static String read(String file) throws IOException {
        return Files.readString(SCRIPTS.resolve(file), StandardCharsets.US_ASCII);
    }

    @ParameterizedTest
    @ValueSource(strings = {"client", "agent", "gateway", "token"})
    void eachStartsTheSameClassWithTheSameMemory(String program) throws Exception {
        Matcher launch = LAUNCH.matcher(read(program));
        assertThat(launch.find()).isTrue();
        assertThat(launch.group(1)).isEqualTo(program);
        String options = launch.group(4) + (launch.group(3).equals("brief") ? " " + BRIEF : "");
        assertThat(read("windows/" + program + ".cmd").lines())
                .contains("call \"%~dp0launch.cmd\" " + program)
                .contains("\"%CULVERT_JAVA%\" " + options
                        + " %CULVERT_OPTIONS% %CULVERT_JAVA_OPTS% -cp \"%CULVERT_LIB%\\*\" " + launch.group(2) + " %*");
    }

    @Test
    void optionsForAllAreTheSame() throws Exception {
        String shell = read("lib/launch.sh");
        Set<String> expected = options(shell.substring(shell.indexOf("\nopen_modules() {")));
        expected.removeAll(ELSEWHERE);
        assertThat(expected).hasSizeGreaterThan(12);
        assertThat(options(read("windows/launch.cmd"))).isEqualTo(expected);
    }

    private static Set<String> options(String script) {
        Set<String> options = new TreeSet<>();
        for (String line : script.lines().toList()) {
            Matcher option = OPTION.matcher(line.strip().matches("(#|rem ).*") ? "" : line);
            while (option.find()) {
                options.add(option.group());
            }
        }
        return options;
    }

    /** cmd.exe looks for labels by bytes, and misses some where lines end as elsewhere; another's letters it takes for others. */
    @Test
    void linesEndAsOnWindowsAndAreAscii() throws Exception {
        for (String file : List.of("client", "agent", "gateway", "token", "launch")) {
            byte[] bytes = Files.readAllBytes(SCRIPTS.resolve("windows/" + file + ".cmd"));
            String text = new String(bytes, StandardCharsets.ISO_8859_1);
            assertThat(text.replace("\r\n", "")).as(file).doesNotContain("\n", "\r");
            assertThat(text.chars()).as(file).allMatch(c -> c < 0x7f);
        }
    }
}
