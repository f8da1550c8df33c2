package dev.culvert.token.holder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.token.sign.TokenCodec;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What editors, shells and mail programs make of a token. */
@NullUnmarked
@Timeout(120)
class SecretSourceTest {
    private static final String TOKEN = "eyJhbGciOiJFZERTQSJ9." + "eyJqdGkiOiJ4In0".repeat(20) + "." + "s".repeat(86);

    @TempDir
    Path dir;

    private final List<String> warnings = new ArrayList<>();

    /** By file, by standard input and, if it can be in one, by the environment. */
    private List<String> readAll(byte[] bytes) throws Exception {
        Path file = Files.write(dir.resolve("token"), bytes);
        Files.setPosixFilePermissions(file, java.nio.file.attribute.PosixFilePermissions.fromString("rw-------"));
        InputStream none = InputStream.nullInputStream();
        List<String> read = new ArrayList<>();
        read.add(SecretSource.read(file.toString(), Map.of(), none, warnings::add));
        read.add(SecretSource.read("-", Map.of(), new ByteArrayInputStream(bytes), warnings::add));
        String text = new String(bytes, StandardCharsets.UTF_8);
        read.add(SecretSource.read(null, Map.of(SecretSource.VARIABLE, text), none, warnings::add));
        return read;
    }

    private void refused(byte[] bytes, String why) throws Exception {
        Path file = Files.write(dir.resolve("token"), bytes);
        assertThatThrownBy(() -> SecretSource.read(file.toString(), Map.of(), InputStream.nullInputStream(), w -> {}))
                .isInstanceOf(SecretException.class)
                .hasMessageStartingWith("token file " + file + " ")
                .hasMessageContaining(why)
                .hasMessageNotContaining("null")
                .hasMessageNotContaining("\n");
        assertThatThrownBy(() -> SecretSource.read("-", Map.of(), new ByteArrayInputStream(bytes), w -> {}))
                .hasMessageStartingWith("standard input ")
                .hasMessageContaining(why);
    }

    @ParameterizedTest
    @ValueSource(strings = {"%s", "%s\n", "%s\r\n", "  %s \n\n", "\n\n\t%s", "\ufeff%s\r\n", "\ufeff\r\n%s"})
    void whatDoesNoHarmIsTaken(String around) throws Exception {
        assertThat(readAll(around.replace("%s", TOKEN).getBytes(StandardCharsets.UTF_8)))
                .containsOnly(TOKEN);
        assertThat(warnings).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {20, 21, 64, 76, 300, 400})
    void foldedLinesAreJoinedAndThatIsSaid(int width) throws Exception {
        StringBuilder folded = new StringBuilder();
        for (int i = 0; i < TOKEN.length(); i += width) {
            folded.append(TOKEN, i, Math.min(TOKEN.length(), i + width)).append("\r\n ");
        }
        assertThat(readAll(folded.toString().getBytes(StandardCharsets.US_ASCII)))
                .containsOnly(TOKEN);
        assertThat(warnings).hasSize(3).allMatch(w -> w.contains("lines, which are read as one"));
    }

    @Test
    void linesThatAreMoreThanATokenAreNotJoined() throws Exception {
        refused((TOKEN + "\n" + TOKEN + "\n").getBytes(StandardCharsets.US_ASCII), "holds 2 tokens");
        refused((TOKEN + "\nabc\n").getBytes(StandardCharsets.US_ASCII), "holds 2 lines, which are not one token");
        refused(("# office\n" + TOKEN).getBytes(StandardCharsets.US_ASCII), "holds 2 lines");
        refused(
                (TOKEN.substring(0, 76) + "=\n" + TOKEN.substring(76)).getBytes(StandardCharsets.US_ASCII),
                "quoted-printable");
        refused(
                "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n".getBytes(StandardCharsets.US_ASCII),
                "holds 3 lines");
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16", "UTF-16LE", "UTF-16BE", "x-UTF-16LE-BOM", "UTF-32LE", "UTF-32BE"})
    void utf16IsNamed(String charset) throws Exception {
        refused((TOKEN + "\r\n").getBytes(Charset.forName(charset)), "is in UTF-16");
    }

    /** Quotes, a header's or a shell's words, and what a word processor makes of a hyphen. */
    @ParameterizedTest
    @ValueSource(
            strings = {"\"%s\"|'\"'", "Bearer %s|' '", "CULVERT_TOKEN=%s|'='", "%s\u200b|'\\u200b'", "\u2013%s|'\u2013'"
            })
    void aCharacterThatIsInNoTokenIsNamed(String textAndCharacter) throws Exception {
        String[] parts = textAndCharacter.split("\\|");
        refused(
                parts[0].replace("%s", TOKEN).getBytes(StandardCharsets.UTF_8),
                "holds " + parts[1] + ", which is in no token");
    }

    @Test
    void whatIsNoTextIsNamed() throws Exception {
        refused(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0}, "is not text");
        refused(new byte[100], "is not text");
        refused((TOKEN + "\u001b[2J").getBytes(StandardCharsets.US_ASCII), "is not text");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\n", " \t\r\n", "\ufeff", "\ufeff\r\n"})
    void nothingIsNamed(String nothing) throws Exception {
        refused(nothing.getBytes(StandardCharsets.UTF_8), "is empty");
    }

    @Test
    void moreThanATokenIsReadOnlyUpToABound() throws Exception {
        refused("x".repeat(TokenCodec.MAX_LENGTH + 1).getBytes(StandardCharsets.US_ASCII), "a token has at most 16384");
        refused(new byte[1 << 20], "holds more than 32768 bytes");
        assertThatThrownBy(() -> SecretSource.read("/dev/zero", Map.of(), InputStream.nullInputStream(), w -> {}))
                .hasMessageContaining("holds more than 32768 bytes");
    }

    @Test
    void whatIsNoFileIsNamed() throws Exception {
        InputStream none = InputStream.nullInputStream();
        assertThatThrownBy(() -> SecretSource.read(dir.toString(), Map.of(), none, w -> {}))
                .hasMessageContaining("is a directory: name the file");
        assertThatThrownBy(() -> SecretSource.read(dir.resolve("x").toString(), Map.of(), none, w -> {}))
                .hasMessageContaining("does not exist");
        assertThatThrownBy(() -> SecretSource.read("a\0b", Map.of(), none, w -> {}))
                .isInstanceOf(SecretException.class)
                .hasMessageContaining("a\\u0000b cannot be read");
        assertThatThrownBy(() -> SecretSource.read("/proc/self/mem", Map.of(), none, w -> {}))
                .isInstanceOf(SecretException.class)
                .hasMessageContaining("cannot be read (")
                .hasMessageNotContaining("Exception");
    }

    /** The shell's {@code <(command)}. */
    @Test
    void aPipeIsRead() throws Exception {
        Path pipe = dir.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor(60, TimeUnit.SECONDS))
                .isTrue();
        Thread writer = new Thread(() -> {
            try {
                Files.writeString(pipe, TOKEN + "\n");
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
        writer.setDaemon(true);
        writer.start();
        assertThat(SecretSource.read(pipe.toString(), Map.of(), InputStream.nullInputStream(), warnings::add))
                .isEqualTo(TOKEN);
    }

    @Test
    void aPipeThatNobodyWritesToIsGivenUp() throws Exception {
        Path pipe = dir.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor(60, TimeUnit.SECONDS))
                .isTrue();
        assertThatThrownBy(() -> SecretSource.read(pipe.toString(), Map.of(), InputStream.nullInputStream(), w -> {}))
                .hasMessageContaining("is a pipe, and nobody has written a token into it");
    }
}
