package dev.culvert.token.issue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.command.Program;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.holder.Prompt;
import dev.culvert.token.holder.SecretException;
import dev.culvert.token.holder.TokenOption;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.state.StateDirectory;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jose4j.json.JsonUtil;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class TokenCommandTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    @TempDir
    Path temp;

    private String state = "";
    private Instant now = NOW;
    private Map<String, String> env = Map.of();
    private InputStream stdin = InputStream.nullInputStream();
    private @Nullable Prompt prompt;

    private record Result(int code, String out, String err) {}

    @BeforeEach
    void chooseState() {
        state = temp.resolve("state").toString();
    }

    private Result run(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = Program.commandLine(new TokenCommand(stdin, env, Clock.fixed(now, ZoneOffset.UTC), prompt))
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(args);
        assertThat(err.toString()).doesNotContain("\tat ").doesNotContain("Exception");
        return new Result(code, out.toString(), err.toString());
    }

    private void init() {
        assertThat(run("init", "--state", state, "--gateway", "wss://vpn.example:443").code)
                .isZero();
    }

    private static InputStream text(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void initSaysWhatItMadeAndKeepsItTheSecondTime() {
        Result first = run("init", "--state", state);
        assertThat(first.code).isZero();
        assertThat(first.out).contains("gateway    not set: run token init --gateway");
        Result second = run("init", "--state", state, "--gateway", "wss://vpn.example");
        assertThat(second.out).contains("gateway    wss://vpn.example");
        assertThat(second.out.lines().toList().subList(0, 3))
                .isEqualTo(first.out.lines().toList().subList(0, 3));
    }

    @Test
    void printsOnlyTheTokenOnStandardOutput() throws Exception {
        init();
        Result result = run(
                "agent",
                "--state",
                state,
                "--name",
                "office",
                "--routes",
                "192.168.77.0/24,fd77::/64",
                "--routes",
                "10.0.0.7");
        assertThat(result.code).isZero();
        assertThat(result.out.lines()).hasSize(1);
        AgentToken token = (AgentToken) StateDirectory.open(Path.of(state), Clock.fixed(NOW, ZoneOffset.UTC))
                .verifier()
                .verify(result.out.strip());
        assertThat(token.routes()).hasToString("[192.168.77.0/24, fd77::/64, 10.0.0.7/32]");
        assertThat(token.expires()).isEqualTo(NOW.plus(Duration.ofDays(365)));
        assertThat(token.gateways()).hasToString("[wss://vpn.example:443]");
        assertThat(token.pin()).isEqualTo(StateDirectory.open(Path.of(state)).caPin());
        assertThat(result.err).contains("agent token for office").doesNotContain(result.out.strip());
    }

    @Test
    void writesTheTokenToAPrivateFile() throws Exception {
        init();
        Path file = temp.resolve("laptop.token");
        Result result = run(
                "client",
                "--state",
                state,
                "--name",
                "laptop",
                "--allow",
                "office:192.168.77.0/24:80,443/tcp,udp,home:db.internal",
                "--allow",
                "*:[fd77::/64]",
                "--expires",
                "12h",
                "--out",
                file.toString(),
                "--gateway",
                "ws://127.0.0.1:8080",
                "--public-certificate");
        assertThat(result.code).as(result.err).isZero();
        assertThat(result.out).isEmpty();
        assertThat(result.err).contains("not encrypted");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        ClientToken token =
                (ClientToken) TokenReader.read(Files.readString(file).strip());
        assertThat(token.grants())
                .hasToString("[office:192.168.77.0/24:80,443/tcp,udp, home:db.internal, *:[fd77::/64]]");
        assertThat(token.expires()).isEqualTo(NOW.plus(Duration.ofHours(12)));
        assertThat(token.pin()).isNull();
    }

    private String client() {
        init();
        return run("client", "--state", state, "--name", "laptop", "--allow", "office:192.168.77.0/24")
                .out
                .strip();
    }

    @Test
    void showsAVerifiedToken() {
        stdin = text(client() + "\n");
        Result result = run("show", "--state", state, "-");
        assertThat(result.code).isZero();
        assertThat(result.out)
                .contains("client token of laptop", "status    verified", "90 days left")
                .contains("192.168.77.0/24, all ports, over tcp, udp, icmp, through agent office");
    }

    @Test
    void saysThatItCouldNotVerify() throws Exception {
        env = Map.of("CULVERT_TOKEN", client());
        Result result = run("show", "--state", temp.resolve("none").toString());
        assertThat(result.code).isZero();
        assertThat(result.out).contains("unverified: signature NOT verified");
        Result json = run("show", "--json", "--state", temp.resolve("none").toString());
        assertThat(JsonUtil.parseJson(json.out))
                .containsEntry("verification", "unverified")
                .containsEntry("kind", "client")
                .containsEntry("grants", List.of("office:192.168.77.0/24"));
    }

    /** A token is a stranger's text until its signature is verified, and "show" shows it without. */
    @Test
    void noTextOfATokenReachesTheTerminalAsItIs() {
        String[] parts = client().split("\\.", -1);
        String evil = "\\u001b]0;x\\u0007\\r\\n\\u009b2J\\u202e\\u2028\\ud800\\u00ad";
        int shown = 0;
        for (int part = 0; part < 2; part++) {
            String json = new String(Base64.getUrlDecoder().decode(parts[part]), StandardCharsets.UTF_8);
            for (int at = json.indexOf('"'); at >= 0; at = json.indexOf('"', at + 1)) {
                String[] hostile = parts.clone();
                hostile[part] = Base64.getUrlEncoder()
                        .withoutPadding()
                        .encodeToString((json.substring(0, at + 1) + evil + json.substring(at + 1))
                                .getBytes(StandardCharsets.UTF_8));
                for (String[] args : new String[][] {{"show", "-"}, {"show", "--json", "-"}, {"verify", "-"}}) {
                    stdin = text(String.join(".", hostile));
                    Result result = run(Stream.concat(Stream.of(args), Stream.of("--state", state))
                            .toArray(String[]::new));
                    assertThat((result.out + result.err).replace(System.lineSeparator(), ""))
                            .doesNotContainPattern("[\\p{C}\\p{Zl}\\p{Zp}]");
                    shown += (result.out + result.err).length();
                }
            }
        }
        assertThat(shown).isGreaterThan(1_000);
    }

    @Test
    void showsThatATokenIsForgedOrOver() {
        String jwt = client();
        int at = jwt.length() - 20;
        stdin = text(jwt.substring(0, at) + (jwt.charAt(at) == 'A' ? 'B' : 'A') + jwt.substring(at + 1));
        Result forged = run("show", "--state", state, "-");
        assertThat(forged.code).isEqualTo(1);
        assertThat(forged.out).contains("invalid: token has a wrong signature");
        now = NOW.plus(Duration.ofDays(91));
        for (String dir : new String[] {state, temp.resolve("none").toString()}) {
            stdin = text(jwt);
            Result over = run("show", "--state", dir, "-");
            assertThat(over.code).isEqualTo(1);
            assertThat(over.out).contains("(over)", "invalid", "expired at");
        }
        stdin = text("nonsense");
        assertThat(run("show", "--state", state, "-").code).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "2 | say what to do | ",
                "2 | token: unexpected argument 'bogus' | bogus",
                "2 | token: unexpected argument 'lst'; did you mean list? | lst",
                "2 | token: Missing required argument | revoke",
                "2 | token: --kind: 'robot' is no kind of token: write client or agent | list --kind robot",
                "2 | token: --expires: 'soon' is not a lifetime | client --name a --allow x:10.0.0.0/8 --expires soon",
                "2 | --name | agent --routes 10.0.0.0/8",
                "2 | --routes | agent --name a",
                "2 | write 10.0.0.0/8 | agent --name a --routes 10.0.0.1/8",
                "2 | not a valid name | agent --name A --routes 10.0.0.0/8",
                "2 | needs an agent | client --name a --allow 10.0.0.0/8",
                "2 | transport 'sctp' | client --name a --allow x:10.0.0.0/8/sctp",
                "2 | not a lifetime | client --name a --allow x:10.0.0.0/8 --expires soon",
                "2 | not a lifetime | client --name a --allow x:10.0.0.0/8 --expires 0d",
                "2 | not a lifetime | client --name a --allow x:10.0.0.0/8 --expires 9999d",
                "2 | wss:// | client --name a --allow x:10.0.0.0/8 --gateway https://x",
                "2 | wss:// | init --gateway vpn.example",
                "2 | is not a URL: write wss://host:port | init --gateway wss://[::1",
                "2 | is not a URL: write wss://host:port | client --name a --allow x:10.0.0.0/8 --gateway wss://a^b",
                "1 | cannot be written | client --name a --allow x:10.0.0.0/8 --out /proc/none/x",
                "1 | does not exist | show /nowhere/at/all",
                "1 | no token | show"
            })
    void explainsMistakesInOneLine(int code, String complaint, String line) {
        init();
        List<String> args = new ArrayList<>(line == null ? List.of() : List.of(line.split(" ")));
        if (args.size() > 1 || "show".equals(line)) {
            args.add("--state");
            args.add(state);
        }
        Result result = run(args.toArray(String[]::new));
        assertThat(result.code).as(result.err).isEqualTo(code);
        assertThat(result.out).isEmpty();
        assertThat(result.err.lines().findFirst().orElse(""))
                .startsWith("token: ")
                .contains(complaint);
        assertThat(result.err.lines().count()).isLessThanOrEqualTo(2);
    }

    @Test
    void saysHowToBeginWhereNothingIsSetUp() {
        Result none = run("agent", "--state", state, "--name", "a", "--routes", "10.0.0.0/8");
        assertThat(none.code).isEqualTo(1);
        assertThat(none.err).contains("run token init --state " + state);
        run("init", "--state", state);
        Result noUrl = run("agent", "--state", state, "--name", "a", "--routes", "10.0.0.0/8");
        assertThat(noUrl.code).isEqualTo(1);
        assertThat(noUrl.err).contains("token init --gateway wss://host:port");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--help", "init --help", "agent --help", "client --help", "show --help"})
    void helpNamesTheExitCodes(String line) {
        Result result = run(line.split(" "));
        assertThat(result.code).isZero();
        assertThat(result.out).contains("Exit codes: 0").contains("2 wrong usage");
    }

    @Test
    void tellsItsVersion() {
        assertThat(run("--version").out).startsWith("culvert token ");
    }

    @CommandLine.Command(name = "holder")
    static final class Holder implements Runnable {
        @CommandLine.Mixin
        TokenOption token = new TokenOption();

        @Override
        public void run() {}
    }

    private static TokenOption option(String... args) {
        Holder holder = new Holder();
        new CommandLine(holder).parseArgs(args);
        return holder.token;
    }

    @Test
    void takesTheTokenFromFileStandardInputOrEnvironment() throws Exception {
        Path file = temp.resolve("t");
        Files.writeString(file, "\n  from-file \n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        Map<String, String> variable = Map.of("CULVERT_TOKEN", " from-env\n");
        List<String> warnings = new ArrayList<>();
        assertThat(option("--token-file", file.toString()).resolve(variable, text("x"), warnings::add))
                .isEqualTo("from-file");
        assertThat(warnings).singleElement().asString().contains("chmod 600 " + file);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        assertThat(option("--token-file=" + file).resolve(variable, text("x"), Assertions::fail))
                .isEqualTo("from-file");
        assertThat(option("--token-file", "-").resolve(variable, text("from-stdin\n"), Assertions::fail))
                .isEqualTo("from-stdin");
        assertThat(option().resolve(variable, text("x"), Assertions::fail)).isEqualTo("from-env");
    }

    @Test
    void namesTheThreeWaysIfThereIsNoToken() throws Exception {
        assertThatThrownBy(() -> option().resolve(Map.of(), text("x"), Assertions::fail))
                .isInstanceOf(SecretException.class)
                .hasMessageContaining("--token-file FILE")
                .hasMessageContaining("--token-file -")
                .hasMessageContaining("CULVERT_TOKEN");
        assertThatThrownBy(() -> option("--token-file", temp.resolve("no").toString())
                        .resolve(Map.of(), text("x"), Assertions::fail))
                .isInstanceOf(SecretException.class)
                .hasMessageContaining("does not exist");
        assertThatThrownBy(() -> option("--token-file", temp.toString()).resolve(Map.of(), text("x"), Assertions::fail))
                .isInstanceOf(SecretException.class);
        assertThatThrownBy(() -> option("--token-file", "-").resolve(Map.of(), text(" \n"), Assertions::fail))
                .hasMessageContaining("standard input is empty");
        assertThatThrownBy(() ->
                        option("--token-file", "-").resolve(Map.of(), text("x".repeat(100_000)), Assertions::fail))
                .hasMessageContaining("at most 16384");
        assertThatThrownBy(() -> option("--token", "secret"))
                .isInstanceOf(CommandLine.UnmatchedArgumentException.class);
    }
}
