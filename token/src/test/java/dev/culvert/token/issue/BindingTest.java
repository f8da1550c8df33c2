package dev.culvert.token.issue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.Program;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.holder.HolderKey;
import dev.culvert.token.holder.HolderKeyCommand;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.state.StateDirectory;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Tokens that are tied to a machine, from the command line. */
@NullUnmarked
class BindingTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    @TempDir
    Path temp;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private InputStream stdin = InputStream.nullInputStream();

    @BeforeEach
    void init() throws Exception {
        StateDirectory.openOrCreate(temp.resolve("state")).setGatewayUrls(List.of(URI.create("wss://vpn.example:443")));
    }

    private int run(CommandLine line, String... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        return line.setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(args);
    }

    /** Makes a token of either kind. */
    private int mint(String kind, String... more) {
        String[] args = new String[more.length + 7];
        String[] first = {kind, "--state", temp.resolve("state").toString(), "--name", "office"};
        System.arraycopy(first, 0, args, 0, 5);
        args[5] = kind.equals("agent") ? "--routes" : "--allow";
        args[6] = kind.equals("agent") ? "10.0.0.0/8" : "office:10.0.0.0/8";
        System.arraycopy(more, 0, args, 7, more.length);
        return run(
                Program.commandLine(new TokenCommand(stdin, Map.of(), Clock.fixed(NOW, ZoneOffset.UTC), null)), args);
    }

    private int show(String jwt, String... more) {
        stdin = new ByteArrayInputStream(jwt.getBytes(StandardCharsets.UTF_8));
        String[] args = new String[more.length + 4];
        System.arraycopy(
                new String[] {"show", "-", "--state", temp.resolve("state").toString()}, 0, args, 0, 4);
        System.arraycopy(more, 0, args, 4, more.length);
        return run(
                Program.commandLine(new TokenCommand(stdin, Map.of(), Clock.fixed(NOW, ZoneOffset.UTC), null)), args);
    }

    @ParameterizedTest
    @ValueSource(strings = {"agent", "client"})
    void aTokenToBeEnrolledSaysUntilWhen(String kind) throws Exception {
        assertThat(mint(kind, "--enrol")).isZero();
        assertThat(err.toString()).contains("The first machine that connects", "2026-11-22T13:00:00Z");
        String jwt = out.toString().strip();
        assertThat(TokenReader.read(jwt).binding()).isEqualTo(new TokenBinding.Enrolment(NOW.plusSeconds(3600)));
        assertThat(show(jwt)).isZero();
        assertThat(out.toString())
                .containsPattern("binding +to the key of the machine that connects first, before 2026-11-22T13:00:00Z");
        assertThat(show(jwt, "--json")).isZero();
        assertThat(out.toString()).contains("\"binding\":\"enrolment\"", "\"enrolBefore\":\"2026-11-22T13:00:00Z\"");
        assertThat(mint(kind, "--enrol", "--enrol-within", "2d")).isZero();
        Token later = TokenReader.read(out.toString().strip());
        assertThat(later.binding()).isEqualTo(new TokenBinding.Enrolment(NOW.plusSeconds(2 * 86_400)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"agent", "client"})
    void aTokenForAKeyNeedsTheMachineThatMadeIt(String kind) throws Exception {
        Path holder = temp.resolve("holder");
        assertThat(run(new CommandLine(new HolderKeyCommand()), "--state", holder.toString()))
                .isZero();
        String thumbprint = out.toString().strip();
        assertThat(mint(kind, "--key", thumbprint)).isZero();
        assertThat(err.toString()).contains("of no use without its holder's key");
        String jwt = out.toString().strip();
        Token token = TokenReader.read(jwt);
        assertThat(HolderKey.forToken(holder, token).thumbprint()).isEqualTo(thumbprint);
        assertThat(show(jwt)).isZero();
        assertThat(out.toString()).containsPattern("binding +to the holder's key " + thumbprint);
        assertThat(show(jwt, "--json")).isZero();
        assertThat(out.toString()).contains("\"binding\":\"key\"", "\"keyThumbprint\":\"" + thumbprint);
    }

    @Test
    void aBearerTokenSaysSo() {
        assertThat(mint("client")).isZero();
        assertThat(err.toString()).contains("Whoever has it is office: keep it like a password.");
        assertThat(show(out.toString().strip())).isZero();
        assertThat(out.toString()).containsPattern("binding +none: a bearer token");
    }

    @Test
    void wrongUsageIsNamed() {
        assertThat(mint("client", "--enrol", "--key", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--enrol and --key exclude each other");
        assertThat(mint("client", "--key", "short")).isEqualTo(2);
        assertThat(err.toString()).contains("'short'");
        assertThat(mint("client", "--enrol", "--enrol-within", "soon")).isEqualTo(2);
        assertThat(err.toString()).contains("'soon'");
    }
}
