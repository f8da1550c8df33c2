package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.presence.Links;
import dev.culvert.tunnel.fixture.TestFlow;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.Promise;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What strangers cost in processor time is theirs to wait for: no link does, and no stranger of another network much. */
@NullUnmarked
final class StrangerTurnsTest {
    @TempDir
    Path dir;

    private final EmbeddedChannel loop = new EmbeddedChannel();
    private long now = Long.MAX_VALUE - 1; // nanoTime may overflow
    private long each;
    private final StrangerTurns turns = new StrangerTurns(loop.eventLoop(), () -> now);
    private final Strangers strangers = new Strangers(() -> now, false);
    private final List<String> served = new ArrayList<>();
    private final List<String> read = new ArrayList<>();

    /** A handshake takes a millisecond, and thousands may come at once. */
    @Test
    void aLinkGoesOnWhileStrangersTakeAllTheirTime() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            CountDownLatch busy = new CountDownLatch(1);
            CountDownLatch over = new CountDownLatch(1);
            for (EventExecutor strangers : net.door().strangerLoops()) {
                strangers.execute(() -> {
                    busy.countDown();
                    try {
                        over.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
            }
            busy.await();
            TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"));
            assertThat(flow.refused()).isNull();
            over.countDown();
            await().until(() -> agent.flows() == 1);
        }
    }

    @Test
    void networksTakeTurns() {
        List<EmbeddedChannel> flood = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            flood.add(stranger("10.1.1." + i % 8));
        }
        EmbeddedChannel other = stranger("10.2.2.2");
        EmbeddedChannel third = stranger("2001:db8::1");
        flood.forEach(c -> c.writeInbound(bytes()));
        other.writeInbound(bytes());
        third.writeInbound(bytes());
        assertThat(served).isEmpty();
        run(202);
        assertThat(served.indexOf("10.2.2.2")).isEqualTo(1);
        assertThat(served.indexOf("2001:db8::1")).isEqualTo(2);
        flood.forEach(EmbeddedChannel::finishAndReleaseAll);
        other.finishAndReleaseAll();
        third.finishAndReleaseAll();
    }

    /** Half a handshake is of no use to anybody, and a client does not wait for ever; but nobody is favoured without end. */
    @Test
    void ofANetworkThoseGoFirstThatHaveBegun() {
        EmbeddedChannel begun = stranger("10.1.1.1");
        EmbeddedChannel other = stranger("10.1.1.2");
        begun.writeInbound(bytes());
        run(1);
        for (int i = 1; i < StrangerTurns.FAVOURED; i++) {
            served.clear();
            EmbeddedChannel newcomer = stranger("10.1.1.3");
            newcomer.writeInbound(bytes());
            begun.writeInbound(bytes());
            run(1);
            assertThat(served).startsWith("10.1.1.1");
            run(2);
            newcomer.finishAndReleaseAll();
        }
        served.clear();
        other.writeInbound(bytes());
        begun.writeInbound(bytes());
        run(2);
        assertThat(served).containsExactly("10.1.1.2", "10.1.1.1");
        begun.finishAndReleaseAll();
        other.finishAndReleaseAll();
    }

