package dev.culvert.token.holder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.proxy.Proxy;
import dev.culvert.command.Program;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.SigningKey;
import dev.culvert.token.sign.TokenSigner;
import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code login}, {@code profiles}, {@code logout}, and who uses what they keep. */
@NullUnmarked
final class LoginCommandTest {
    private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");
    private static final TokenSigner SIGNER = new TokenSigner(SigningKey.generate());

    @TempDir
    Path dir;

    private Instant now = NOW;
    private String stdin = "";
    private Prompt prompt;
    private boolean typed;
    private String out;
    private String err;

    @CommandLine.Command(name = "client", mixinStandardHelpOptions = true)
    static final class Client {}

    @CommandLine.Command(name = "use")
    static final class Use implements Runnable {
        @CommandLine.Parameters(arity = "0..1")
        String profile;

        @CommandLine.Mixin
        HolderOptions options = new HolderOptions();

        HolderOptions.Holder holder;
        Proxy proxy;

        @Override
        public void run() {
            try {
                HolderOptions.Holder read = options.read(Token.Kind.CLIENT, profile);
                proxy = options.proxies(read).of(read.token().gateways().get(0));
                holder = read;
            } catch (CommandLine.ParameterException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e.getMessage(), e);
            }
        }
    }

    private static TokenTerms terms(String name, int days, TokenBinding binding) {
        URI gateway = URI.create("wss://" + name + ".test:443");
        return TokenTerms.of(name, List.of(gateway), null, NOW, NOW.plus(Duration.ofDays(days)))
                .withBinding(binding);
    }

    private static String token(String name, int days, TokenBinding binding) {
        return SIGNER.sign(ClientToken.of(terms(name, days, binding), List.of(Grant.parse("office:10.0.0.0/8"))));
    }

    private static String token(String name) {
        return token(name, 30, TokenBinding.BEARER);
    }

    private Path state() {
        return dir.resolve("state");
    }

    private int run(Object command, String... arguments) {
        StringWriter o = new StringWriter();
        StringWriter e = new StringWriter();
        CommandLine line = Program.commandLine(new Client());
        line.addSubcommand(command);
        line.setOut(new PrintWriter(o));
        line.setErr(new PrintWriter(e));
        int code = line.execute(Stream.concat(Arrays.stream(arguments), Stream.of("--state", state().toString()))
                .toArray(String[]::new));
        out = o.toString();
        err = e.toString();
        return code;
    }

    private Clock clock() {
        return Clock.fixed(now, ZoneOffset.UTC);
    }

    private int login(String... arguments) {
        List<String> all = new ArrayList<>(List.of("login"));
        all.addAll(List.of(arguments));
        byte[] input = stdin.getBytes(StandardCharsets.UTF_8);
        return run(
                new LoginCommand(
                        new ByteArrayInputStream(input), () -> Optional.ofNullable(prompt), () -> typed, clock()),
                all.toArray(String[]::new));
    }

    private Path file(String text) throws Exception {
        Path file = Files.createTempFile(
                dir, "t", ".token", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        return Files.writeString(file, text + "\n");
    }

    private HolderOptions.Holder use(String... arguments) {
        return used(arguments).holder;
    }

    private Use used(String... arguments) {
        List<String> all = new ArrayList<>(List.of("use"));
        all.addAll(List.of(arguments));
        Use use = new Use();
        run(use, all.toArray(String[]::new));
        return use;
    }

    private JsonNode profiles() {
        assertThat(run(new ProfilesCommand(clock()), "profiles", "--json"))
                .as(err)
                .isZero();
        return JsonMapper.shared().readTree(out);
    }

    private void refused(int code, String... words) {
        assertThat(err).startsWith("client: ").contains(words).doesNotContain("eyJ");
        assertThat(err.lines()).hasSize(code == 2 ? 2 : 1);
        assertThat(out).isEmpty();
    }

    private void aTokenIsRefused() {
        assertThat(err)
                .isEqualTo(
                        "client: a token is on the command line, where every user of this machine can read it and the"
                                + " shell may keep it: name a file that holds it, or - for standard input\n");
        assertThat(out).isEmpty();
    }

    @Test
    void aFileIsKeptForItsOwnerOnlyAndUsedWhereNoneIsNamed() throws Exception {
        String laptop = token("laptop");
        assertThat(login(file(laptop).toString())).as(err).isZero();
        assertThat(out)
                .isEqualTo("client: logged in as 'laptop' at wss://laptop.test:443, until 2026-12-30T12:00:00Z;"
                        + " profile 'default' in " + state() + "\n");
        assertThat(err).isEmpty();
        Path kept = state().resolve("profile-default.token");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(kept)))
                .isEqualTo("rw-------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state())))
                .isEqualTo("rwx------");
        HolderOptions.Holder holder = use();
        assertThat(holder.jwt()).isEqualTo(laptop);
        assertThat(holder.profile()).isEqualTo("default");
    }

    @Test
    void standardInputAndThePromptAreWaysToo() throws Exception {
        stdin = token("piped") + "\r\n";
        assertThat(login("-")).as(err).isZero();
        assertThat(use().token().name()).isEqualTo("piped");
        stdin = token("waiting");
        assertThat(login()).as("without a terminal it is read all the same").isZero();
        assertThat(use().token().name()).isEqualTo("waiting");
        List<String> asked = new ArrayList<>();
        prompt = question -> {
            asked.add(question);
            return (" " + token("typed") + " ").toCharArray();
        };
        assertThat(login()).as(err).isZero();
        assertThat(asked).hasSize(1);
        assertThat(use().token().name()).isEqualTo("typed");
        assertThat(login("-")).as("who says - means it").isZero();
        assertThat(asked).hasSize(1);
        assertThat(use().token().name()).isEqualTo("waiting");
        prompt = question -> ("CULVERT://" + token("photographed")).toCharArray();
        assertThat(login()).as("the text of a QR code: %s", err).isZero();
        assertThat(use().token().name()).isEqualTo("photographed");
    }

    /** {@code login | tee log}: it would be waited for without a word, and shown when it is typed. */
    @Test
    void nothingIsReadFromATerminalThatShowsIt() {
        stdin = token("laptop");
        typed = true;
        assertThat(login()).isEqualTo(1);
        refused(1, "standard output is not the terminal", "name a file", "or - for standard input");
        assertThat(state()).doesNotExist();
        assertThat(login("-")).as("who says - means it").isZero();
    }

    @Test
    void aTerminalIsKnownByItsName() throws Exception {
        for (String name : List.of("/dev/pts/7", "/dev/pts/7 (deleted)", "/dev/tty1", "/dev/ttyS0", "/dev/console")) {
            assertThat(Prompt.isTerminal(link(name))).as(name).isTrue();
        }
        for (String name : List.of("pipe:[4711]", "/dev/null", "/tmp/dev/pts/7", "/root/laptop.token")) {
            assertThat(Prompt.isTerminal(link(name))).as(name).isFalse();
        }
        assertThat(Prompt.isTerminal(dir.resolve("none"))).isFalse();
    }

    private Path link(String to) throws Exception {
        Path link = dir.resolve("descriptor");
        Files.deleteIfExists(link);
        return Files.createSymbolicLink(link, Path.of(to));
    }

    @Test
    void whatATerminalCutsIsSaid() {
        prompt = question -> "e".repeat(4_095).toCharArray();
        assertThat(login()).isEqualTo(1);
        refused(1, "a terminal takes 4095 characters in a line");
    }

    @Test
    void theLastLoginIsUsedUntilAnotherIsNamed() throws Exception {
        login(file(token("home")).toString(), "--profile", "home");
        login(file(token("work")).toString(), "--profile", "work");
        assertThat(use().token().name()).isEqualTo("work");
        assertThat(use("home").token().name()).isEqualTo("home");
        assertThat(use("home").profile()).isEqualTo("home");
        JsonNode all = profiles();
        assertThat(all.path("current").stringValue()).isEqualTo("work");
        assertThat(all.at("/profiles").valueStream().map(p -> p.path("name").stringValue()))
                .containsExactly("home", "work");
        JsonNode home = all.at("/profiles/0");
        assertThat(home.path("holder").stringValue()).isEqualTo("home");
        assertThat(home.at("/gateways/0").stringValue()).isEqualTo("wss://home.test:443");
        assertThat(home.path("expires").stringValue()).isEqualTo("2026-12-30T12:00:00Z");
        assertThat(home.path("current").booleanValue()).isFalse();
        assertThat(home.path("over").booleanValue()).isFalse();
        assertThat(out).doesNotContain("eyJ");

        run(new ProfilesCommand(clock()), "profiles");
        assertThat(out.lines())
                .containsExactly(
                        "  PROFILE  HOLDER  GATEWAY              UNTIL",
                        "  home     home    wss://home.test:443  2026-12-30T12:00:00Z (30 d left)",
                        "* work     work    wss://work.test:443  2026-12-30T12:00:00Z (30 d left)");
    }

    @Test
    void whatIsGivenGoesBeforeWhatIsKept() throws Exception {
        login(file(token("kept")).toString());
        HolderOptions.Holder given = use("--token-file", file(token("given")).toString());
        assertThat(given.token().name()).isEqualTo("given");
        assertThat(given.profile()).isNull();
        assertThat(use("default", "--token-file", file(token("given")).toString()))
                .isNull();
        refused(2, "--token-file and a profile exclude each other");
    }

    @Test
    void withoutAnyItIsSaidHowToLogIn() throws Exception {
        assertThat(use()).isNull();
        refused(1, "no token is kept in " + state(), "'client login FILE'", "--token-file FILE");
        assertThat(state()).doesNotExist();
        login(file(token("home")).toString(), "--profile", "home");
        assertThat(use("hmoe")).isNull();
        refused(1, "there is no profile 'hmoe'", "name one of home");
        assertThat(use("../home")).isNull();
        refused(1, "there is no profile '../home'");
    }

    @Test
    void logoutForgetsAndLeavesNoneInUseUnlessOneIsLeft() throws Exception {
        for (String name : List.of("a", "b", "c")) {
            login(file(token(name)).toString(), "--profile", name);
        }
        Files.writeString(state().resolve("profile-c.renewed"), "x");
        assertThat(run(new LogoutCommand(), "logout")).isZero();
        assertThat(out).isEqualTo("client: logged out; profile 'c' is deleted\n");
        assertThat(state().resolve("profile-c.token")).doesNotExist();
        assertThat(state().resolve("profile-c.renewed")).doesNotExist();
        assertThat(use()).isNull();
        refused(1, "no profile is in use", "name one of a, b");
        assertThat(run(new LogoutCommand(), "logout")).isEqualTo(1);
        refused(1, "no profile is in use");
        assertThat(run(new LogoutCommand(), "logout", "a")).isZero();
        assertThat(use().token().name()).as("the only one").isEqualTo("b");
        assertThat(run(new LogoutCommand(), "logout", "a")).isEqualTo(1);
        refused(1, "there is no profile 'a'", "'client profiles'");
        assertThat(run(new LogoutCommand(), "logout")).isZero();
        assertThat(profiles().path("profiles")).isEmpty();
        assertThat(profiles().path("current").isNull()).isTrue();
    }

    /** Of what was typed into the command line nothing is said again. */
    @Test
    void aTokenAsAnArgumentIsRefusedAndNotRepeated() throws Exception {
        String jwt = token("laptop");
        assertThat(login(jwt)).isEqualTo(2);
        aTokenIsRefused();
        assertThat(login(jwt, "more")).isEqualTo(2);
        aTokenIsRefused();
        assertThat(login("--profile", jwt)).isEqualTo(2);
        aTokenIsRefused();
        assertThat(login("--tokn=" + jwt)).isEqualTo(2);
        aTokenIsRefused();
        assertThat(login("culvert://" + jwt)).isEqualTo(2);
        aTokenIsRefused();
        assertThat(use("--token-file", jwt)).isNull();
        aTokenIsRefused();
        assertThat(use(jwt)).isNull();
        aTokenIsRefused();
        assertThat(use("@" + file(jwt), "more")).isNull();
        assertThat(err).contains("more").doesNotContain("eyJ");
        assertThat(login("@" + file(jwt))).isEqualTo(1);
        refused(1, "token file @");
        assertThat(run(new LogoutCommand(), "logout", jwt)).isEqualTo(2);
        aTokenIsRefused();
        assertThat(login(jwt.substring(0, jwt.lastIndexOf('.')), "x"))
                .as("one that was cut")
                .isEqualTo(2);
        aTokenIsRefused();
        assertThat(state()).doesNotExist();
    }

    @Test
    void whatIsOfNoUseIsNotKept() throws Exception {
        now = NOW.plus(Duration.ofDays(30));
        assertThat(login(file(token("laptop")).toString())).isEqualTo(1);
        refused(1, "the token of 'laptop' has ended at 2026-12-30T12:00:00Z", "ask for another one");
        now = NOW;
        String agent = SIGNER.sign(
                AgentToken.of(terms("office", 30, TokenBinding.BEARER), List.of(IpPrefix.parse("10.0.0.0/8"))));
        assertThat(login(file(agent).toString())).isEqualTo(1);
        refused(1, "agent");
        assertThat(login(file("nonsense").toString())).isEqualTo(1);
        refused(1, "");
        HolderKey elsewhere = HolderKey.generate();
        assertThat(login(file(token("laptop", 30, new TokenBinding.Key(elsewhere.thumbprint())))
                        .toString()))
                .isEqualTo(1);
        refused(1, "is bound to a key that is not here");
        assertThat(login(file(token("laptop")).toString(), "--profile", "Work/1"))
                .isEqualTo(2);
        refused(2, "--profile 'Work/1' is not a valid name");
        assertThat(state()).doesNotExist();
    }

    @Test
    void oneThatHasEndedMeanwhileIsShownSo() throws Exception {
        login(file(token("laptop")).toString());
        now = NOW.plus(Duration.ofDays(40));
        assertThat(profiles().at("/profiles/0/over").booleanValue()).isTrue();
        run(new ProfilesCommand(clock()), "profiles");
        assertThat(out).contains("2026-12-30T12:00:00Z (it is OVER: ask for another one");
        Files.writeString(state().resolve("profile-default.token"), "spoilt");
        assertThat(profiles().at("/profiles/0/trouble").stringValue()).isNotEmpty();
        assertThat(run(new ProfilesCommand(clock()), "profiles")).isZero();
    }

    /** What the gateway hands over is the profile's, whoever else has the same name. */
    @Test
    void aRenewedTokenBelongsToItsProfile() throws Exception {
        HolderKey key = HolderKey.make(state());
        TokenBinding bound = new TokenBinding.Key(key.thumbprint());
        String first = token("laptop", 30, bound);
        String later = token("laptop", 90, bound);
        login(file(first).toString(), "--profile", "home");
        login(file(token("laptop", 20, bound)).toString(), "--profile", "work");
        try (RenewedToken renewed = new RenewedToken(use("home"), key.pair(), state(), clock(), line -> {})) {
            assertThat(renewed.offer(later, first).toCompletableFuture().get()).isNotNull();
        }
        assertThat(profiles().at("/profiles/0/expires").stringValue()).isEqualTo("2027-02-28T12:00:00Z");
        assertThat(profiles().at("/profiles/1/expires").stringValue()).isEqualTo("2026-12-20T12:00:00Z");

        login(file(first).toString(), "--profile", "home");
        assertThat(profiles().at("/profiles/0/expires").stringValue())
                .as("the same token again takes nothing back")
                .isEqualTo("2027-02-28T12:00:00Z");
        login(file(token("laptop", 40, bound)).toString(), "--profile", "home");
        assertThat(profiles().at("/profiles/0/expires").stringValue())
                .as("another one does")
                .isEqualTo("2027-01-09T12:00:00Z");
    }

    private static String offer(RenewedToken holder, String jwt) throws Exception {
        return holder.offer(jwt, holder.jwt()).toCompletableFuture().get(60, TimeUnit.SECONDS);
    }

    /** As that on a full disk does. */
    @Test
    void aLoginThatFailsDeletesNothing() throws Exception {
        HolderKey key = HolderKey.make(state());
        TokenBinding bound = new TokenBinding.Key(key.thumbprint());
        login(file(token("laptop", 30, bound)).toString());
        try (RenewedToken renewed = new RenewedToken(use(), key.pair(), state(), clock(), line -> {})) {
            assertThat(offer(renewed, token("laptop", 90, bound))).isNotNull();
        }
        Path current = state().resolve("profile");
        Files.delete(current);
        Files.createDirectories(current.resolve("in-the-way"));
        assertThat(login(file(token("laptop", 40, bound)).toString())).isEqualTo(1);
        refused(1, "profile");
        assertThat(state().resolve("profile-default.renewed")).exists();
    }

    /** Who logs in again with the file that he has been sent once, when that one is over and its successor is not. */
    @Test
    void aTokenThatWasRenewedIsGoodForAsLongAsThatOneIs() throws Exception {
        HolderKey key = HolderKey.make(state());
        TokenBinding bound = new TokenBinding.Key(key.thumbprint());
        String first = token("laptop", 30, bound);
        String later = token("laptop", 90, bound);
        login(file(first).toString());
        try (RenewedToken renewed = new RenewedToken(use(), key.pair(), state(), clock(), line -> {})) {
            assertThat(offer(renewed, later)).isNotNull();
        }
        now = NOW.plus(Duration.ofDays(40));
        assertThat(login(file(first).toString())).as(err).isZero();
        assertThat(out).contains("until 2027-02-28T12:00:00Z");
        assertThat(profiles().at("/profiles/0/expires").stringValue()).isEqualTo("2027-02-28T12:00:00Z");
        assertThat(login(file(first).toString(), "--profile", "other"))
                .as("what is another profile's is not this one's")
                .isEqualTo(1);
        refused(1, "the token of 'laptop' has ended at 2026-12-30T12:00:00Z");
        now = NOW.plus(Duration.ofDays(91));
        assertThat(login(file(first).toString())).isEqualTo(1);
        refused(1, "the token of 'laptop' has ended at 2027-02-28T12:00:00Z");
    }

    @Test
    void whatAProcessWithTheFileWasHandedIsTheProfilesToo() throws Exception {
        HolderKey key = HolderKey.make(state());
        TokenBinding bound = new TokenBinding.Key(key.thumbprint());
        Path first = file(token("laptop", 30, bound));
        try (RenewedToken renewed =
                new RenewedToken(use("--token-file", first.toString()), key.pair(), state(), clock(), line -> {})) {
            assertThat(offer(renewed, token("laptop", 90, bound))).isNotNull();
        }
        now = NOW.plus(Duration.ofDays(40));
        assertThat(login(first.toString())).as(err).isZero();
        assertThat(out).contains("until 2027-02-28T12:00:00Z");
        assertThat(profiles().at("/profiles/0/expires").stringValue()).isEqualTo("2027-02-28T12:00:00Z");
        assertThat(PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(state().resolve("profile-default.renewed"))))
                .isEqualTo("rw-------");
        String another = SIGNER.sign(ClientToken.of(terms("laptop", 50, bound), List.of(Grant.parse("*:0.0.0.0/0"))));
        assertThat(login(file(another).toString())).as(err).isZero();
        assertThat(out).as("its rights are others").contains("until 2027-01-19T12:00:00Z");
        assertThat(state().resolve("profile-default.renewed")).doesNotExist();
    }

    /** A process goes on with the token that it was started with, and what it is handed is nobody else's. */
    @Test
    void aProcessKeepsNothingInAProfileThatIsNoLongerItsOwn() throws Exception {
        HolderKey key = HolderKey.make(state());
        TokenBinding bound = new TokenBinding.Key(key.thumbprint());
        List<String> said = new CopyOnWriteArrayList<>();
        Path renewed = state().resolve("profile-default.renewed");
        login(file(token("laptop", 30, bound)).toString());
        String later = token("laptop", 90, bound);
        try (RenewedToken running = new RenewedToken(use(), key.pair(), state(), clock(), said::add);
                RenewedToken second = new RenewedToken(use(), key.pair(), state(), clock(), said::add)) {
            run(new LogoutCommand(), "logout");
            assertThat(offer(running, later)).isNotNull();
            assertThat(running.jwt()).isEqualTo(later);
            assertThat(renewed).doesNotExist();
            assertThat(said)
                    .containsExactly(
                            "the token of 'laptop' was renewed: it is valid until 2027-02-28T12:00:00Z; it is in"
                                    + " memory only, for profile 'default' was logged out, or in with another token");
            login(file(token("laptop", 40, bound)).toString());
            assertThat(offer(second, later)).isNotNull();
            assertThat(renewed).doesNotExist();
            assertThat(said).hasSize(2);
        }
        assertThat(profiles().at("/profiles/0/expires").stringValue()).isEqualTo("2027-01-09T12:00:00Z");
    }

    @Test
    void aProxyIsKeptWithTheTokenUntilTheNextLogin() throws Exception {
        String laptop = file(token("laptop")).toString();
        String login = file("me:s3cret").toString();
        assertThat(login(laptop, "--proxy", "http://proxy.corp:3128", "--proxy-user-file", login))
                .as(err)
                .isZero();
        assertThat(out + err)
                .contains("through the proxy http://proxy.corp:3128")
                .doesNotContain("s3cret");
        Path kept = state().resolve("profile-default.proxy");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(kept)))
                .isEqualTo("rw-------");
        assertThat(used().proxy)
                .isEqualTo(Proxy.parse("http://proxy.corp:3128").withLogin(new Proxy.Login("me", "s3cret")));
        assertThat(used("--proxy", "socks5://other").proxy).isEqualTo(Proxy.parse("socks5://other:1080"));
        assertThat(used("--proxy", "none").proxy).isNull();
        Use given = used("--token-file", laptop);
        assertThat(given.holder).isNotNull();
        assertThat(given.proxy).as("it is the profile's, not another token's").isNull();

        assertThat(login(laptop, "--proxy", "none")).isZero();
        assertThat(Files.readString(kept)).isEqualTo("none\n");
        assertThat(used().proxy).isNull();
        Files.writeString(kept, "http://proxy.corp\nme\n");
        assertThat(used().holder).isNull();
        assertThat(err).contains(kept + ": ", "log in again");
        assertThat(login(laptop)).isZero();
        assertThat(kept).doesNotExist();

        login(laptop, "--proxy", "http://proxy.corp:3128", "--proxy-user-file", login);
        assertThat(run(new LogoutCommand(), "logout")).as(err).isZero();
        assertThat(kept).doesNotExist();
    }

    @Test
    void whatIsWrongWithAProxyIsSaidBeforeATokenIsRead() throws Exception {
        assertThat(login("-", "--proxy", "http://me:s3cret@proxy.corp")).isEqualTo(2);
        refused(2, "--proxy: a password is on the command line", "--proxy-user-file");
        assertThat(err).doesNotContain("s3cret");
        assertThat(login("-", "--proxy", "socks4://proxy.corp")).isEqualTo(2);
        refused(2, "--proxy: 'socks4://proxy.corp' is no proxy: write http://HOST:PORT");
        assertThat(login("-", "--proxy-user-file", "x")).isEqualTo(2);
        refused(2, "--proxy-user-file: say with --proxy whose user it is");
        assertThat(login(
                        "-",
                        "--proxy",
                        "http://p",
                        "--proxy-user-file",
                        file("s3cret").toString()))
                .isEqualTo(1);
        refused(1, "password file ", "write USER:PASSWORD into its first line");
        assertThat(err).doesNotContain("s3cret");
        assertThat(state()).doesNotExist();
    }

    @Test
    void thereIsRoomForManyAndNotForAny() throws Exception {
        Profiles profiles = new Profiles(state());
        for (int i = 0; i < Profiles.MOST; i++) {
            profiles.keep("p" + i, "x", null, null);
        }
        profiles.keep("p0", "y", null, null);
        assertThatThrownBy(() -> profiles.keep("more", "x", null, null))
                .hasMessageContaining("there are 256 profiles in " + state());
        assertThat(profiles.current()).isEqualTo("p0");
    }
}
