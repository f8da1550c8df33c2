package dev.culvert.token.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.StateException;
import dev.culvert.token.Token;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RevocationsTest {
    private static final Set<Token.Kind> BOTH = EnumSet.allOf(Token.Kind.class);
    private static final Token.Kind CLIENT = Token.Kind.CLIENT;
    private static final Token.Kind AGENT = Token.Kind.AGENT;

    @TempDir
    Path dir;

    private Instant now = Instant.parse("2026-11-22T12:00:00.7Z");
    private final Clock clock = new Clock() {
        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public java.time.ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(java.time.ZoneId zone) {
            throw new UnsupportedOperationException();
        }
    };
    private Revocations gateway;
    private Revocations command;

    @BeforeEach
    void openTwice() throws Exception {
        gateway = open();
        command = open();
    }

    private Revocations open() throws StateException {
        return StateDirectory.openOrCreate(dir, clock).revocations();
    }

    @Test
    void nothingIsRevokedWithoutAFile() throws Exception {
        assertThat(gateway.isRevoked(CLIENT, "t1", "laptop", now)).isFalse();
        assertThat(gateway.entries()).isEmpty();
        assertThat(gateway.refresh()).isFalse();
    }

    @Test
    void aTokenByItsIdIsRevokedElsewhereAfterARefresh() throws Exception {
        command.revokeId("t1", "lost");
        assertThat(command.isRevoked(CLIENT, "t1", "laptop", now)).isTrue();
        assertThat(gateway.isRevoked(CLIENT, "t1", "laptop", now)).isFalse();
        assertThat(gateway.refresh()).isTrue();
        assertThat(gateway.refresh()).isFalse();
        assertThat(gateway.isRevoked(CLIENT, "t1", "laptop", now)).isTrue();
        assertThat(gateway.isRevoked(AGENT, "t1", "office", now)).isTrue();
        assertThat(gateway.isRevoked(CLIENT, "t2", "laptop", now)).isFalse();
        assertThat(open().of(CLIENT, "t1", "laptop", now))
                .isEqualTo(command.entries().get(0));
    }

    @Test
    void aNameIsRevokedUntilNowAndANewTokenOfItWorks() throws Exception {
        command.revokeName(BOTH, "laptop", "");
        Instant second = Instant.parse("2026-11-22T12:00:00Z");
        for (Token.Kind kind : Token.Kind.values()) {
            assertThat(command.isRevoked(kind, "t", "laptop", second)).isTrue();
            assertThat(command.isRevoked(kind, "t", "laptop", second.minusSeconds(1_000_000)))
                    .isTrue();
            assertThat(command.isRevoked(kind, "t", "laptop", second.plusSeconds(1)))
                    .isFalse();
            assertThat(command.isRevoked(kind, "t", "laptops", second)).isFalse();
            // made at once, in the same second
            assertThat(command.firstIssue(kind, "laptop")).isEqualTo(second.plusSeconds(1));
            assertThat(command.isRevoked(kind, "t", "laptop", command.firstIssue(kind, "laptop")))
                    .isFalse();
        }
        now = now.plusSeconds(5);
        assertThat(command.firstIssue(CLIENT, "laptop")).isEqualTo(second.plusSeconds(5));
    }

    @Test
    void aNameOfOneKindLeavesTheOtherAlone() throws Exception {
        command.revokeName(EnumSet.of(AGENT), "office", "");
        assertThat(command.isRevoked(AGENT, "t", "office", now)).isFalse(); // 12:00:00.7 is after 12:00:00
        Instant second = Instant.parse("2026-11-22T12:00:00Z");
        assertThat(command.isRevoked(AGENT, "t", "office", second)).isTrue();
        assertThat(command.isRevoked(CLIENT, "t", "office", second)).isFalse();
        now = now.plusSeconds(10);
        command.revokeName(BOTH, "office", "");
        assertThat(command.isRevoked(CLIENT, "t", "office", second)).isTrue();
        assertThat(command.isRevoked(AGENT, "t", "office", second.plusSeconds(10)))
                .isTrue();
        assertThat(command.entries()).as("the wider one replaces the narrower").hasSize(1);
    }

    @Test
    void revokingTwiceIsOnce() throws Exception {
        Revocations.Entry first = command.revokeId("t1", "first");
        now = now.plusSeconds(60);
        assertThat(command.revokeId("t1", "second")).isEqualTo(first);
        assertThat(Files.readAllLines(dir.resolve(Revocations.FILE))).hasSize(1);
    }

    @Test
    void aFileThatVanishesOrBreaksRevokesStill() throws Exception {
        command.revokeId("t1", "");
        gateway.refresh();
        byte[] good = Files.readAllBytes(dir.resolve(Revocations.FILE));
        Files.delete(dir.resolve(Revocations.FILE));
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(gateway::refresh)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("is gone")
                    .hasMessageNotContaining("\n");
            assertThat(gateway.isRevoked(CLIENT, "t1", "x", now)).isTrue();
        }
        Files.writeString(dir.resolve(Revocations.FILE), "{\"at\":\"2026-11-22T12:00:00Z\",\"id\":\"t2\"}\nbroken\n");
        assertThatThrownBy(gateway::refresh).hasMessageContaining("line 2");
        assertThat(gateway.isRevoked(CLIENT, "t1", "x", now)).isTrue();
        assertThatThrownBy(() -> command.revokeId("t3", "")).hasMessageContaining("line 2");
        Files.write(dir.resolve(Revocations.FILE), good);
        gateway.refresh();
        assertThat(gateway.isRevoked(CLIENT, "t1", "x", now)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "{",
                "{\"at\":\"2026-11-22T12:00:00Z\"}",
                "{\"at\":\"yesterday\",\"id\":\"t\"}",
                "{\"at\":\"2026-11-22T12:00:00Z\",\"id\":\"a b\"}",
                "{\"at\":\"2026-11-22T12:00:00Z\",\"id\":7}",
                "{\"at\":\"2026-11-22T12:00:00Z\",\"id\":\"t\",\"id\":\"u\"}",
                "{\"at\":\"2026-11-22T12:00:00Z\",\"id\":\"t\",\"until\":\"x\"}",
                "{\"at\":\"2026-11-22T12:00:00Z\",\"name\":\"laptop\"}",
                "{\"at\":\"2026-11-22T12:00:00Z\",\"name\":\"Laptop\",\"issuedUntil\":\"2026-11-22T12:00:00Z\"}",
                "{\"at\":\"2026-11-22T12:00:00Z\",\"kind\":\"x\",\"name\":\"a\",\"issuedUntil\":\"2026-11-22T12:00:00Z\"}"
            })
    void aLineThatIsNotUnderstoodIsNeverSkipped(String line) throws Exception {
        Files.writeString(dir.resolve(Revocations.FILE), line + "\n");
        assertThatThrownBy(this::open)
                .isInstanceOf(StateException.class)
                .hasMessageContaining("line 1")
                .hasMessageNotContaining("\n");
    }

    @Test
    void whoRevokeAtOnceLoseNothing() throws Exception {
        int writers = 4;
        int each = 10;
        ExecutorService pool = Executors.newFixedThreadPool(writers);
        try {
            List<Callable<Void>> work = new ArrayList<>();
            for (int w = 0; w < writers; w++) {
                int number = w;
                Revocations own = open();
                work.add(() -> {
                    for (int i = 0; i < each; i++) {
                        own.revokeId("t-" + number + "-" + i, "");
                    }
                    return null;
                });
            }
            for (Future<Void> done : pool.invokeAll(work)) {
                done.get();
            }
        } finally {
            pool.shutdownNow();
        }
        assertThat(open().entries()).hasSize(writers * each);
    }

    @Test
    void refusesWhatIsNoIdOrName() {
        assertThatThrownBy(() -> command.revokeId("a b", "")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> command.revokeName(BOTH, "A", "")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> command.revokeId("t", "x".repeat(Revocations.MAX_REASON + 1)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(dir.resolve(Revocations.FILE)).doesNotExist();
    }

    @Test
    void whatEitherTextRevokesTheUnionDoes() throws Exception {
        String one = line("id", "AAAAAAAAAAAAAAAAAAAAAA")
                + name("laptop", "2026-11-22T12:00:00Z")
                + name("phone", "2026-11-22T10:00:00Z");
        String other = line("id", "BBBBBBBBBBBBBBBBBBBBBB")
                + name("laptop", "2026-11-22T11:00:00Z")
                + name("phone", "2026-11-22T11:00:00Z");
        String both = Revocations.union(one, other);
        assertThat(both)
                .startsWith(one)
                .contains(line("id", "BBBBBBBBBBBBBBBBBBBBBB"), name("phone", "2026-11-22T11:00:00Z"))
                .hasLineCount(5);
        assertThat(Revocations.union(both, other)).isSameAs(both);
        assertThat(Revocations.union(both, one)).isSameAs(both);
        assertThat(Revocations.union(one, name("laptop", "2026-11-22T12:00:00Z")))
                .isSameAs(one);
        // Of one kind only is less than of both.
        String agents =
                "{\"at\":\"2026-11-22T12:00:00Z\",\"kind\":\"agent\",\"name\":\"laptop\",\"issuedUntil\":\"2026-11-22T12:00:00Z\"}\n";
        assertThat(Revocations.union(agents, name("laptop", "2026-11-22T12:00:00Z")))
                .hasLineCount(2);
        assertThat(Revocations.union(one, agents)).isSameAs(one);
        assertThatThrownBy(() -> Revocations.union(one, "{}\n")).isInstanceOf(StateException.class);
    }

    private static String line(String field, String value) {
        return "{\"at\":\"2026-11-22T12:00:00Z\",\"" + field + "\":\"" + value + "\"}\n";
    }

    private static String name(String name, String until) {
        return "{\"at\":\"2026-11-22T12:00:00Z\",\"name\":\"" + name + "\",\"issuedUntil\":\"" + until + "\"}\n";
    }
}
