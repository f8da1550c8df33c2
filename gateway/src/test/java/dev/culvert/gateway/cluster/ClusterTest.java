package dev.culvert.gateway.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.OtherGateways;
import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
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
import java.util.Set;
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
    private final List<OtherGateways> found = new ArrayList<>();

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

    private Lookout lookout(Store store, Member own) {
        return new Lookout(new Roster(store), store.leases(), own, CLOCK, () -> nanos);
    }

    /** As a gateway does. */
    private static List<Neighbour> look(Lookout lookout) throws StateException {
        List<Neighbour> others = lookout.look();
        lookout.tell();
        return others;
    }

    private Cluster cluster(Store store, Member own) {
        Services services = Services.of(AuditLog.none(), CLOCK, () -> nanos, 1);
        return Cluster.in(store, own, () -> attached, () -> attached.agentNames(), found::add, services);
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
        int[] looked = {0};
        Beat beat = new Beat(
                store.leases(),
                ONE.lease(),
                () -> {
                    looked[0]++;
                    return attached;
                },
                () -> nanos);
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
        assertThat(looked[0]).as("nor is it looked at each time").isBetween(cluster.writings(), (int) seconds / 2);
        assertThat(look(lookout(cluster.store(), TWO))).isEmpty();
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
        look(lookout(first, ONE)); // puts it on the roster
        Lookout two = lookout(second, TWO);
        assertThat(look(two)).containsExactly(new Neighbour(ONE, office("a", 1)));
        pass(Beat.LIFE.minusMillis(1));
        assertThat(look(two)).extracting(Neighbour::isUp).containsExactly(true);
        pass(Duration.ofMillis(1));
        assertThat(look(two)).extracting(Neighbour::attached).containsOnlyNulls();
        assertThat(look(two)).containsExactly(new Neighbour(ONE.lost(NOW), null));

        beat.tick();
        attached = office("b", 2);
        pass(Beat.LEAST_PAUSE);
        beat.tick();
        assertThat(look(two)).extracting(Neighbour::attached).containsExactly(office("b", 2));
        assertThat(look(two)).containsExactly(new Neighbour(ONE, office("b", 2)));

        beat.end();
        assertThat(look(two)).extracting(Neighbour::isUp).containsExactly(false);
    }

    @Test
    void thoseThatAreUpAreKnownByTheirUrls() throws Exception {
        Store store = cluster.store();
        beat(store, TWO).tick();
        look(lookout(store, TWO));
        Member unnamed = new Member("three.test:443", null, "1", NOW, null);
        beat(store, unnamed).tick();
        look(lookout(store, unnamed));
        try (Cluster one = cluster(cluster.store(), ONE)) {
            assertThat(one.urlsOfOthers()).isEmpty();
            one.look();
            assertThat(one.urlsOfOthers()).containsExactly(TWO.url());
            pass(Beat.LIFE);
            one.look();
            assertThat(one.urlsOfOthers()).as("it is lost").isEmpty();
        }
    }

    @Test
    void aDayLaterNobodyAsksForOneThatIsLost() throws Exception {
        Store store = cluster.store();
        Roster roster = new Roster(store);
        roster.add(ONE, NOW);
        roster.lost(ONE, true, NOW);
        roster.add(TWO, NOW.plus(Roster.REMEMBERED));
        assertThat(roster.read().values()).containsExactly(ONE.lost(NOW), TWO);
        roster.add(TWO, NOW.plus(Roster.REMEMBERED).plusSeconds(1));
        assertThat(roster.read().values()).containsExactly(TWO);
        Member again = new Member(TWO.name(), TWO.url(), "2", NOW.plusSeconds(60), null);
        roster.add(again, NOW);
        roster.remove(TWO, NOW);
        assertThat(roster.read().values())
                .as("the one that was started meanwhile")
                .containsExactly(again);
        roster.remove(again, NOW);
        assertThat(roster.read().values()).isEmpty();
    }

    @Test
    void theRosterHasABound() throws Exception {
        Roster roster = new Roster(cluster.store());
        for (int i = 0; i < Roster.MAX; i++) {
            roster.add(member("g" + i), NOW);
        }
        assertThatThrownBy(() -> roster.add(ONE, NOW))
                .hasMessage("a cluster has at most 64 gateways, and so many are up: stop one of them, or this one");
        Lookout lookout = lookout(cluster.store(), ONE);
        assertThat(lookout.look())
                .as("who has no place sees the others all the same")
                .hasSize(Roster.MAX);
        roster.lost(member("g7"), true, NOW);
        roster.lost(member("g5"), true, NOW.minusSeconds(1));
        roster.add(ONE, NOW);
        assertThat(roster.read()).as("the one that was lost first").doesNotContainKey("g5.test:443");
        assertThat(roster.read()).hasSize(Roster.MAX).containsKeys("g7.test:443", ONE.name());
    }

    @Test
    void oneThatWasKilledAndIsStartedAgainPutsItselfOnAnew() throws Exception {
        Store store = cluster.store();
        Roster roster = new Roster(store);
        roster.add(ONE, NOW);
        roster.lost(ONE, true, NOW);
        Member again = new Member(ONE.name(), "wss://one.test/new", "2", NOW.plusSeconds(60), null);
        look(lookout(store, again));
        assertThat(roster.read().values()).containsExactly(again);
        look(lookout(store, ONE));
        assertThat(roster.read().values()).as("another of its name came later").containsExactly(again);
    }

    @Test
    void theListThatIsGoneIsWrittenAnew() throws Exception {
        Store store = cluster.store();
        Lookout one = lookout(store, ONE);
        look(one);
        java.nio.file.Files.delete(dir.resolve("store/gateways"));
        look(one);
        assertThat(new Roster(store).read().values()).containsExactly(ONE);
        store.put(Document.open("gateways"), "nonsense\n{}\n");
        look(one);
        assertThat(new Roster(store).read().values()).containsExactly(ONE);
        assertThat(store.get(Document.open("gateways"))).doesNotContain("nonsense");
    }

    @Test
    void aListOfAStrangersLeavesWhatIsKnown() throws Exception {
        Store store = cluster.store();
        new Roster(store).add(ONE, NOW);
        beat(cluster.store(), ONE).tick();
        Cluster two = cluster(store, TWO);
        two.look();
        assertThat(two.trouble()).isNull();
        cluster.forge("gateways");
        new Roster(new FileStore(dir.resolve("store"))).add(member("three"), NOW);
        two.look();
        assertThat(two.others()).extracting(Neighbour::isUp).containsExactly(true);
        assertThat(two.trouble()).isEqualTo("a stranger wrote it");
        Cluster four = cluster(cluster.store(), member("four"));
        four.look();
        assertThat(four.others()).as("it starts, and knows nobody yet").isEmpty();
        cluster.forge("");
        four.look();
        assertThat(four.others()).hasSize(3);
        assertThat(four.trouble()).isNull();
    }

    @Test
    void oneLeaseThatCannotBeReadHidesNobodyElse() throws Exception {
        Store store = cluster.store();
        Roster roster = new Roster(store);
        roster.add(ONE, NOW);
        roster.add(TWO, NOW);
        attached = office("a", 1);
        beat(store, TWO).tick();
        cluster.forgeLease(ONE.lease());
        assertThat(look(lookout(store, member("three"))))
                .containsExactly(new Neighbour(ONE, Attached.NONE), new Neighbour(TWO, attached));
    }

    @Test
    void whoIsLostIsSeenToBeSoWhereNothingCanBeWritten() throws Exception {
        Store store = cluster.store();
        new Roster(store).add(ONE, NOW);
        beat(cluster.store(), ONE).tick();
        Cluster two = cluster(store, TWO);
        two.beat();
        two.look();
        pass(Beat.LIFE);
        cluster.full(true);
        two.beat();
        two.look();
        assertThat(two.others()).containsExactly(new Neighbour(ONE.lost(NOW), null));
        assertThat(two.trouble()).as("what two steps say alike").isEqualTo("the store takes nothing");
        two.beat();
        two.look();
        assertThat(two.trouble()).isEqualTo("the store takes nothing");
        cluster.full(false);
        two.look();
        assertThat(two.trouble()).as("it is seen by nobody").isEqualTo("the store takes nothing");
        assertThat(new Roster(store).read()).containsValue(ONE.lost(NOW));
        two.beat();
        assertThat(two.trouble()).isNull();
    }

    @Test
    void whatIsWrongWithOneStepIsSaidWhileAnotherIsWell() {
        boolean[] wrong = {true};
        Step well = new Step("well", () -> {});
        Step ill = new Step("ill", () -> {
            if (wrong[0]) {
                throw new IllegalStateException("full");
            }
        });
        assertThat(ill.run()).isFalse();
        assertThat(well.run()).isTrue();
        assertThat(ill.trouble()).isEqualTo("full");
        assertThat(well.trouble()).isNull();
        wrong[0] = false;
        assertThat(ill.run()).isTrue();
        assertThat(ill.trouble()).isNull();
    }

    @Test
    void whatWasKnownOfOthersSendsNobodyThereOnceItIsOld() throws Exception {
        Store store = cluster.store();
        new Roster(store).add(ONE, NOW);
        attached = office("a", 1);
        beat(cluster.store(), ONE).tick();
        attached = Attached.NONE;
        Cluster two = cluster(store, TWO);
        pass(Missing.FIRST);
        beat(cluster.store(), ONE).tick();
        two.look();
        pass(Missing.PATIENCE);
        two.look();
        assertThat(last().missing()).isEmpty();
        attached = office("a", 1);
        beat(cluster.store(), ONE).tick();
        attached = Attached.NONE;
        two.look();
        pass(Missing.PATIENCE);
        two.look();
        assertThat(last().missing()).containsExactly("office");
        int told = found.size();
        cluster.away(true);
        pass(Beat.LIFE);
        two.look();
        assertThat(found).as("not yet").hasSize(told);
        pass(Duration.ofNanos(1));
        two.look();
        assertThat(last()).isEqualTo(new OtherGateways(Set.of(), List.of()));
        assertThat(two.others()).as("people see what was known").hasSize(1);
    }

    private OtherGateways last() {
        return found.get(found.size() - 1);
    }

    @Test
    void afterTheStoreWasAwayOthersMakeTheirLeasesAnew() throws Exception {
        Store store = cluster.store();
        new Roster(store).add(ONE, NOW);
        attached = office("a", 1);
        beat(cluster.store(), ONE).tick();
        Lookout two = lookout(store, TWO);
        look(two);
        cluster.away(true);
        pass(Beat.LIFE);
        assertThatThrownBy(two::look).isInstanceOf(StateException.class);
        cluster.dropLeases();
        cluster.away(false);
        assertThat(look(two)).containsExactly(new Neighbour(ONE, attached));
        pass(Beat.LIFE.minusNanos(1));
        assertThat(look(two)).containsExactly(new Neighbour(ONE, attached));
        pass(Duration.ofNanos(1));
        assertThat(look(two)).containsExactly(new Neighbour(ONE.lost(NOW), null));
    }

    @Test
    void oneThatWasLostLongAgoIsNotShownAndForgotten() throws Exception {
        Store store = cluster.store();
        Roster roster = new Roster(store);
        roster.add(ONE, NOW);
        roster.add(TWO, NOW);
        roster.lost(ONE, true, NOW.minus(Roster.REMEMBERED).minusSeconds(1));
        assertThat(look(lookout(store, TWO))).isEmpty();
        assertThat(roster.read().values()).containsExactly(TWO);
    }

    @Test
    void oneThatStopsIsOffTheListBeforeItsLeaseEnds() throws Exception {
        Store store = cluster.store();
        Cluster one = cluster(store, ONE);
        one.beat();
        one.look();
        assertThat(new Roster(store).read()).hasSize(1);
        cluster.full(true);
        one.close();
        assertThat(new Roster(store).read()).hasSize(1);
        cluster.full(false);
        Cluster two = cluster(store, TWO);
        two.beat();
        two.look();
        List<String> written = cluster.written();
        written.clear();
        two.close();
        assertThat(written).containsExactly("update gateways", "end " + TWO.lease());
    }

    @Test
    void whatOneOfAVersionToComeSaysIsNotRead() throws Exception {
        Store store = cluster.store();
        new Roster(store).add(ONE, NOW);
        Lookout two = lookout(store, TWO);
        store.leases().put(ONE.lease(), "2 something", Beat.LIFE);
        assertThat(look(two)).containsExactly(new Neighbour(ONE, Attached.NONE));
        byte[] bomb = new byte[AttachedText.MAX_JSON + 1];
        java.util.Arrays.fill(bomb, (byte) ' ');
        java.io.ByteArrayOutputStream packed = new java.io.ByteArrayOutputStream();
        try (java.io.OutputStream out = new java.util.zip.GZIPOutputStream(packed)) {
            out.write(bomb);
        }
        store.leases().put(ONE.lease(), java.util.Base64.getEncoder().encodeToString(packed.toByteArray()), Beat.LIFE);
        assertThat(look(two)).containsExactly(new Neighbour(ONE, Attached.NONE));
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
