package dev.culvert.token.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.IpPrefix;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.token.AgentToken;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.holder.SecretFile;
import dev.culvert.token.sign.SigningKey;
import dev.culvert.token.sign.TokenSigner;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StateDirectoryTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    private static final URI URL = URI.create("wss://vpn.example");

    @TempDir
    Path temp;

    private static Clock at(Instant now) {
        return Clock.fixed(now, ZoneOffset.UTC);
    }

    private Path dir() {
        return temp.resolve("deep").resolve("state");
    }

    private StateDirectory create() throws StateException {
        return StateDirectory.openOrCreate(dir(), at(NOW));
    }

    /** A directory whose gateway has a name, so that tokens can be for it. */
    private StateDirectory named() throws StateException {
        StateDirectory state = create();
        state.setGatewayUrls(List.of(URL));
        return state;
    }

    private static AgentToken token() {
        return AgentToken.of(
                TokenTerms.of("office", List.of(URL), null, NOW, NOW.plusSeconds(600)),
                List.of(IpPrefix.parse("10.0.0.0/8")));
    }

    private static String mode(Path path) throws Exception {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    @Test
    void createsKeysThatWorkAndKeepsThem() throws Exception {
        StateDirectory state = named();
        String jwt = state.signer().sign(token());
        assertThat(StateDirectory.open(dir(), at(NOW))
                        .verifier()
                        .verifyAgent(jwt)
                        .name())
                .isEqualTo("office");
        String pin = state.caPin();
        assertThat(create().caPin()).isEqualTo(pin).hasSize(43);
        assertThat(create().signer().keyId()).isEqualTo(state.signer().keyId());
        assertThat(mode(dir())).isEqualTo("rwx------");
        assertThat(mode(dir().resolve("signing.key"))).isEqualTo("rw-------");
        assertThat(mode(dir().resolve("ca.key"))).isEqualTo("rw-------");
        assertThat(state.warnings()).isEmpty();
    }

    @Test
    void issuesACertificateThatThePkixCheckAccepts() throws Exception {
        StateDirectory state = create();
        ServerCertificate server = state.serverCertificate(List.of("VPN.example", "192.0.2.1", "2001:DB8::1"));
        X509Certificate ca = state.caCertificate();
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(ca, null)));
        parameters.setRevocationEnabled(false);
        parameters.setDate(Date.from(NOW));
        CertPathValidator.getInstance("PKIX")
                .validate(CertificateFactory.getInstance("X.509").generateCertPath(List.of(server.leaf())), parameters);
        assertThat(server.leaf().getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.1");
        assertThat(server.leaf().getBasicConstraints()).isEqualTo(-1);
        assertThat(ca.getBasicConstraints()).isZero();
        assertThat(server.chain()).hasSize(2);
        Set<String> names = new HashSet<>();
        for (List<?> name : server.leaf().getSubjectAlternativeNames()) {
            names.add(name.get(0) + " " + name.get(1));
        }
        assertThat(names).containsExactlyInAnyOrder("2 vpn.example", "7 192.0.2.1", "7 2001:db8:0:0:0:0:0:1");
        assertThat(mode(dir().resolve("server.key"))).isEqualTo("rw-------");
    }

    @Test
    void keepsTheCertificateUntilAThirdOfItsLifeIsLeft() throws Exception {
        X509Certificate first =
                create().serverCertificate(List.of("a.example", "b.example")).leaf();
        assertThat(create().serverCertificate(List.of("b.example", "a.example", "A.example"))
                        .leaf())
                .isEqualTo(first);
        Instant soon = NOW.plus(CertificateAuthority.SERVER_LIFE.multipliedBy(2).dividedBy(3));
        assertThat(StateDirectory.open(dir(), at(soon.minus(Duration.ofDays(1))))
                        .serverCertificate(List.of("a.example", "b.example"))
                        .leaf())
                .isEqualTo(first);
        X509Certificate second = StateDirectory.open(dir(), at(soon.plus(Duration.ofDays(1))))
                .serverCertificate(List.of("a.example", "b.example"))
                .leaf();
        assertThat(second).isNotEqualTo(first);
        X509Certificate third = create().serverCertificate(List.of("a.example")).leaf();
        assertThat(third).isNotEqualTo(second);
        assertThat(create().serverCertificate(List.of("a.example")).leaf()).isEqualTo(third);
    }

    /** A clock that is behind, or was ahead, must not cost the certificate that is right. */
    @Test
    void keepsACertificateThatIsYetToBegin() throws Exception {
        List<String> names = List.of("a.example");
        create();
        Instant later = NOW.plus(Duration.ofDays(200));
        X509Certificate good =
                StateDirectory.open(dir(), at(later)).serverCertificate(names).leaf();
        Instant between = NOW.plus(Duration.ofDays(100));
        StateDirectory behind = StateDirectory.open(dir(), at(between));
        X509Certificate meanwhile = behind.serverCertificate(names).leaf();
        assertThat(meanwhile.getNotBefore().toInstant()).isBefore(between);
        assertThat(behind.serverCertificate(names).leaf()).isEqualTo(meanwhile);
        assertThat(StateDirectory.open(dir(), at(later))
                        .serverCertificate(names)
                        .leaf())
                .isEqualTo(good);
        // Before the authority began no clock is right.
        StateDirectory wrong = StateDirectory.open(dir(), at(NOW.minus(Duration.ofDays(2_000))));
        assertThat(wrong.serverCertificate(names).leaf()).isEqualTo(good);
        X509Certificate made = wrong.serverCertificate(List.of("b.example")).leaf();
        assertThat(made.getNotBefore()).isEqualTo(wrong.caCertificate().getNotBefore());
        assertThat(StateDirectory.open(dir(), at(NOW.plusSeconds(60)))
                        .serverCertificate(List.of("b.example"))
                        .leaf())
                .isEqualTo(made);
    }

    @ParameterizedTest
    @ValueSource(strings = {"server.key", "server.crt"})
    void makesABrokenServerPairAnew(String name) throws Exception {
        X509Certificate first = create().serverCertificate(List.of("a.example")).leaf();
        Files.writeString(dir().resolve(name), "-----BEGIN NONSENSE-----");
        ServerCertificate second = create().serverCertificate(List.of("a.example"));
        assertThat(second.leaf()).isNotEqualTo(first);
        assertThat(create().serverCertificate(List.of("a.example")).leaf()).isEqualTo(second.leaf());
    }

    @Test
    void replacesAServerKeyThatDoesNotFitItsCertificate() throws Exception {
        create().serverCertificate(List.of("a.example"));
        byte[] older = Files.readAllBytes(dir().resolve("server.key"));
        X509Certificate second =
                create().serverCertificate(List.of("b.example")).leaf();
        Files.write(dir().resolve("server.key"), older);
        ServerCertificate third = create().serverCertificate(List.of("b.example"));
        assertThat(third.leaf()).isNotEqualTo(second);
        SigningProbe.assertHalves(third);
    }

    private static final class SigningProbe {
        static void assertHalves(ServerCertificate server) throws Exception {
            var signature = java.security.Signature.getInstance("SHA256withECDSA");
            signature.initSign(server.key());
            signature.update((byte) 1);
            byte[] signed = signature.sign();
            signature.initVerify(server.leaf().getPublicKey());
            signature.update((byte) 1);
            assertThat(signature.verify(signed)).isTrue();
        }
    }

    @Test
    void completesAnInterruptedCreation() throws Exception {
        String keyId = create().signer().keyId();
        String pin = create().caPin();
        Files.delete(dir().resolve("signing.pub"));
        Files.delete(dir().resolve("ca.crt"));
        assertThatThrownBy(() -> StateDirectory.open(dir()))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("signing.pub");
        StateDirectory again = create();
        assertThat(again.signer().keyId()).isEqualTo(keyId);
        assertThat(again.caPin()).as("tokens that are out must stay good").isEqualTo(pin);
        SigningProbe.assertHalves(again.serverCertificate(List.of("a.example")));
    }

    @Test
    void verifiesWithoutThePrivateKey() throws Exception {
        String jwt = named().signer().sign(token());
        Files.delete(dir().resolve("signing.key"));
        StateDirectory gateway = create();
        gateway.verifier().verify(jwt);
        assertThatThrownBy(gateway::signer).hasMessageContaining("signing.key is missing");
    }

    @Test
    void acceptsFurtherKeysInSigningPub() throws Exception {
        SigningKey older = SigningKey.generate();
        StateDirectory state = named();
        Path pub = dir().resolve("signing.pub");
        Files.writeString(
                pub,
                Files.readString(pub)
                        + Pem.text("PUBLIC KEY", older.verificationKey().key().getEncoded()));
        state.verifier().verify(new TokenSigner(older).sign(token()));
        state.verifier().verify(state.signer().sign(token()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"signing.key", "signing.pub", "ca.key", "ca.crt"})
    void namesACorruptFileAndTheCure(String name) throws Exception {
        create();
        for (String content : new String[] {
            "", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "x".repeat(300_000)
        }) {
            Files.writeString(dir().resolve(name), content);
            assertThatThrownBy(() -> {
                        StateDirectory state = StateDirectory.open(dir(), at(NOW));
                        state.signer();
                        state.serverCertificate(List.of("a.example"));
                    })
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining(dir().resolve(name).toString())
                    .hasMessageContaining("backup")
                    .hasMessageNotContaining("\n");
        }
    }

    @Test
    void refusesKeysThatOthersCanRead() throws Exception {
        create();
        Path key = dir().resolve("signing.key");
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r--r--"));
        assertThatThrownBy(this::create).isInstanceOf(StateException.class).hasMessageContaining("chmod 600 " + key);
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r-----"));
        assertThat(create().warnings()).singleElement().asString().contains("chmod 600 " + key);
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"));
        Files.setPosixFilePermissions(dir(), PosixFilePermissions.fromString("rwxr-xr-x"));
        assertThat(create().warnings()).singleElement().asString().contains("chmod 700 " + dir());
        Files.setPosixFilePermissions(dir(), PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(this::create).hasMessageContaining("every user");
        Files.setPosixFilePermissions(dir(), PosixFilePermissions.fromString("rwxrwx---"));
        assertThatThrownBy(this::create).hasMessageContaining("its group");
    }

    /** Root works in the directory of a service, which must not lead it to files of others' by a link. */
    @Test
    void rootFollowsNoLinksOfADirectorysOwner() throws Exception {
        Assumptions.assumeTrue(System.getProperty("user.name").equals("root"));
        create();
        Path precious = Files.writeString(dir().resolveSibling("precious"), "secret");
        Path made = dir().resolveSibling("made");
        Files.setAttribute(dir(), "unix:uid", 65534);
        for (String name : List.of(".lock", "signing.pub", "audit.jsonl", "revoked.jsonl")) {
            for (Path target : List.of(precious, made)) {
                Path file = dir().resolve(name);
                byte[] before = Files.exists(file) ? Files.readAllBytes(file) : null;
                Files.deleteIfExists(file);
                Files.createSymbolicLink(file, target);
                try {
                    StateDirectory state = create();
                    state.setGatewayUrls(List.of(URI.create("wss://" + name.replace(".", "x") + ".example")));
                    state.revocations().revokeId("x", "");
                    state.audit("x", Map.of());
                } catch (StateException e) {
                    assertThat(e).hasMessageNotContaining("secret");
                }
                assertThat(precious).as(name).hasContent("secret");
                assertThat(Files.getAttribute(precious, "unix:uid")).as(name).isEqualTo(0);
                assertThat(made).as(name).doesNotExist();
                Files.deleteIfExists(file);
                if (before != null) {
                    Files.write(file, before);
                }
            }
        }
    }

    @Test
    void underSudoATokenFileBelongsToWhoCalled() throws Exception {
        Assumptions.assumeTrue(System.getProperty("user.name").equals("root"));
        Path home = Files.createDirectories(dir().resolveSibling("home"));
        Path file = home.resolve("a.token");
        SecretFile.write(file, "x", false, Map.of("SUDO_UID", "65534"));
        assertThat(Files.getAttribute(file, "unix:uid")).as("root's directory").isEqualTo(0);
        Files.setAttribute(home, "unix:uid", 65534);
        SecretFile.write(home.resolve("b.token"), "x", false, Map.of("SUDO_UID", "65534"));
        assertThat(Files.getAttribute(home.resolve("b.token"), "unix:uid")).isEqualTo(65534);
        SecretFile.write(home.resolve("c.token"), "x", false, Map.of("SUDO_UID", "1000"));
        assertThat(Files.getAttribute(home.resolve("c.token"), "unix:uid")).isEqualTo(0);
        SecretFile.write(home.resolve("d.token"), "x", false, Map.of());
        assertThat(Files.getAttribute(home.resolve("d.token"), "unix:uid")).isEqualTo(0);
        assertThatThrownBy(() -> SecretFile.write(file, "y", false, Map.of())).hasMessageContaining("exists");
        assertThat(file).hasContent("x");
        try (var all = Files.list(home)) {
            assertThat(all).as("no temporary files").hasSize(4);
        }
    }

    @Test
    void manyThreadsCreateOneDirectory() throws Exception {
        List<Callable<String>> tasks = new ArrayList<>();
        CyclicBarrier together = new CyclicBarrier(8);
        for (int i = 0; i < 8; i++) {
            tasks.add(() -> {
                together.await(120, TimeUnit.SECONDS);
                StateDirectory state = create();
                X509Certificate leaf =
                        state.serverCertificate(List.of("a.example")).leaf();
                return state.signer().keyId() + state.caPin() + leaf.getSerialNumber();
            });
        }
        ExecutorService pool = Executors.newFixedThreadPool(8);
        try {
            Set<String> seen = new HashSet<>();
            for (Future<String> result : pool.invokeAll(tasks)) {
                seen.add(result.get());
            }
            assertThat(seen).hasSize(1);
        } finally {
            pool.shutdownNow();
        }
    }

    /** Run by {@link #manyProcessesCreateOneDirectory} in processes of their own. */
    public static final class OtherProcess {
        public static void main(String[] args) throws Exception {
            StateDirectory state = StateDirectory.openOrCreate(Path.of(args[0]), at(NOW));
            X509Certificate leaf = state.serverCertificate(List.of("a.example")).leaf();
            System.out.print(state.signer().keyId() + state.caPin() + leaf.getSerialNumber());
        }
    }

    @Test
    void manyProcessesCreateOneDirectory() throws Exception {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            processes.add(new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            OtherProcess.class.getName(),
                            dir().toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start());
        }
        Set<String> seen = new HashSet<>();
        for (Process process : processes) {
            seen.add(new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8));
            assertThat(process.waitFor()).isZero();
        }
        assertThat(seen).hasSize(1).noneMatch(String::isEmpty);
    }

    /** Run by {@link #oneGatewayHasADirectory} in a process of its own: holds the directory until its input ends. */
    public static final class OtherGateway {
        public static void main(String[] args) throws Exception {
            StateDirectory.open(Path.of(args[0]), at(NOW)).claim();
            System.out.println("claimed");
            System.in.read();
        }
    }

    @Test
    void oneGatewayHasADirectory() throws Exception {
        StateDirectory state = create();
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        OtherGateway.class.getName(),
                        dir().toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            assertThat(other.getInputStream().read()).isEqualTo('c');
            assertThatThrownBy(state::claim)
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("another gateway is running on")
                    .hasMessageContaining("--state");
            state.setGatewayUrls(List.of(URL)); // the token command works beside it
        } finally {
            other.getOutputStream().close();
            assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        java.io.Closeable claim = state.claim();
        assertThatThrownBy(state::claim).as("in one process too").isInstanceOf(StateException.class);
        claim.close();
        state.claim().close();
    }

    @Test
    void leavesNoTemporaryFiles() throws Exception {
        create().setGatewayUrls(List.of(URI.create("wss://vpn.example:443")));
        create().serverCertificate(List.of("a.example"));
        try (var files = Files.list(dir())) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            ".lock",
                            "signing.key",
                            "signing.pub",
                            "ca.key",
                            "ca.crt",
                            "server.key",
                            "server.crt",
                            "gateway.url");
        }
    }

    @Test
    void remembersTheGatewayUrl() throws Exception {
        assertThat(create().gatewayUrl()).isNull();
        create().setGatewayUrls(List.of(URI.create("wss://vpn.example:443")));
        assertThat(create().gatewayUrl()).isEqualTo(URI.create("wss://vpn.example:443"));
        assertThatThrownBy(() -> create().setGatewayUrls(List.of(URI.create("https://vpn.example"))))
                .isInstanceOf(IllegalArgumentException.class);
        Files.writeString(dir().resolve("gateway.url"), "nonsense ::");
        assertThatThrownBy(() -> create().gatewayUrl()).isInstanceOf(StateException.class);
    }

    @Test
    void choosesTheDefaultPath() {
        assertThat(StateDirectory.defaultPath(Map.of("CULVERT_STATE", "/x"), "root", "/root"))
                .isEqualTo(Path.of("/x"));
        assertThat(StateDirectory.defaultPath(Map.of(), "root", "/root")).isEqualTo(Path.of("/var/lib/culvert"));
        assertThat(StateDirectory.defaultPath(Map.of(), "ann", "/home/ann"))
                .isEqualTo(Path.of("/home/ann/.local/state/culvert"));
        assertThat(StateDirectory.defaultPath(Map.of("XDG_STATE_HOME", "/s"), "ann", "/home/ann"))
                .isEqualTo(Path.of("/s/culvert"));
        assertThat(StateDirectory.defaultPath(Map.of("XDG_STATE_HOME", "s"), "ann", "/home/ann"))
                .isEqualTo(Path.of("/home/ann/.local/state/culvert"));
    }

    @Test
    void refusesNamesThatCannotBeInACertificate() throws Exception {
        StateDirectory state = create();
        for (List<String> names : List.of(List.<String>of(), List.of("a b"), List.of("10.0.0"), List.of("a,b"))) {
            assertThatThrownBy(() -> state.serverCertificate(names)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    /** Others have links by the keys that were there. */
    @Test
    void aGatewayMakesNoKeysForOthers() throws Exception {
        Path place = Files.createDirectories(dir().resolveSibling("shared"));
        SharedStore shared = own -> new FileStore(place);
        StateDirectory.openOrCreate(dir(), at(NOW), null, shared);
        for (String document : List.of("signing.pub", "ca.crt")) {
            String before = Files.readString(place.resolve(document));
            Files.delete(place.resolve(document));
            assertThatThrownBy(() -> StateDirectory.openToServe(dir(), at(NOW), shared))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining(document + " is missing");
            assertThat(place.resolve(document)).doesNotExist();
            Files.writeString(place.resolve(document), before);
        }
        assertThat(StateDirectory.openToServe(dir(), at(NOW), shared).warnings())
                .isEmpty();
    }

    /** Whatever else cannot be read: its tokens are void, and their links are to be cut. */
    @Test
    void aKeyThatIsRetiredCountsNoMoreThoughAnotherFileIsSpoiled() throws Exception {
        StateDirectory state = StateDirectory.openOrCreate(dir(), at(NOW));
        state.setGatewayUrls(List.of(URI.create("wss://g.test")));
        TrustFiles trust = state.trust();
        String first = trust.current().keys().keySet().iterator().next();
        state.keys().rotate(null);
        trust.refresh();
        Files.writeString(dir().resolve("gateway.url"), "spoiled");
        state.keys().retire(first);
        assertThat(trust.refresh()).isTrue();
        assertThat(trust.current().keys()).doesNotContainKey(first);
        assertThatThrownBy(trust::refresh).hasMessageContaining("gateway.url");
    }
}
