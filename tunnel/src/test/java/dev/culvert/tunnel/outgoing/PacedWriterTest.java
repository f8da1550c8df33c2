package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The writer of a link that has a bandwidth: 20 Mbit/s, so 2,500 bytes a millisecond and a full frame in 6.6. */
@NullUnmarked
class PacedWriterTest {
    private static final long RATE = 20_000_000;
    private static final int PER_MILLI = 2_500;

    private final RawPeer peer = new RawPeer(Link.Role.WEBSOCKET_SERVER, true);
    private final FairWriter writer = peer.link.writer();
    private final Bandwidth bandwidth = bandwidth(RATE);

    PacedWriterTest() {
        peer.take();
        writer.limit(bandwidth);
    }

    private Bandwidth bandwidth(long rate) {
        return new Bandwidth(rate, peer.channel.eventLoop().ticker().nanoTime(), new LongAdder());
    }

    @AfterEach
    void close() {
        peer.close();
    }

    private void fill(Outlet o, int frames, int size) {
        for (int i = 0; i < frames; i++) {
            add(o, 0, size);
        }
    }

    private void add(Outlet o, int flags, int size) {
        ByteBuf b = peer.channel.alloc().directBuffer(size).writeZero(size);
        o.add(Frame.DATA, flags, b, false);
    }

    private static long bytes(List<WebSocketMessage> frames) {
        return frames.stream().mapToLong(m -> m.body().length).sum();
    }

    @Test
    void noMoreGoesThanTheBandwidthAndAllOfItInTheEnd() {
        Outlet o = writer.outlet(1, null);
        fill(o, 60, Frame.MAX_DATA);
        long sent = bytes(peer.takeFrames());
        for (int milli = 1; milli <= 400; milli++) {
            peer.advance(1);
            sent += bytes(peer.takeFrames());
            long fair = Math.min((long) PER_MILLI * milli, 60L * Bandwidth.MIN_TURN);
            assertThat(sent).isBetween(fair - 2 * Bandwidth.MIN_TURN, fair + 2 * Bandwidth.MIN_TURN);
        }
        assertThat(sent).isEqualTo(60L * Bandwidth.MIN_TURN);
        assertThat(writer.queuedBytes()).isZero();
    }

    @Test
    void controlFramesAreNeverHeldUp() {
        fill(writer.outlet(1, null), 100, Frame.MAX_DATA);
        peer.takeFrames();
        for (int i = 0; i < 50; i++) {
            writer.controlInt(Frame.CREDIT, 0, 8, 1_000);
            writer.control(Frame.RESET, 9, Reason.IDLE);
            assertThat(peer.takeFrames()).extracting(WebSocketMessage::type).contains(Frame.CREDIT, Frame.RESET);
            peer.sendFrame(Frame.PING, 0, 0, new byte[8]);
            assertThat(peer.takeFrames()).extracting(WebSocketMessage::type).contains(Frame.PONG);
            peer.advance(1);
        }
        assertThat(writer.queuedBytes()).isPositive();
    }

    @Test
    void aKeystrokeOvertakesBulkAndBulkFlowsShare() {
        fill(writer.outlet(1, null), 100, Frame.MAX_DATA);
        fill(writer.outlet(2, null), 100, Frame.MAX_DATA);
        peer.advance(100);
        peer.takeFrames();
        Outlet key = writer.outlet(3, null);
        int[] frames = new int[4];
        for (int i = 0; i < 20; i++) {
            fill(key, 1, 1);
            int before = frames[3];
            for (int milli = 0; milli < 14; milli++) { // two full frames, the second of which was on its way
                peer.advance(1);
                peer.takeFrames().forEach(m -> frames[m.flowId()]++);
            }
            assertThat(frames[3]).isEqualTo(before + 1);
        }
        assertThat(frames[1]).isGreaterThan(10);
        assertThat(Math.abs(frames[1] - frames[2])).isLessThanOrEqualTo(1);
    }

    @Test
    void aLimitThatIsLiftedLetsEverythingGoAtOnce() {
        fill(writer.outlet(1, null), 100, Frame.MAX_DATA);
        peer.advance(10);
        int sent = peer.takeFrames().size();
        assertThat(sent).isLessThan(10);
        writer.limit(null);
        assertThat(peer.takeFrames()).hasSize(100 - sent);
    }

    @Test
    void anotherLimitHoldsAtOnce() {
        fill(writer.outlet(1, null), 200, Frame.MAX_DATA);
        peer.advance(10);
        peer.takeFrames();
        writer.limit(bandwidth.at(10 * RATE, peer.channel.eventLoop().ticker().nanoTime()));
        long fast = 0;
        for (int milli = 0; milli < 100; milli++) {
            peer.advance(1);
            fast += bytes(peer.takeFrames());
        }
        assertThat(fast).isBetween(90L * 10 * PER_MILLI, 110L * 10 * PER_MILLI);
        writer.limit(bandwidth.at(RATE / 100, peer.channel.eventLoop().ticker().nanoTime()));
        peer.takeFrames();
        peer.advance(500);
        assertThat(bytes(peer.takeFrames())).isLessThanOrEqualTo(3L * Bandwidth.MIN_TURN);
    }

    @Test
    void aFlowIsCalledBlockedOnlyWhenItsWindowAndNotTheLimitHoldsItUp() {
        Outlet o = writer.outlet(1, null);
        fill(o, 20, Frame.MAX_DATA);
        add(o, Frame.FLAG_BLOCKED, Frame.MAX_DATA);
        fill(o, 1, Frame.MAX_DATA);
        add(o, Frame.FLAG_BLOCKED, Frame.MAX_DATA);
        List<WebSocketMessage> frames = new java.util.ArrayList<>();
        for (int milli = 0; milli < 300; milli++) {
            frames.addAll(peer.takeFrames());
            peer.advance(1);
        }
        assertThat(frames).hasSize(23);
        assertThat(frames.subList(0, 22)).allMatch(m -> m.flags() == 0);
        assertThat(frames.get(22).flags()).isEqualTo(Frame.FLAG_BLOCKED);
    }

    /** FLAG_PORT is the same bit. */
    @Test
    void flagsOfDatagramsStay() {
        Outlet o = writer.outlet(1, null);
        for (int i = 0; i < 10; i++) {
            o.addDatagram(
                    Frame.FLAG_PORT, peer.channel.alloc().directBuffer(1_000).writeZero(1_000), false);
        }
        assertThat(peer.takeFrames()).hasSize(10).allMatch(m -> m.flags() == Frame.FLAG_PORT);
    }

    @Test
    void closingWhileItWaitsEndsIt() {
        fill(writer.outlet(1, null), 100, Frame.MAX_DATA);
        peer.takeFrames();
        peer.link.close(1000, "done");
        peer.takeFrames();
        peer.advance(2_000);
        assertThat(peer.takeFrames()).isEmpty();
        assertThat(writer.queuedBytes()).isZero();
    }
}
