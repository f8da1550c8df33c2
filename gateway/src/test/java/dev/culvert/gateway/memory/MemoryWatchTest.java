package dev.culvert.gateway.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.door.Strangers;
import dev.culvert.gateway.memory.MemoryWatch.Memory;
import dev.culvert.gateway.memory.MemoryWatch.Step;
import dev.culvert.tunnel.fixture.TestFlow;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What must go before memory ends, and when. */
@NullUnmarked
final class MemoryWatchTest {
    private static final Duration TICK = Duration.ofMillis(100);

    private final MemoryWatch watch = new MemoryWatch();
    private long now = Long.MAX_VALUE - 1_000; // nanoTime may overflow
    private int collections;

    /** Of 1,000 each. */
    private Step look(int heapUsed, int heapLive, int buffers) {
        now += TICK.toNanos();
        return watch.next(new Memory(heapUsed, heapLive, collections, 1_000, buffers, 1_000), now);
    }

    private static Memory memory(int live, int collections) {
        return new Memory(live, live, collections, 1_000, 0, 1_000);
    }

    private void settle() {
        now += MemoryWatch.SETTLE.toNanos();
    }

    @Test
    void garbageIsNoReason() {
        for (int i = 0; i < 100; i++) {
            assertThat(look(840, 500, 500)).isEqualTo(Step.NONE);
        }
        assertThat(look(990, 500, 500)).isEqualTo(Step.COLLECT);
        assertThat(look(990, 500, 500)).as("not all the time").isEqualTo(Step.NONE);
        collections++;
        assertThat(look(300, 300, 500)).isEqualTo(Step.NONE);
        now += MemoryWatch.COLLECT_INTERVAL.toNanos();
        assertThat(look(990, 500, 500)).isEqualTo(Step.COLLECT);
    }

    @Test
    void strangersGoFirstThenTheLargestOneAfterTheOther() {
        assertThat(look(900, 810, 0)).isEqualTo(Step.STRANGERS);
        assertThat(look(900, 810, 0)).as("it takes a moment").isEqualTo(Step.NONE);
        settle();
        assertThat(look(900, 810, 0))
                .as("only a collection shows what it was worth")
                .isEqualTo(Step.COLLECT);
        collections++;
        assertThat(look(900, 810, 0)).isEqualTo(Step.LARGEST_HOLDER);
        settle();
        now += MemoryWatch.COLLECT_INTERVAL.toNanos();
        assertThat(look(900, 810, 0)).isEqualTo(Step.COLLECT);
        collections++;
        assertThat(look(900, 810, 0)).isEqualTo(Step.LARGEST_HOLDER);
        settle();
        collections++;
        assertThat(look(400, 300, 0)).isEqualTo(Step.ENOUGH);
        assertThat(look(400, 300, 0)).isEqualTo(Step.NONE);
        collections++;
        assertThat(look(900, 810, 0)).as("from the beginning").isEqualTo(Step.STRANGERS);
    }

    @Test
    void buffersNeedNoCollection() {
        assertThat(look(100, 100, 801)).isEqualTo(Step.STRANGERS);
        settle();
        assertThat(look(100, 100, 801)).isEqualTo(Step.LARGEST_HOLDER);
        settle();
        assertThat(look(100, 100, 800)).isEqualTo(Step.ENOUGH);
    }

    /** At a gateway: strangers are ended, then all links of who holds the most, and nobody else's. */
    @Test
    void theGatewayShedsInThatOrder(@TempDir Path dir) throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2);
                Socket stranger = new Socket(
                        net.gateway.address().getAddress(),
                        net.gateway.address().getPort())) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            TestNetwork.Peer large = net.client("large", 1, "*:10.0.0.0/16");
            TestNetwork.Peer twin = net.client("large", 1, "*:10.0.0.0/16");
            TestNetwork.Peer small = net.client("small", 1, "*:10.0.0.0/16");
            TestFlow kept = small.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"));
            assertThat(kept.refused()).isNull();
            for (int i = 1; i <= 3; i++) {
                large.open(TestNetwork.open(TestNetwork.tcp("10.0.0.2", i), "office"));
            }
            Strangers strangers = net.door().strangers();
            await().until(() -> strangers.count() == 1);
            AtomicReference<Memory> memory = new AtomicReference<>(memory(500, 1));
            try (MemoryGuard guard = new MemoryGuard(
                    strangers, net.links(), net.visitors(), net.services().counters(), memory::get)) {
                guard.look(now);
                assertThat(strangers.count()).isOne();
                memory.set(memory(900, 2));
                guard.look(now);
                assertThat(strangers.count()).isZero();
                assertThat(stranger.getInputStream().read()).isEqualTo(-1);
                assertThat(strangers.enter(InetAddress.getByName("192.0.2.1"), () -> {}))
                        .isNull();
                settle();
                memory.set(memory(900, 3));
                guard.look(now);
                assertThat(large.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS))
                        .contains("short of memory");
                assertThat(twin.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS))
                        .contains("short of memory");
                settle();
                memory.set(memory(300, 4));
                guard.look(now);
                assertThat(strangers.enter(InetAddress.getByName("192.0.2.1"), () -> {}))
                        .isNotNull();
            }
            assertThat(small.down).isNotDone();
            assertThat(small.flows()).isOne();
            assertThat(net.services().counters().shedLinks.sum()).isEqualTo(2);
            assertThat(net.services().counters().shedConnections.sum()).isOne();
        }
    }
}
