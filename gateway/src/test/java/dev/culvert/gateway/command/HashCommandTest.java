package dev.culvert.gateway.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.policy.publication.PublicationOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

final class HashCommandTest {
    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** What it prints is what the option takes, and the password is what was typed. */
    @Test
    void theLineIsOneForTheOption() throws IOException {
        String line = HashCommand.line("ann@example.com", utf8("grün"), 4);
        PublicationOptions.User user =
                PublicationOptions.NONE.with("basic-auth", line).users().get(0);
        assertThat(user.name()).isEqualTo("ann@example.com");
        assertThat(OpenBSDBCrypt.checkPassword(user.hash(), utf8("grün"))).isTrue();
        assertThat(OpenBSDBCrypt.checkPassword(user.hash(), utf8("grun"))).isFalse();
        assertThat(HashCommand.line("ann@example.com", utf8("grün"), 4))
                .as("its salt is another")
                .isNotEqualTo(line);
    }

    @ParameterizedTest
    @ValueSource(strings = {"secret", "secret\n", "secret\r\n", "secret\nnext\n"})
    void aPasswordIsOneLine(String input) throws IOException {
        assertThat(HashCommand.line(new ByteArrayInputStream(utf8(input)))).isEqualTo(utf8("secret"));
    }

    /** Cut silently, one would be as good as another that begins alike. */
    @Test
    void whatBcryptWouldCutIsRefused() throws IOException {
        byte[] read = HashCommand.line(new ByteArrayInputStream(utf8("x".repeat(1_000))));
        assertThatThrownBy(() -> HashCommand.line("ann", read, 4)).hasMessageContaining("bcrypt takes 1 to 72");
        assertThatThrownBy(() -> HashCommand.line("ann", new byte[0], 4)).hasMessageContaining("has 0 bytes");
        assertThat(HashCommand.line("ann", utf8("x".repeat(72)), 4)).startsWith("ann:$2b$04$");
    }

    @Test
    void wrongUsageIsSaid() {
        assertThat(new CommandLine(new HashCommand()).execute("a:b")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(new CommandLine(new HashCommand()).execute("ann", "--cost=13"))
                .isEqualTo(CommandLine.ExitCode.USAGE);
    }
}
