package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.Platform;
import dev.culvert.tun.host.HostConfig;
import dev.culvert.tun.undo.UndoJournal;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How often the host is touched, in frozen time. */
@NullUnmarked
final class HostRoutesTest {
    @TempDir
    Path directory;

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final Machine machine = new Machine();
    private final List<String> said = new ArrayList<>();
    private final Told told = new Told();
    private UndoJournal journal;
    private HostRoutes routes;

    private static final class Told implements HostRoutes.Listener {
        final List<Set<IpPrefix>> laid = new ArrayList<>();
        boolean gone;
        int changes;
        int settled;

        @Override
        public void routed(Set<IpPrefix> now) {
            laid.add(now);
        }

        @Override
        public void settled() {
            settled++;
        }

        @Override
        public void uplinkChanged() {
            changes++;
        }

        @Override
        public void gone() {
            gone = true;
        }
    }

    @BeforeEach
    void start() throws Exception {
        journal = Platform.openJournal(directory.resolve("state").resolve("undo.journal"));
        routes = new HostRoutes(
                machine,
                journal,
                HostConfig.of("t0", 1500, 500, List.of()),
                said::add,
                clock.eventLoop(),
                ticker::nanoTime);
        routes.configure();
        routes.start(told);
        settle();
    }

    @AfterEach
    void end() throws Exception {
        journal.close();
        clock.finishAndReleaseAll();
    }

    private void settle() {
        clock.runScheduledPendingTasks();
        clock.runPendingTasks();
        clock.runScheduledPendingTasks();
    }

    private void pass(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        settle();
    }

    private static IpPrefix network(int i) {
        return IpPrefix.parse("10.1." + i + ".0/24");
    }

    private void want(IpPrefix... networks) {
        routes.want(List.of(networks), List.of(), List.of());
        settle();
    }

    @Test
    void whatIsWantedIsSettledAlsoWhenItIsNothing() {
        assertThat(told.settled).isZero();
        want();
        assertThat(told.settled).isOne();
        assertThat(told.laid).isEmpty();
        pass(1_000);
        want(network(1));
        assertThat(told.settled).isEqualTo(2);
        routes.hostChanged();
        pass(1_000);
        assertThat(told.settled).as("nothing more was wanted").isEqualTo(2);
    }

    @Test
    void theFirstAnnouncementIsServedAtOnce() {
        want(network(1));
        assertThat(told.laid).containsExactly(Set.of(network(1)));
    }

    /** A gateway may announce as fast as it likes. */
    @Test
    void ofManyAnnouncementsTheNewestIsServedOnceASecond() {
        for (int i = 0; i < 199; i++) {
            want(network(i));
            pass(10);
        }
        assertThat(told.laid).as("in two seconds").hasSize(2).startsWith(Set.of(network(0)));
        pass(1_000);
        assertThat(told.laid).hasSize(3).endsWith(Set.of(network(198)));
        assertThat(machine.routes).hasSize(1);
        int reads = machine.reads;
        pass(60_000);
        assertThat(machine.reads).as("nothing is left to do").isEqualTo(reads);
    }

    /** What other programs do to the network must neither bring an announcement forward nor make it forgotten. */
    @Test
    void changesOfTheHostDoNotHurryAnAnnouncement() {
        want(network(1));
        want(network(2));
        for (int i = 0; i < 9; i++) {
            pass(100);
            routes.hostChanged();
            settle();
        }
        assertThat(told.laid).containsExactly(Set.of(network(1)));
        pass(100);
        assertThat(told.laid).endsWith(Set.of(network(2)));
    }

    /** What is laid at that moment, or refused, is written in the journal, which must then be able to take all back. */
    @Test
    void goingDownWhileRoutesAreLaidLeavesNone() throws Exception {
        ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor();
        HostRoutes going = new HostRoutes(
                machine, journal, HostConfig.of("t0", 1500, 500, List.of()), said::add, thread, System::nanoTime);
        CountDownLatch laying = new CountDownLatch(1);
        Thread closer = new Thread(going::close);
        machine.making = () -> {
            laying.countDown();
            while (!thread.isShutdown()) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
            }
        };
        going.configure();
        going.start(told);
        machine.refuses = true;
        going.want(List.of(network(1)), List.of(), List.of());
        assertThat(laying.await(1, TimeUnit.MINUTES)).isTrue();
        closer.start();
        closer.join();
        assertThat(thread.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
        assertThat(said).noneMatch(line -> line.contains("cannot keep"));
        assertThat(going.undo()).isEmpty();
        assertThat(journal.pending()).isEmpty();
    }

    /** A thousand events in one moment are looked at once, and at most twenty times a second if they go on. */
    @Test
    void manyEventsAreOneLook() {
        want(network(1));
        pass(1_000);
        int reads = machine.reads;
        for (int i = 0; i < 1_000; i++) {
            routes.hostChanged();
        }
        settle();
        pass(50);
        assertThat(machine.reads - reads).isBetween(1, 2);
    }

