package dev.culvert.token.issue;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.zxing.BinaryBitmap;
import com.google.zxing.DecodeHintType;
import com.google.zxing.RGBLuminanceSource;
import com.google.zxing.common.HybridBinarizer;
import com.google.zxing.qrcode.QRCodeReader;
import dev.culvert.command.Program;
import dev.culvert.token.ClientToken;
import dev.culvert.token.holder.Prompt;
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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jose4j.json.JsonUtil;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens and keys from their making to their end, as somebody at a shell sees it. */
@NullUnmarked
class TokenLifecycleTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    @TempDir
    Path temp;

    private String state = "";
    private Instant now = NOW;
    private final Map<String, String> env = new HashMap<>();
    private InputStream stdin = InputStream.nullInputStream();

    /** What is typed on the terminal; null where there is none. */
    private @Nullable Deque<String> typed;

    private final List<String> asked = new ArrayList<>();

    private record Result(int code, String out, String err) {
        Result ok() {
            assertThat(code).as(err).isZero();
            return this;
        }

        Map<String, Object> json() throws Exception {
            return JsonUtil.parseJson(out);
        }
    }

    @BeforeEach
    void chooseState() {
        state = temp.resolve("state").toString();
    }

    private Result run(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        Deque<String> answers = typed;
        Prompt prompt = answers == null
                ? null
                : question -> {
                    asked.add(question);
                    return answers.remove().toCharArray();
                };
        List<String> line = new ArrayList<>(List.of(args));
        line.add("--state");
        line.add(state);
        int code = Program.commandLine(new TokenCommand(stdin, env, Clock.fixed(now, ZoneOffset.UTC), prompt))
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(line.toArray(String[]::new));
        assertThat(err.toString()).doesNotContain("\tat ").doesNotContain("Exception");
        return new Result(code, out.toString(), err.toString());
    }

    private void init() {
        run("init", "--gateway", "wss://vpn.example:443").ok();
    }

    private String client(String name, String... more) {
        List<String> args = new ArrayList<>(List.of("client", "--name", name, "--allow", "office:192.168.77.0/24"));
        args.addAll(List.of(more));
        return run(args.toArray(String[]::new)).ok().out.strip();
    }

    private Result verify(String jwt, String... more) {
        stdin = new ByteArrayInputStream(jwt.getBytes(StandardCharsets.UTF_8));
        List<String> args = new ArrayList<>(List.of("verify", "-"));
        args.addAll(List.of(more));
        return run(args.toArray(String[]::new));
    }

    @Test
    void aTokenConfiguresItsHolder() throws Exception {
        run("init", "--gateway", "wss://a.example,wss://b.example").ok();
        String jwt = client(
                "laptop",
                "--routes",
                "10.0.0.0/8,fd77::/64=office",
                "--domains",
                "Corp.Example,lan.example",
                "--expires",
                "30d");
        ClientToken token = (ClientToken) TokenReader.read(jwt);
        assertThat(token.gateways()).hasToString("[wss://a.example, wss://b.example]");
        assertThat(token.terms().audience()).hasToString("[wss://a.example:443, wss://b.example:443]");
        assertThat(token.routes()).hasToString("[10.0.0.0/8, fd77::/64=office]");
        assertThat(token.domains()).containsExactly("corp.example", "lan.example");
        assertThat(token.expires()).isEqualTo(NOW.plus(Duration.ofDays(30)));
        String elsewhere = client("far", "--gateway", "wss://203.0.113.7:8443");
        ClientToken far = (ClientToken) TokenReader.read(elsewhere);
        assertThat(far.gateways()).hasToString("[wss://203.0.113.7:8443]");
        assertThat(far.terms().audience())
                .as("another way in, not another gateway")
                .hasSize(2);
        verify(elsewhere).ok();
        Result foreign = run("client", "--name", "x", "--allow", "a:10.0.0.0/8", "--audience", "wss://c.example");
        assertThat(foreign.ok().err).contains("will refuse this token");
        assertThat(verify(foreign.out.strip()).code).isEqualTo(5);
    }

    @Test
    void publishRightsAreMintedShownAndChecked() throws Exception {
        init();
        String jwt = run(
                        "agent",
                        "--name",
                        "office",
                        "--routes",
                        "10.0.0.0/8",
                        "--publish",
                        "*.Apps.example",
                        "--publish",
                        ":2200-2299,8443/tcp,udp")
                .ok()
                .out
                .strip();
        stdin = new ByteArrayInputStream(jwt.getBytes(StandardCharsets.UTF_8));
        assertThat(run("show", "-").ok().out)
                .contains("under the name *.apps.example")
                .contains("on ports 2200-2299,8443 of the gateway, over tcp, udp");
        stdin = new ByteArrayInputStream(jwt.getBytes(StandardCharsets.UTF_8));
        assertThat(run("show", "--json", "-").json())
                .containsEntry("publish", List.of("*.apps.example", ":2200-2299,8443/tcp,udp"));
        for (String bad : new String[] {":0/tcp", ":80/icmp", "*", "a b", ":", "10.0.0.1", ":80-70", "https://x"}) {
            Result result = run("agent", "--name", "office", "--routes", "10.0.0.0/8", "--publish", bad);
            assertThat(result.code).as(bad).isEqualTo(2);
            assertThat(result.err).contains("publish right");
        }
    }

    @Test
    void revokesByIdAndByNameAndANewOneWorks() throws Exception {
        init();
        String first = client("laptop");
        String second = client("laptop");
        String other = client("phone");
        String id = TokenReader.read(first).id();
        assertThat(run("revoke", id, "--reason", "lost").ok().out)
                .contains("revoked client token " + id + " of laptop");
        assertThat(verify(first).code).isEqualTo(6);
        assertThat(verify(first).err).contains("revoked", "lost");
        verify(second).ok();
        Result all =
                run("revoke", "--name", "laptop", "--kind", "client", "--json").ok();
        assertThat(all.json().get("tokens"))
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.LIST)
                .hasSize(1);
        assertThat(verify(second, "--json").json())
                .containsEntry("accepted", false)
                .containsEntry("reason", "revoked");
        verify(other).ok();
        String fresh = client("laptop"); // within the same second
        verify(fresh).ok();
        assertThat(run("revoke").code).isEqualTo(2);
        assertThat(run("revoke", id, "--name", "laptop").code).isEqualTo(2);
        assertThat(run("revoke", "--id", "a b", "--unlisted").code).isEqualTo(2);
        assertThat(run("revoke", id, "--kind", "client").code).isEqualTo(2);
    }

    /** It had said "revoked laptop", and revoked nothing: a name was taken for an id. */
    @Test
    void revokesWhatIsMeantOrFails() throws Exception {
        init();
        String jwt = client("laptop");
        for (String[] wrong : new String[][] {
            {"lap"}, {"--name", "lap"}, {"--id", "lap"}, {"laptop", "--kind", "agent"}, {"lap", "--unlisted"}, {"a b"}
        }) {
            List<String> args = new ArrayList<>(List.of("revoke"));
            args.addAll(List.of(wrong));
            Result result = run(args.toArray(String[]::new));
            assertThat(result.code).as(args.toString()).isEqualTo(1);
            assertThat(result.out).isEmpty();
            assertThat(result.err.lines().toList())
                    .singleElement()
                    .asString()
                    .contains("nothing was revoked", "--unlisted");
            verify(jwt).ok();
        }
        assertThat(run("revoke", "laptop").ok().out)
                .contains("revoked client token " + TokenReader.read(jwt).id());
        assertThat(verify(jwt).code).isEqualTo(6);
        assertThat(run("revoke", "laptop").ok().out).contains("token list knows none that was in force");
    }

    @Test
    void aNameThatIsAlsoAnIdIsAskedAbout() throws Exception {
        init();
        String jwt = client("laptop");
        String id = TokenReader.read(jwt).id();
        Path issued = Path.of(state, "issued.jsonl");
        Files.writeString(issued, Files.readString(issued).replace(id, "phone"));
        client("phone");
        Result both = run("revoke", "phone");
        assertThat(both.code).isEqualTo(1);
        assertThat(both.err).contains("say which");
        run("revoke", "--id", "phone").ok();
        run("revoke", "--name", "phone").ok();
    }

    /** Made on another machine with the same key: the list here does not know them. */
    @Test
    void revokesWhatWasMadeElsewhere() throws Exception {
        init();
        String byFile = client("laptop");
        String byId = client("phone");
        String byName = client("desk");
        Files.delete(Path.of(state, "issued.jsonl"));
        run(
                        "revoke",
                        "--token-file",
                        Files.writeString(temp.resolve("t"), byFile).toString())
                .ok();
        run("revoke", "--unlisted", "--id", TokenReader.read(byId).id()).ok();
        run("revoke", "--unlisted", "--name", "desk").ok();
        for (String jwt : List.of(byFile, byId, byName)) {
            assertThat(verify(jwt).code).isEqualTo(6);
        }
        int at = byId.length() - 20;
        String forged = byId.substring(0, at) + (byId.charAt(at) == 'A' ? 'B' : 'A') + byId.substring(at + 1);
        assertThat(run(
                                "revoke",
                                "--token-file",
                                Files.writeString(temp.resolve("t"), forged).toString())
                        .code)
                .isEqualTo(1);
    }

    @Test
    void whatIsChangedIsInTheAuditLogAndNoSecretIs() throws Exception {
        init();
        String jwt = client("laptop", "--enrol");
        run("revoke", "laptop", "--reason", "lost\u202e").ok();
        String fresh = (String) run("key", "rotate", "--json").ok().json().get("keyId");
        String old = TokenReader.read(jwt).keyId();
        run("key", "retire", old).ok();
        String text = Files.readString(Path.of(state, "audit.jsonl"));
        List<Map<String, Object>> lines = new ArrayList<>();
        for (String line : text.split("\n")) {
            lines.add(JsonUtil.parseJson(line));
        }
        assertThat(lines.stream().map(l -> l.get("event")))
                .containsExactly("gateway-named", "token-made", "revoke", "key-rotated", "key-retired");
        assertThat(lines).allMatch(l -> l.containsKey("by") && l.containsKey("time"));
        assertThat(lines.get(1)).containsEntry("name", "laptop").containsEntry("binding", "enrolment");
        assertThat(lines.get(3)).containsEntry("key", fresh);
        assertThat(text).doesNotContain(jwt.substring(jwt.lastIndexOf('.') + 1)).doesNotContain("\u202e");
    }

    @Test
    void aFileIsNotOverwrittenUnlessTold() throws Exception {
        init();
        Path file = temp.resolve("laptop.token");
        client("laptop", "--out", file.toString());
        String first = Files.readString(file);
        Result again = run("client", "--name", "laptop", "--allow", "office:10.0.0.0/8", "--out", file.toString());
        assertThat(again.code).isEqualTo(1);
        assertThat(again.err).contains(file + " exists", "--force");
        assertThat(file).hasContent(first);
        assertThat(run("list").out.lines()).as("none was made").hasSize(2);
        Result forced =
                run("client", "--name", "laptop", "--allow", "office:10.0.0.0/8", "--force", "--out", file.toString());
        assertThat(forced.ok().err).contains("another token of client laptop");
        assertThat(Files.readString(file)).isNotEqualTo(first);
        Path link = Files.createSymbolicLink(temp.resolve("link"), file);
        assertThat(run("client", "--name", "x", "--allow", "office:10.0.0.0/8", "--force", "--out", link.toString())
                        .err)
                .contains("no regular file");
    }

    @Test
    void nobodyGetsATokenThatTheListDoesNotKnow() throws Exception {
        init();
        Path file = temp.resolve("laptop.token");
        for (String broken : List.of(".lock", "issued.jsonl")) {
            Path path = Path.of(state, broken);
            Files.deleteIfExists(path);
            Files.createDirectory(path);
            Result failed = run("client", "--name", "laptop", "--allow", "office:10.0.0.0/8", "--out", file.toString());
            assertThat(failed.code).isEqualTo(1);
            assertThat(failed.err).contains(broken);
            assertThat(file).doesNotExist();
            Files.delete(path);
        }
        client("laptop", "--out", file.toString());
        assertThat(run("client", "--name", "x", "--allow", "office:10.0.0.0/8", "--out", temp.toString()).err)
                .contains(temp + " is a directory");
        assertThat(run(
                                "client",
                                "--name",
                                "x",
                                "--allow",
                                "office:10.0.0.0/8",
                                "--out",
                                temp.resolve("no/x").toString())
                        .err)
                .contains("make its directory first");
    }

    @Test
    void aMisspeltOptionIsWhatIsWrong() {
        init();
        assertThat(run("client", "--name", "laptop", "--alow", "office:10.0.0.0/8").err)
                .startsWith("token: unknown option '--alow'; did you mean --allow?");
        assertThat(run("client", "--name", "laptop").err).contains("Missing required option", "--allow");
        assertThat(run("list", "--in-fore").err).contains("'--in-fore'; did you mean --in-force?");
    }

    @Test
    void whatIsLeftIsToldToTheNearest() {
        init();
        String jwt = client("laptop");
        now = NOW.plusSeconds(5);
        stdin = new java.io.ByteArrayInputStream(jwt.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        assertThat(run("show", "-").out).contains("90 days left");
    }

    @Test
    void listsWhatWasMadeAndNeverTheTokens() throws Exception {
        init();
        assertThat(run("list").ok().err).contains("no such token was made");
        String laptop = client("laptop");
        String phone = client("phone", "--expires", "1h");
        String office = run("agent", "--name", "office", "--routes", "10.0.0.0/8")
                .ok()
                .out
                .strip();
        run("revoke", TokenReader.read(laptop).id()).ok();
        now = NOW.plus(Duration.ofHours(2));
        Result list = run("list").ok();
        assertThat(list.out.lines().toList()).hasSize(4);
        assertThat(list.out
                        .lines()
                        .filter(l -> l.contains("laptop"))
                        .findFirst()
                        .orElseThrow())
                .endsWith("revoked");
        assertThat(list.out.lines().filter(l -> l.contains("phone")).findFirst().orElseThrow())
                .endsWith("expired");
        assertThat(list.out
                        .lines()
                        .filter(l -> l.contains("office"))
                        .findFirst()
                        .orElseThrow())
                .endsWith("in force");
        assertThat(run("list", "--in-force").out.lines()).hasSize(2);
        assertThat(run("list", "--kind", "client").out.lines()).hasSize(3);
        Map<String, Object> json = run("list", "--json", "--name", "office").json();
        assertThat((List<?>) json.get("tokens")).singleElement().satisfies(t -> {
            assertThat((Map<?, ?>) t).hasSize(7);
            assertThat(((Map<?, ?>) t).get("state")).isEqualTo("in force");
        });
        Path file = Path.of(state, "issued.jsonl");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        for (String jwt : List.of(laptop, phone, office)) {
            assertThat(Files.readString(file)).doesNotContain(jwt.substring(jwt.lastIndexOf('.') + 1));
        }
    }

    @Test
    void keysRotateAndRetire() throws Exception {
        init();
        String old = client("laptop");
        String oldKey = TokenReader.read(old).keyId();
        Result rotated = run("key", "rotate").ok();
        assertThat(rotated.out).contains("key " + oldKey + " is still used by 1 token (laptop)");
        String fresh = client("laptop");
        String freshKey = TokenReader.read(fresh).keyId();
        assertThat(freshKey).isNotEqualTo(oldKey);
        verify(old).ok();
        verify(fresh).ok();
        assertThat(run("key", "list").ok().out.lines().skip(1).map(l -> l.substring(0, 16)))
                .containsExactly(freshKey, oldKey);
        assertThat(((Map<?, ?>) ((List<?>) run("key", "list", "--json").json().get("keys")).get(0)).get("signs"))
                .isEqualTo(true);
        assertThat(run("key", "retire", freshKey).err).contains("is the one that signs");
        assertThat(run("key", "retire", "nonsense").err).contains("token key list");
        Result refused = run("key", "retire", oldKey);
        assertThat(refused.code).isEqualTo(1);
        assertThat(refused.err).contains("still used by 1 token (laptop)", "--force");
        verify(old).ok();
        run("key", "retire", oldKey, "--force").ok();
        assertThat(verify(old).code).isEqualTo(3);
        assertThat(verify(old).err).contains("no longer");
        verify(fresh).ok();
        assertThat(run("list")
                        .out
                        .lines()
                        .filter(l -> l.contains(oldKey))
                        .findFirst()
                        .orElseThrow())
                .endsWith("key retired");
        assertThat(run("key").code).isEqualTo(2);
    }

    @Test
    void aRotationCutShortLeavesTheOldKeySigning() throws Exception {
        init();
        byte[] oldPrivate = Files.readAllBytes(Path.of(state, "signing.key"));
        String oldKey = StateDirectory.open(Path.of(state)).signer().keyId();
        run("key", "rotate").ok();
        Files.write(Path.of(state, "signing.key"), oldPrivate); // as if it had ended between the two files
        String jwt = client("laptop");
        assertThat(TokenReader.read(jwt).keyId()).isEqualTo(oldKey);
        verify(jwt).ok();
        run("key", "rotate").ok();
        assertThat(TokenReader.read(client("phone")).keyId()).isNotEqualTo(oldKey);
    }

    @Test
    void theSigningKeyMayBeUnderAPassphrase() throws Exception {
        Path file = temp.resolve("pass");
        Files.writeString(file, "correct horse\nsecond line\n");
        run("init", "--gateway", "wss://vpn.example", "--passphrase-file", file.toString())
                .ok();
        String key = Files.readString(Path.of(state, "signing.key"));
        assertThat(key).startsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(Path.of(state, "signing.key"))))
                .isEqualTo("rw-------");
        Result none = run("client", "--name", "a", "--allow", "x:10.0.0.0/8");
        assertThat(none.code).isEqualTo(1);
        assertThat(none.err).contains("--passphrase-file").contains("CULVERT_PASSPHRASE");
        env.put("CULVERT_PASSPHRASE", "wrong");
        assertThat(run("client", "--name", "a", "--allow", "x:10.0.0.0/8").err).contains("is the passphrase right?");
        env.put("CULVERT_PASSPHRASE", "correct horse");
        verify(client("a")).ok();
        env.clear();
        typed = new ArrayDeque<>(List.of("correct horse"));
        verify(client("b")).ok();
        assertThat(asked).singleElement().asString().contains("signing.key");

        // A rotation keeps the passphrase, and does not lock anybody out by a mistyped one.
        typed = new ArrayDeque<>(List.of("mistyped"));
        assertThat(run("key", "rotate").code).isEqualTo(1);
        typed = new ArrayDeque<>(List.of("correct horse", "correct horse"));
        run("key", "rotate").ok();
        verify(client("c")).ok();

        typed = new ArrayDeque<>(List.of("correct horse", "new", "nwe", "new", "new"));
        run("key", "passphrase").ok();
        typed = new ArrayDeque<>(List.of("new"));
        verify(client("d")).ok();
        typed = new ArrayDeque<>(List.of("new"));
        run("key", "passphrase", "--remove").ok();
        typed = null;
        verify(client("e")).ok();
        assertThat(Files.readString(Path.of(state, "signing.key"))).startsWith("-----BEGIN PRIVATE KEY-----");
    }

    @Test
    void verifyTellsByItsExitCodeWhy() throws Exception {
        init();
        String jwt = client("laptop", "--expires", "1h");
        assertThat(verify(jwt, "--kind", "client").ok().out).startsWith("accepted: client token of laptop");
        assertThat(verify(jwt, "--kind", "agent").code).isEqualTo(3);
        int at = jwt.length() - 20;
        assertThat(verify("nonsense").code).isEqualTo(3);
        assertThat(verify(jwt.substring(0, at) + (jwt.charAt(at) == 'A' ? 'B' : 'A') + jwt.substring(at + 1)).code)
                .isEqualTo(3);
        assertThat(verify(" ").code).isEqualTo(1);
        assertThat(run("verify").code).isEqualTo(1);
        assertThat(verify(jwt, "--kind", "king").code).isEqualTo(2);
        now = NOW.plus(Duration.ofHours(2));
        assertThat(verify(jwt).code).isEqualTo(4);
        now = NOW.minus(Duration.ofHours(2));
        assertThat(verify(jwt).code).isEqualTo(4);
        now = NOW;
        run("init", "--gateway", "wss://new.example").ok();
        verify(jwt).ok(); // earlier names count on
        Path names = Path.of(state, "gateway.url");
        assertThat(Files.readString(names)).contains("was wss://vpn.example:443");
        Files.writeString(names, "wss://new.example\n");
        assertThat(verify(jwt).code).isEqualTo(5);
        state = temp.resolve("none").toString();
        assertThat(verify(jwt).code).isEqualTo(1);
    }

    /** A hyphen is standard output, as it is standard input elsewhere, and no file of that name. */
    @Test
    void aHyphenIsStandardOutput() throws Exception {
        init();
        Result result = run("client", "--name", "a", "--allow", "x:10.0.0.0/8", "--out", "-")
                .ok();
        assertThat(TokenReader.read(result.out.strip()).name()).isEqualTo("a");
        assertThat(Path.of("-")).doesNotExist();
        Result nowhere = run("client", "--name", "a", "--allow", "x:10.0.0.0/8", "--out", "");
        assertThat(nowhere.code).isEqualTo(2);
        assertThat(nowhere.err).contains("--out is empty");
    }

    @Test
    void printsJsonAboutAMadeToken() throws Exception {
        init();
        Path file = temp.resolve("t");
        Map<String, Object> toFile = run(
                        "client", "--name", "a", "--allow", "x:10.0.0.0/8", "--out", file.toString(), "--json")
                .json();
        assertThat(toFile).containsEntry("file", file.toString()).doesNotContainKey("token");
        assertThat(toFile.get("id"))
                .isEqualTo(TokenReader.read(Files.readString(file).strip()).id());
        Map<String, Object> toOut =
                run("agent", "--name", "b", "--routes", "10.0.0.0/8", "--json").json();
        assertThat(TokenReader.read((String) toOut.get("token")).name()).isEqualTo("b");
        assertThat(run("init", "--json").json()).containsEntry("gateways", List.of("wss://vpn.example:443"));
    }

    /** The picture on the terminal, seen by another library's eyes. */
    @Test
    void aQrCodeHoldsTheToken() throws Exception {
        init();
        Path file = temp.resolve("t");
        String picture = run("client", "--name", "a", "--allow", "x:10.0.0.0/8", "--qr", "--out", file.toString())
                .ok()
                .out;
        List<String> lines = picture.lines().toList();
        int size = lines.get(0).length();
        assertThat(lines).hasSize((size + 1) / 2).allMatch(l -> l.length() == size);
        int scale = 3;
        int[] pixels = new int[size * scale * size * scale];
        for (int y = 0; y < size; y++) {
            for (int x = 0; x < size; x++) {
                char c = lines.get(y / 2).charAt(x);
                boolean light = c == '\u2588' || c == (y % 2 == 0 ? '\u2580' : '\u2584');
                for (int i = 0; i < scale * scale; i++) {
                    pixels[(y * scale + i / scale) * size * scale + x * scale + i % scale] = light ? 0xffffff : 0;
                }
            }
        }
        String read = new QRCodeReader()
                .decode(
                        new BinaryBitmap(
                                new HybridBinarizer(new RGBLuminanceSource(size * scale, size * scale, pixels))),
                        Map.of(DecodeHintType.PURE_BARCODE, true))
                .getText();
        assertThat(read).isEqualTo("culvert://" + Files.readString(file).strip());
    }

    @Test
    void saysWhenATokenIsTooLongForAQrCode() {
        init();
        String many = String.join(
                ",",
                java.util.stream.IntStream.range(0, 100)
                        .mapToObj(i -> "office:host-" + i + ".corp.example")
                        .toList());
        Result result = run("client", "--name", "a", "--allow", many, "--qr");
        assertThat(result.code).isEqualTo(1);
        assertThat(result.err).contains("a QR code holds 2953");
        assertThat(run("list").out).as("nothing was made").isEmpty();
    }
}