    /** Whoever comes from a network of his own is not kept waiting by others who have not begun. */
    @Test
    void whoHasBegunHasMostTurnsWhereverHeIsFrom() {
        EmbeddedChannel begun = stranger("10.1.1.1");
        begun.writeInbound(bytes());
        run(1);
        served.clear();
        List<EmbeddedChannel> newcomers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            newcomers.add(stranger("10.2." + i + ".1"));
            newcomers.get(i).writeInbound(bytes());
        }
        begun.writeInbound(bytes());
        run(1);
        assertThat(served).startsWith("10.1.1.1");
        newcomers.forEach(EmbeddedChannel::finishAndReleaseAll);
        begun.finishAndReleaseAll();
    }

    /** Nor do those that have begun keep the others out. */
    @Test
    void newcomersHaveOneTurnOfSome() {
        List<EmbeddedChannel> begun = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            begun.add(stranger("10.1." + i + ".1"));
            begun.get(i).writeInbound(bytes());
        }
        run(100);
        served.clear();
        EmbeddedChannel newcomer = stranger("10.2.2.2");
        newcomer.writeInbound(bytes());
        begun.forEach(c -> c.writeInbound(bytes()));
        run(StrangerTurns.BEGUN_TO_ONE + 1);
        assertThat(served.indexOf("10.2.2.2")).isBetween(0, StrangerTurns.BEGUN_TO_ONE);
        begun.forEach(EmbeddedChannel::finishAndReleaseAll);
        newcomer.finishAndReleaseAll();
    }

    /** Clients that cannot answer soon, whose own processors are busy or whose lines are long, get in some after others. */
    @Test
    void noMoreAreBegunThanAnswer() {
        each = StrangerTurns.COSTLY_NANOS;
        List<EmbeddedChannel> all = new ArrayList<>();
        for (int i = 0; i < StrangerTurns.MOST_ANSWERS + 3; i++) {
            all.add(stranger("10." + i % 16 + "." + i / 16 + ".1"));
            all.get(i).writeInbound(bytes());
        }
        run(StrangerTurns.MOST_ANSWERS + 1);
        assertThat(served).hasSize(StrangerTurns.MOST_ANSWERS);
        all.get(0).writeInbound(bytes()); // an answer
        run(StrangerTurns.MOST_ANSWERS + 2);
        assertThat(served).as("its own, whose next answer is on its way").hasSize(StrangerTurns.MOST_ANSWERS + 1);
        all.get(1).close(); // it will never answer
        run(StrangerTurns.MOST_ANSWERS + 3);
        assertThat(served).hasSize(StrangerTurns.MOST_ANSWERS + 2);
        now += StrangerTurns.ANSWERS.toNanos(); // nor will the others
        loop.advanceTimeBy(StrangerTurns.ANSWERS.toNanos(), TimeUnit.NANOSECONDS);
        run(StrangerTurns.MOST_ANSWERS + 4);
        assertThat(served).hasSize(StrangerTurns.MOST_ANSWERS + 4);
        all.forEach(EmbeddedChannel::finishAndReleaseAll);
    }

    /** Who costs nothing is no reason to keep others waiting, however many he is. */
    @Test
    void cheapTurnsAreAsManyAsCome() {
        each = StrangerTurns.COSTLY_NANOS - 1;
        List<EmbeddedChannel> all = new ArrayList<>();
        for (int i = 0; i < 2 * StrangerTurns.MOST_ANSWERS; i++) {
            all.add(stranger("10." + i % 16 + "." + i / 16 + ".1"));
            all.get(i).writeInbound(bytes());
        }
        run(all.size());
        assertThat(served).hasSize(all.size());
        all.forEach(EmbeddedChannel::finishAndReleaseAll);
    }

    /** What a turn costs is told by the clock alone: after two milliseconds the loop looks at its sockets again. */
    @Test
    void aSliceEndsWithItsTime() {
        each = 1_000_000;
        List<EmbeddedChannel> all = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            all.add(stranger("10.1.1." + i));
        }
        all.forEach(c -> c.writeInbound(bytes()));
        loop.runScheduledPendingTasks();
        assertThat(served).hasSize(3);
        loop.runScheduledPendingTasks();
        assertThat(served).hasSize(6);
        loop.runScheduledPendingTasks();
        assertThat(served).hasSize(8);
        loop.checkException();
        all.forEach(EmbeddedChannel::finishAndReleaseAll);
    }

    /** So what waits for a turn is one read of each. */
    @Test
    void nothingIsReadOfWhoWaits() {
        EmbeddedChannel one = stranger("10.1.1.1");
        assertThat(read).hasSize(1); // when it became active
        one.writeInbound(bytes());
        one.read();
        one.read();
        assertThat(read).hasSize(1);
        run(1);
        assertThat(read).hasSize(2);
        one.finishAndReleaseAll();
    }

    @Test
    void whoGoesWhileItWaitsIsForgotten() {
        EmbeddedChannel gone = stranger("10.1.1.1");
        EmbeddedChannel other = stranger("10.1.1.2");
        ByteBuf held = bytes();
        gone.writeInbound(held);
        other.writeInbound(bytes());
        gone.close();
        assertThat(held.refCnt()).isZero();
        run(1);
        assertThat(served).containsExactly("10.1.1.2");
        other.finishAndReleaseAll();
    }

    /** A connection that becomes a link takes with it what has come behind its upgrade. */
    @Test
    void whatWaitsGoesWithTheConnection() {
        EmbeddedChannel one = stranger("10.1.1.1");
        one.writeInbound(bytes());
        one.read();
        one.pipeline().remove(StrangerTurns.Turn.class);
        assertThat(served).containsExactly("10.1.1.1");
        assertThat(read).hasSize(1);
        loop.runScheduledPendingTasks();
        assertThat(served).hasSize(1);
        one.finishAndReleaseAll();
    }

    /** Whoever goes while its connection is between two loops must not keep its place: 256 of them would lock the holder out. */
    @Test
    void whoGoesOnItsWayToItsLoopLeavesNothing() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 2)) {
            String token = net.clientToken("laptop", Instant.now().plusSeconds(3_600), "*:10.0.0.0/8");
            byte[] upgrade = ("GET /link HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                            + "Sec-WebSocket-Protocol: culvert.1\r\nAuthorization: Bearer " + token + "\r\n\r\n")
                    .getBytes(StandardCharsets.ISO_8859_1);
            for (int i = 0; i < 300; i++) {
                try (Socket socket =
                        new Socket("127.0.0.1", net.gateway.address().getPort())) {
                    socket.setSoLinger(true, 0); // a reset, not an end
                    socket.getOutputStream().write(upgrade);
                    if (i % 3 > 0) {
                        assertThat(socket.getInputStream().read()).isEqualTo('H'); // of the 101
                    }
                }
            }
            Links links = net.links();
            await().until(() -> links.of(Links.holder("client", "laptop")) == 0
                    && links.count() == 0
                    && net.door().strangers().count() == 0);
        }
    }

    /** Many upgrades with one token may be on their way to their loops at once. */
    @Test
    void linksOfOneHolderAreCountedBeforeTheyAreUp() {
        Links links = new Links();
        String client = Links.holder("client", "laptop");
        List<Promise<Void>> connections = new ArrayList<>();
        for (int i = 0; i < Links.MAX_PER_HOLDER; i++) {
            connections.add(ImmediateEventExecutor.INSTANCE.newPromise());
            assertThat(links.admits(client, connections.get(i))).isTrue();
        }
        Promise<Void> more = ImmediateEventExecutor.INSTANCE.newPromise();
        assertThat(links.admits(client, more)).isFalse();
        assertThat(links.admits(Links.holder("agent", "laptop"), more)).isTrue();
        connections.get(0).setSuccess(null);
        assertThat(links.admits(client, more)).isTrue();
    }

    private void run(int most) {
        for (int i = 0; i < most && (i == 0 || served.size() < most); i++) {
            loop.runScheduledPendingTasks();
        }
        loop.checkException();
    }

    private static ByteBuf bytes() {
        return Unpooled.wrappedBuffer(new byte[10]);
    }

    private EmbeddedChannel stranger(String address) {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.config().setAutoRead(false);
        InetSocketAddress from = new InetSocketAddress(address, 1);
        channel.pipeline()
                .addLast(
                        new ChannelOutboundHandlerAdapter() {
                            @Override
                            public void read(ChannelHandlerContext ctx) {
                                read.add(address);
                            }
                        },
                        new StrangerTurns.Turn(turns, from, strangers.enter(from.getAddress(), () -> {})),
                        new ChannelInboundHandlerAdapter() {
                            @Override
                            public void channelRead(ChannelHandlerContext ctx, Object msg) {
                                served.add(address);
                                now += each;
                                ((ByteBuf) msg).release();
                            }
                        });
        channel.pipeline().fireChannelActive();
        return channel;
    }
}