    @Test
    void aFightIsFoughtSlowlyAndSaidOnce() {
        want(network(1));
        for (int i = 0; i < 600; i++) {
            machine.routes.clear();
            routes.hostChanged();
            pass(100);
        }
        assertThat(said).hasSize(1).allMatch(line -> line.contains("keeps changing its routes"));
        assertThat(machine.reads).as("in a minute").isLessThan(150);
        pass(5_000);
        assertThat(machine.routes).hasSize(1);
    }

    /** Before a gateway is dialled it is kept out of the tunnel: that does not wait for anybody's turn. */
    @Test
    void aDialDoesNotWait() throws Exception {
        want(network(1));
        want(network(2));
        var done = routes.keepOut(List.of(InetAddress.getByName("192.0.2.1"))).toCompletableFuture();
        settle();
        assertThat(done).isDone();
        assertThat(told.laid).containsExactly(Set.of(network(1)));
    }

    @Test
    void anInterfaceThatIsNotThereCannotBeSetUp() {
        machine.gone = true;
        assertThatThrownBy(routes::configure)
                .isInstanceOf(IOException.class)
                .hasMessage("set up t0: there is no such interface any more");
    }

    @Test
    void anInterfaceThatGoesIsToldOf() {
        want(network(1));
        machine.gone = true;
        routes.hostChanged();
        settle();
        pass(50);
        assertThat(told.gone).isTrue();
    }

    /** A gateway may announce a thousand networks that this machine has no place for. */
    @Test
    void whatCannotBeRoutedIsToldOnceAndInAFewLines() {
        machine.refuses = true;
        IpPrefix[] many = new IpPrefix[20];
        Arrays.setAll(many, HostRoutesTest::network);
        want(many);
        assertThat(said).hasSize(9).endsWith("and 12 more that cannot be routed");
        pass(1_000);
        want(many);
        pass(1_000);
        assertThat(said).hasSize(9);
        assertThat(told.laid).isEmpty();
    }

    @Test
    void aKernelThatDoesNotAnswerIsToldOfOnceAndAskedAgain() {
        machine.silent = true;
        want(network(1));
        for (int i = 0; i < 5; i++) {
            routes.hostChanged();
            settle();
            pass(1_000);
        }
        assertThat(said).containsExactly("cannot keep this machine's routes: the kernel does not answer");
        machine.silent = false;
        routes.hostChanged();
        settle();
        pass(1_000);
        assertThat(told.laid).containsExactly(Set.of(network(1)));
        machine.silent = true;
        routes.hostChanged();
        settle();
        pass(1_000);
        assertThat(said).as("it is news again").hasSize(2);
    }

    /** Names of gateways may change their addresses for ever. */
    @Test
    void onlySoManyGatewaysAreKeptOutTheLatestDialled() throws Exception {
        machine.defaultRoute("10.0.0.1");
        routes.want(List.of(IpPrefix.parse("0.0.0.0/0")), List.of(), List.of());
        settle();
        for (int i = 0; i < 70; i++) {
            routes.keepOut(List.of(InetAddress.getByAddress(new byte[] {(byte) 198, 51, 100, (byte) i})));
            settle();
            routes.keepOut(List.of(InetAddress.getByName("198.51.100.0"))); // in use all the time
            settle();
        }
        assertThat(machine.outside().stream().filter(route -> !route.startsWith("no ")))
                .hasSize(64)
                .contains("198.51.100.0/32", "198.51.100.69/32")
                .doesNotContain("198.51.100.6/32");
    }

    /** The same way as before is no news, nor is the first one. */
    @Test
    void onlyAnotherWayToAGatewayIsTold() throws Exception {
        machine.defaultRoute("10.0.0.1");
        routes.keepOut(List.of(InetAddress.getByName("192.0.2.1")));
        settle();
        routes.hostChanged();
        settle();
        pass(1_000);
        assertThat(told.changes).isZero();
        machine.defaultRoute("10.0.0.2");
        routes.hostChanged();
        settle();
        pass(1_000);
        assertThat(told.changes).isEqualTo(1);
    }

    @Test
    void nothingIsDoneOnceItIsClosed() throws Exception {
        ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor();
        HostRoutes closed = new HostRoutes(
                machine, journal, HostConfig.of("t0", 1500, 500, List.of()), said::add, thread, System::nanoTime);
        closed.configure();
        closed.close();
        closed.want(List.of(network(1)), List.of(), List.of());
        assertThat(closed.keepOut(List.of(InetAddress.getByName("192.0.2.1"))).toCompletableFuture())
                .as("whoever waits for it goes on")
                .isCompleted();
        assertThat(machine.routes).isEmpty();
    }
}
