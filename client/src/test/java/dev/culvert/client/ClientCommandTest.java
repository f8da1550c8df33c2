package dev.culvert.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** What is wrong on the command line is said in one line, before anything is touched. */
final class ClientCommandTest {
    private final StringWriter err = new StringWriter();
    private final StringWriter out = new StringWriter();

    private int run(String... arguments) {
        CommandLine line = ClientCommand.commandLine();
        line.setErr(new PrintWriter(err, true));
        line.setOut(new PrintWriter(out, true));
        return line.execute(arguments);
    }

    @ParameterizedTest
    @CsvSource({
        "up --route 192.168.77.0/33, --route 192.168.77.0/33",
        "up --route 192.168.77.1/24, --route 192.168.77.1/24",
        "up --route nonsense=office, --route nonsense=office",
        "up --mtu 10, mtu",
        "up --mtu many, many",
        "up --address nowhere.invalid., address",
        "up --tun a-name-that-is-far-too-long, a-name-that-is-far-too-long",
        "up --no-such-option, --no-such-option",
        "sideways, sideways"
    })
    void wrongUsageIsExitTwoAndNamesWhatIsWrong(String arguments, String named) {
        assertThat(run(arguments.split(" "))).isEqualTo(2);
        assertThat(err.toString()).startsWith("client: ").contains(named);
        assertThat(err.toString().lines()).hasSize(2);
        assertThat(err.toString().lines().toList().get(1))
                .startsWith("Try 'client")
                .endsWith("--help'.");
    }

    @Test
    void withoutACommandItSaysWhichThereAre() {
        assertThat(run()).isEqualTo(2);
        assertThat(err.toString()).startsWith("client: say what to do: login, up, status, list, ping, doctor");
    }

    @Test
    void aTokenFileThatIsNotThereIsNamed() {
        assertThat(run("up", "--token-file", "/nonexistent/token")).isEqualTo(1);
        assertThat(err.toString().strip().lines()).hasSize(1);
        assertThat(err.toString()).startsWith("client: ").contains("/nonexistent/token");
    }

    @Test
    void helpTellsOfTheExitCodes() {
        assertThat(run("--help")).isZero();
        assertThat(out.toString()).contains("Exit codes: 0 done, 1 it failed, 2 wrong usage, 129, 130 or 143");
        assertThat(err.toString()).isEmpty();
    }
}
