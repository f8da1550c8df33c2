package dev.culvert.token.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.culvert.store.FileRights;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.holder.HolderKey;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
class EnrolmentsTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    @TempDir
    Path dir;

    private static Clock at(Instant now) {
        return Clock.fixed(now, ZoneOffset.UTC);
    }

    private Enrolments open() throws StateException {
        return Enrolments.open(new FileStore(dir), at(NOW));
    }

    private static ClientToken token(Duration life) {
        return ClientToken.of(
                TokenTerms.of("laptop", List.of(URI.create("wss://vpn.example")), null, NOW, NOW.plus(life))
                        .withBinding(new TokenBinding.Enrolment(NOW.plusSeconds(60))),
                List.of(Grant.parse("*:10.0.0.0/8")));
    }

    private static String key() {
        return HolderKey.generate().thumbprint();
    }

    /** The example of RFC 8037 appendix A.3. */
    @Test
    void thumbprintIsTheStandardOne() {
        byte[] raw = Base64.getUrlDecoder().decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assertThat(HolderKey.thumbprint(raw)).isEqualTo("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    @Test
    void theFirstKeyWinsAndStays() throws Exception {
        ClientToken token = token(Duration.ofDays(1));
        String first = key();
        Enrolments store = open();
        assertThat(store.keyOf(token)).isNull();
        assertThat(store.enrol(token, first)).isEqualTo(first);
        assertThat(store.enrol(token, first)).isEqualTo(first);
        assertThat(store.enrol(token, key())).isEqualTo(first);
        assertThat(open().keyOf(token)).isEqualTo(first);
        assertThat(open().enrol(token, key())).isEqualTo(first);
        assertThat(Files.getPosixFilePermissions(dir.resolve("enrolments")))
                .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    }

    /** Two gateways that share the directory, each with what it has read long ago. */
    @Test
    void twoGatewaysAgree() throws Exception {
        Enrolments a = open();
        Enrolments b = open();
        for (int i = 0; i < 20; i++) {
            ClientToken token = token(Duration.ofDays(1));
            String first = (i % 2 == 0 ? a : b).enrol(token, key());
            assertThat((i % 2 == 0 ? b : a).enrol(token, key())).isEqualTo(first);
        }
        ClientToken old = token(Duration.ofSeconds(1));
        a.enrol(old, key());
        Enrolments later =
                Enrolments.open(new FileStore(dir), at(NOW.plus(Duration.ofHours(2)))); // leaves the old one out
        ClientToken token = token(Duration.ofDays(1));
        String first = later.enrol(token, key());
        assertThat(a.keyOf(token)).isEqualTo(first);
        assertThat(b.enrol(token, key())).isEqualTo(first);
    }

    @Test
    void oneOfManyAtOnceIsFirst() throws Exception {
        ClientToken token = token(Duration.ofDays(1));
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<String>> tasks = new java.util.ArrayList<>();
            for (int i = 0; i < 4; i++) {
                Enrolments store = open();
                tasks.add(() -> store.enrol(token, key()));
            }
            Set<String> winners = new HashSet<>();
            for (Future<String> f : threads.invokeAll(tasks)) {
                winners.add(f.get());
            }
            assertThat(winners).hasSize(1);
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void aLineThatACrashHasCutIsDropped() throws Exception {
        ClientToken token = token(Duration.ofDays(1));
        ClientToken other = token(Duration.ofDays(1));
        String key = open().enrol(token, key());
        Path file = dir.resolve("enrolments");
        String whole = Files.readString(file);
        String cut = other.id() + " " + key().substring(0, 20);
        Files.writeString(file, cut, StandardCharsets.US_ASCII, StandardOpenOption.APPEND);
        Enrolments store = open();
        assertThat(store.keyOf(other)).isNull();
        String second = store.enrol(other, key());
        assertThat(Files.readString(file))
                .isEqualTo(whole + other.id() + " " + second + " "
                        + other.expires().getEpochSecond() + "\n");
        assertThat(open().keyOf(token)).isEqualTo(key);
        assertThat(open().keyOf(other)).isEqualTo(second);
    }

    @Test
    void somethingElseIsNotRead() throws Exception {
        Files.writeString(dir.resolve("enrolments"), "what is this\n");
        assertThatThrownBy(this::open).isInstanceOf(StateException.class).hasMessageContaining("enrolments");
    }

    @Test
    void expiredTokensAreLeftOut() throws Exception {
        open().enrol(token(Duration.ofSeconds(1)), key());
        ClientToken kept = token(Duration.ofDays(3));
        String key = open().enrol(kept, key());
        Enrolments.open(new FileStore(dir), at(NOW.plus(Duration.ofDays(1))));
        assertThat(Files.readString(dir.resolve("enrolments")))
                .startsWith(kept.id() + " " + key)
                .hasLineCount(1);
    }

    @Test
    void aHolderMakesItsKeyOnceAndFindsItAgain() throws Exception {
        ClientToken token = token(Duration.ofDays(1));
        Path holder = dir.resolve("holder");
        HolderKey made = HolderKey.forToken(holder, token);
        assertThat(made).isNotNull();
        assertThat(HolderKey.forToken(holder, token).thumbprint()).isEqualTo(made.thumbprint());
        assertThat(HolderKey.forToken(holder, token(Duration.ofDays(1))).thumbprint())
                .isNotEqualTo(made.thumbprint());
        assertThat(HolderKey.forToken(holder, token.withBinding(TokenBinding.BEARER)))
                .isNull();
        try (var files = Files.list(holder)) {
            assertThat(files.filter(f -> f.toString().endsWith(".key")))
                    .hasSize(2)
                    .allSatisfy(f -> assertThat(Files.getPosixFilePermissions(f))
                            .isEqualTo(PosixFilePermissions.fromString("rw-------")));
        }
        HolderKey own = HolderKey.make(holder);
        Token bound = token.withBinding(new TokenBinding.Key(own.thumbprint()));
        assertThat(HolderKey.forToken(holder, bound).thumbprint()).isEqualTo(own.thumbprint());
        assertThatThrownBy(() -> HolderKey.forToken(dir, bound))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("bound to a key that is not here");
    }

    /** In a directory that others can write, one may have put a key that he knows in the place of ours. */
    @Test
    void aKeyThatAnotherMayHaveWrittenIsNotUsed() throws Exception {
        ClientToken token = token(Duration.ofDays(1));
        Path holder = dir.resolve("holder");
        assertThat(HolderKey.forToken(holder, token)).isNotNull();
        Path file = holder.resolve("holder-" + token.id() + ".key");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
        assertThatThrownBy(() -> HolderKey.forToken(holder, token))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("can be changed by every user");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        assumeTrue(Integer.valueOf(0).equals(FileRights.uid(Path.of("/proc/self"))), "only root gives files away");
        Files.setAttribute(file, "unix:uid", 12_345);
        assertThatThrownBy(() -> HolderKey.existing(holder, token))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("belongs to another user");
    }
}
