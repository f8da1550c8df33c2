package dev.culvert.gateway.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.Leases;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a gateway says of itself, and what it sees of others, in frozen time. */
@NullUnmarked
final class ClusterTest {
    private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");
    private static final Clock CLOCK = Clock.fixed(NOW, ZoneOffset.UTC);
    private static final Member ONE = member("one");
    private static final Member TWO = member("two");

    @TempDir
    Path dir;

    private long nanos;
    private TestCluster cluster;
    private Attached attached = Attached.NONE;

    @BeforeEach
    void store() throws Exception {
        cluster = new TestCluster(dir.resolve("store"), () -> nanos);
    }

    private static Member member(String name) {
        return new Member(name + ".test:443", "wss://" + name + ".test", "1", NOW, null);
    }

    private static Attached office(String instance, int flows) {
        return new Attached(
                List.of(new Attached.Agent("office", List.of(new Attached.Instance(instance, flows)))),
                List.of("laptop"),
                flows);
    }

    private Beat beat(Store store, Member member) {
        return new Beat(store.leases(), member.lease(), () -> attached, () -> nanos);
    }

    private Lookout lookout(Store store, Member own) throws StateException {
        return new Lookout(new Roster(store), store.leases(), own, CLOCK);
    }

    private void pass(Duration time) {
        nanos += time.toNanos();
    }

    @Test
    void isWrittenWhenSomebodyComesOrGoes() throws Exception {
        Beat beat = beat(cluster.store(), ONE);
        beat.tick();
        assertThat(cluster.writings()).isOne();
        beat.tick();
        assertThat(cluster.writings()).isOne();
        attached = office("a", 1);
        beat.tick();
        assertThat(cluster.writings())
                .as("what comes at once is written together")
                .isOne();
        pass(Beat.LEAST_PAUSE);
        beat.tick();
        assertThat(cluster.writings()).isEqualTo(2);
        attached = office("a", 7);
        pass(Beat.LEAST_PAUSE);
        beat.tick();
        assertThat(cluster.writings()).as("flows come and go all the time").isEqualTo(2);
        pass(Beat.EACH);
        beat.tick();
        assertThat(cluster.writings()).isEqualTo(3);
        for (int i = 0; i < 10; i++) {
            pass(Beat.EACH);
            beat.tick();
        }
        assertThat(cluster.writings())
                .as("nothing changed, and it is kept all the same")
                .isEqualTo(3);
        assertThat(AttachedText.read(cluster.store().leases().get(ONE.lease()))).isEqualTo(office("a", 7));
    }

    @Test
    void aListOfTenThousandAgentsFitsAndIsWrittenSeldom() throws Exception {
        List<Attached.Agent> agents = new ArrayList<>();
        for (int i = 0; i < 10_000; i++) {
            agents.add(new Attached.Agent(
                    "branch-office-" + i,
                    List.of(new Attached.Instance(java.util.UUID.randomUUID().toString(), i))));
        }
        attached = new Attached(agents, List.of(), 5);
        Store store = cluster.store();
        Beat beat = beat(store, ONE);
        beat.tick();
        String text = store.leases().get(ONE.lease());
        assertThat(text.length()).isLessThan(Leases.MAX_SIZE / 4);
        assertThat(AttachedText.read(text)).isEqualTo(attached);
        for (int i = 0; i < 100; i++) {
            attached = new Attached(agents.subList(0, 9_999 - i), List.of(), 5);
            pass(Beat.LEAST_PAUSE);
            beat.tick();
        }
        long seconds = 100 * Beat.LEAST_PAUSE.toMillis() / 1_000;
        assertThat(cluster.writings() * (long) text.length())
                .isBetween(seconds * Beat.BYTES_PER_SECOND / 2, seconds * Beat.BYTES_PER_SECOND + 2L * text.length());
        assertThat(lookout(cluster.store(), TWO).look()).isEmpty();
    }

    @Test
    void whatCannotBeToldLeavesItUp() throws Exception {
        List<String> clients = new ArrayList<>();
        for (int i = 0; i < 120_000; i++) {
            clients.add(java.util.UUID.randomUUID().toString());
        }
        attached = new Attached(List.of(), clients, 0);
        Store store = cluster.store();
        beat(store, ONE).tick();
        assertThat(AttachedText.read(store.leases().get(ONE.lease()))).isEqualTo(Attached.NONE);
    }

