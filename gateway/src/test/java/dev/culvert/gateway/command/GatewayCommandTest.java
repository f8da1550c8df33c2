package dev.culvert.gateway.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.token.state.StateDirectory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

final class GatewayCommandTest {
    @TempDir
    Path dir;

    /** Each start of a gateway that works need not say how tokens are made. */
    @Test
    void whoHasMadeTokensOrCannotIsNotToldHow() throws Exception {
        Path state = dir.resolve("state");
        StateDirectory directory = StateDirectory.openOrCreate(state);
        assertThat(GatewayCommand.hasMadeTokens(directory)).isFalse();
        Path issued = state.resolve("issued.jsonl");
        Files.writeString(
                issued,
                "{\"id\":\"i\",\"kind\":\"agent\",\"name\":\"office\",\"issuedAt\":\"2026-11-22T12:00:00Z\","
                        + "\"expires\":\"2027-11-22T12:00:00Z\",\"keyId\":\"k\"}\n");
        assertThat(GatewayCommand.hasMadeTokens(directory)).isTrue();
        Files.writeString(issued, "broken\n");
        assertThat(GatewayCommand.hasMadeTokens(directory))
                .as("a gateway works without the list")
                .isTrue();
        Files.delete(issued);
        Files.delete(state.resolve("signing.key"));
        assertThat(GatewayCommand.hasMadeTokens(StateDirectory.open(state)))
                .as("tokens are made elsewhere")
                .isTrue();
    }

    /** Whoever types what it prints makes tokens for this gateway, wherever its keys lie. */
    @Test
    void whatItSaysToDoNextNamesItsStore() {
        GatewayCommand command = new GatewayCommand();
        new CommandLine(command).parseArgs("--store", "redis://db.example:6379/0", "--cluster-key", "c.key");
        assertThat(GatewayCommand.firstTokens(" --state /s" + command.store.repeated(Map.of())))
                .contains(
                        "  token agent --state /s --store redis://db.example:6379/0 --cluster-key c.key --name office"
                                + " --routes 192.168.77.0/24 --out office.token",
                        "  token client --state /s --store redis://db.example:6379/0 --cluster-key c.key --name laptop"
                                + " --allow office:192.168.77.0/24 --out laptop.token");
    }
}