    @Test
    void oneThatIsLostVanishesWithItsLeaseAndComesBack() throws Exception {
        Store first = cluster.store();
        Store second = cluster.store();
        attached = office("a", 1);
        Beat beat = beat(first, ONE);
        beat.tick();
        lookout(first, ONE).look(); // puts it on the roster
        Lookout two = lookout(second, TWO);
        assertThat(two.look()).containsExactly(new Neighbour(ONE, office("a", 1)));
        pass(Beat.LIFE.minusMillis(1));
        assertThat(two.look()).extracting(Neighbour::isUp).containsExactly(true);
        pass(Duration.ofMillis(1));
        assertThat(two.look()).extracting(Neighbour::attached).containsOnlyNulls();
        assertThat(two.look()).containsExactly(new Neighbour(ONE.lost(NOW), null));

        beat.tick();
        attached = office("b", 2);
        pass(Beat.LEAST_PAUSE);
        beat.tick();
        assertThat(two.look()).extracting(Neighbour::attached).containsExactly(office("b", 2));
        assertThat(two.look()).containsExactly(new Neighbour(ONE, office("b", 2)));

        beat.end();
        assertThat(two.look()).extracting(Neighbour::isUp).containsExactly(false);
    }

    @Test
    void aDayLaterNobodyAsksForOneThatIsLost() throws Exception {
        Store store = cluster.store();
        Roster roster = new Roster(store);
        roster.add(ONE, NOW);
        roster.lost(ONE, true, NOW);
        roster.add(TWO, NOW.plus(Roster.REMEMBERED));
        assertThat(roster.watch().current()).containsExactly(ONE.lost(NOW), TWO);
        roster.add(TWO, NOW.plus(Roster.REMEMBERED).plusSeconds(1));
        assertThat(roster.watch().current()).containsExactly(TWO);
        Member again = new Member(TWO.name(), TWO.url(), "2", NOW.plusSeconds(60), null);
        roster.add(again, NOW);
        roster.remove(TWO, NOW);
        assertThat(roster.watch().current())
                .as("the one that was started meanwhile")
                .containsExactly(again);
        roster.remove(again, NOW);
        assertThat(roster.watch().current()).isEmpty();
    }

    @Test
    void theRosterHasABound() throws Exception {
        Roster roster = new Roster(cluster.store());
        for (int i = 0; i < Roster.MAX; i++) {
            roster.add(member("g" + i), NOW);
        }
        assertThatThrownBy(() -> roster.add(ONE, NOW)).hasMessage("a cluster has at most 64 gateways");
    }

    @Test
    void whatOneOfAVersionToComeSaysIsNotRead() throws Exception {
        Store store = cluster.store();
        new Roster(store).add(ONE, NOW);
        Lookout two = lookout(store, TWO);
        store.leases().put(ONE.lease(), "2 something", Beat.LIFE);
        assertThat(two.look()).containsExactly(new Neighbour(ONE, Attached.NONE));
        byte[] bomb = new byte[AttachedText.MAX_JSON + 1];
        java.util.Arrays.fill(bomb, (byte) ' ');
        java.io.ByteArrayOutputStream packed = new java.io.ByteArrayOutputStream();
        try (java.io.OutputStream out = new java.util.zip.GZIPOutputStream(packed)) {
            out.write(bomb);
        }
        store.leases().put(ONE.lease(), java.util.Base64.getEncoder().encodeToString(packed.toByteArray()), Beat.LIFE);
        assertThat(two.look()).containsExactly(new Neighbour(ONE, Attached.NONE));
    }

    @Test
    void itsNameIsThatOfItsUrl() {
        InetSocketAddress listen = new InetSocketAddress(8443);
        assertThat(Member.of(URI.create("wss://A.example"), listen, "1", CLOCK).name())
                .isEqualTo("a.example:443");
        assertThat(Member.of(URI.create("wss://[fd00::1]:444/x"), listen, "1", CLOCK)
                        .url())
                .isEqualTo("wss://[fd00::1]:444/x");
        assertThat(Member.of(null, listen, "1", CLOCK).name()).endsWith(":8443");
        assertThat(Member.of(null, listen, "1", CLOCK).url()).isNull();
    }
}
