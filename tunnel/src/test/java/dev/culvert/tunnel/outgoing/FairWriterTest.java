package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who goes when, and in which records. */
@NullUnmarked
class FairWriterTest {
    private RawPeer peer;
    private FairWriter writer;

    @BeforeEach
    void up() {
        use(Link.Role.WEBSOCKET_SERVER, false);
    }

    private void use(Link.Role role, boolean secure) {
        close();
        peer = new RawPeer(role, secure);
        writer = peer.link.writer();
        peer.take();
    }

    @AfterEach
    void close() {
        if (peer != null) {
            peer.close();
        }
    }

    private ByteBuf bytes(int n) {
        return peer.channel.alloc().directBuffer(Math.max(1, n)).writeZero(n);
    }

    private void fill(Outlet o, int frames, int size) {
        for (int i = 0; i < frames; i++) {
            o.add(Frame.DATA, 0, bytes(size), false);
        }
    }

    private List<Integer> order() {
        return peer.takeFrames().stream().map(WebSocketMessage::flowId).toList();
    }

    @ParameterizedTest
    @CsvSource({"16368,16368,16368", "16368,1000,100", "16368,5000,12000", "9000,16368,65000"})
    void bulkFlowsShareInBytesWithinAQuantum(int a, int b, int c) {
        int[] sizes = {a, b, c};
        Outlet[] outlets = new Outlet[3];
        for (int i = 0; i < 3; i++) {
            outlets[i] = writer.outlet(i + 1, null);
            fill(outlets[i], 3_000_000 / 3 / sizes[i] + 1, sizes[i]);
        }
        long[] sent = new long[3];
        for (WebSocketMessage m : peer.takeFrames()) {
            sent[m.flowId() - 1] += m.body().length;
            long least = Math.min(sent[0], Math.min(sent[1], sent[2]));
            long most = Math.max(sent[0], Math.max(sent[1], sent[2]));
            if (most < 900_000) { // all still have something
                int slack = Math.max(a, Math.max(b, c)) + 2 * Frame.MAX_DATA;
                assertThat(most - least)
                        .as("%s", java.util.Arrays.toString(sent))
                        .isLessThanOrEqualTo(slack);
            }
        }
        assertThat(sent[0]).isGreaterThanOrEqualTo(1_000_000);
        assertThat(writer.queuedBytes()).isZero();
    }

    @Test
    void aSmallFrameOfAnotherFlowOvertakesBulk() {
        peer.gate.shut();
        Outlet bulk = writer.outlet(1, null);
        fill(bulk, 50, Frame.MAX_DATA);
        peer.channel.runPendingTasks();
        peer.gate.open();
        peer.channel.runPendingTasks();
        peer.take();
        fill(bulk, 50, Frame.MAX_DATA);
        Outlet key = writer.outlet(2, null);
        fill(key, 1, 1);
        assertThat(order().indexOf(2)).isLessThanOrEqualTo(1);
    }

    @Test
    void controlGoesFirst() {
        peer.gate.shut();
        fill(writer.outlet(1, null), 20, Frame.MAX_DATA);
        writer.control(Frame.RESET, 9, Reason.IDLE);
        writer.controlInt(Frame.CREDIT, 0, 8, 0xffff_ffffL);
        writer.control(Frame.DRAIN, 0);
        peer.gate.open();
        List<WebSocketMessage> frames = peer.takeFrames();
        assertThat(frames.get(0).type()).isEqualTo(Frame.RESET);
        assertThat(frames.get(0).payload().getByte(0)).isEqualTo((byte) Reason.IDLE.code());
        assertThat(frames.get(1).type()).isEqualTo(Frame.CREDIT);
        assertThat(frames.get(1).payload().getUnsignedInt(0)).isEqualTo(0xffff_ffffL);
        assertThat(frames.get(2).type()).isEqualTo(Frame.DRAIN);
        assertThat(frames.get(3).type()).isEqualTo(Frame.DATA);
        assertThat(frames).hasSize(23);
    }

    @Test
    void smallFramesShareRecordsAndNoRecordIsLongerThanTlsAllows() {
        for (int i = 1; i <= 1_000; i++) {
            fill(writer.outlet(i, null), 1, 100);
        }
        List<Integer> records = peer.takeRecords();
        assertThat(records).hasSizeLessThanOrEqualTo(8).allMatch(n -> n <= Frame.RECORD);
        assertThat(peer.takeFrames()).hasSize(1_000);
    }

    @ParameterizedTest
    @CsvSource({"WEBSOCKET_CLIENT,true", "WEBSOCKET_SERVER,true"})
    void aFullDataFrameFitsOneRecord(Link.Role role, boolean secure) {
        use(role, secure);
        fill(writer.outlet(1, null), 10, Frame.MAX_DATA);
        assertThat(peer.takeRecords()).hasSize(10).allMatch(n -> n <= Frame.RECORD);
    }

    /** As the gateway does: what came in on one link goes out on the other, with the headers written over the old ones. */
    @ParameterizedTest
    @CsvSource({"WEBSOCKET_SERVER,false", "WEBSOCKET_CLIENT,true", "WEBSOCKET_CLIENT,false"})
    void forwardedFramesArePassedOnInPlaceAndWhole(Link.Role outRole, boolean secure) {
        use(outRole, secure);
        Outlet out = writer.outlet(77, null);
        FrameReceiver forward = new FrameReceiver() {
            @Override
            public void linkUp(Link link) {}

            @Override
            public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) {
                out.add(type, flags, payload, true);
            }

            @Override
            public void batchComplete(Link link) {}

            @Override
            public void linkDown(Link link, String why) {}
        };
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (RawPeer in = new RawPeer(Link.Role.WEBSOCKET_SERVER, false, forward)) {
            List<byte[]> sent = new ArrayList<>();
            for (int round = 0; round < 30; round++) {
                ByteBuf stream = Unpooled.buffer();
                for (int i = random.nextInt(5); i >= 0; i--) {
                    byte[] payload = random(random);
                    sent.add(payload);
                    stream.writeBytes(WebSocketMessage.encode(
                            0x82, WebSocketMessage.frame(Frame.DATA, i & 1, 3, payload), random.nextInt()));
                }
                while (stream.isReadable()) {
                    in.send(stream.readBytes(Math.min(stream.readableBytes(), 1 + random.nextInt(30_000))));
                }
            }
            ByteBuf got = Unpooled.buffer();
            for (WebSocketMessage frame : peer.takeFrames()) {
                assertThat(frame.flowId()).isEqualTo(77);
                got.writeBytes(frame.payload());
            }
            assertThat(got).as("seed %d", seed).isEqualTo(Unpooled.wrappedBuffer(sent.toArray(byte[][]::new)));
        }
    }

    private static byte[] random(Random random) {
        byte[] b = new byte[random.nextInt(4) == 0 ? random.nextInt(200) : random.nextInt(Frame.MAX_DATA + 1)];
        random.nextBytes(b);
        return b;
    }

    @Test
    void nothingIsWrittenWhileTheSocketIsFull() {
        peer.gate.shut();
        Outlet o = writer.outlet(1, null);
        fill(o, 10, 2_000);
        peer.channel.runPendingTasks();
        assertThat(o.queuedBytes()).isEqualTo(20_000);
        peer.gate.open();
        peer.channel.runPendingTasks();
        assertThat(o.queuedBytes()).isZero();
        assertThat(peer.takeFrames()).hasSize(10);
        assertThat(writer.framesOut()).isGreaterThanOrEqualTo(10);
    }

    /** However often credit is granted, one number waits for each flow; and what is granted meanwhile is added to it. */
    @Test
    void creditThatWaitsIsOneNumberForEachFlow() {
        peer.gate.shut();
        Outlet one = writer.outlet(1, null);
        Outlet two = writer.outlet(2, null);
        Outlet gone = writer.outlet(3, null);
        long before = writer.heldBytes();
        for (int i = 0; i < 100_000; i++) {
            one.grant(10);
            one.grant(0);
            gone.grant(1);
        }
        two.grant(Integer.MAX_VALUE);
        two.grant(Integer.MAX_VALUE);
        writer.outlet(4, null).grant(0);
        gone.close();
        gone.grant(5);
        assertThat(writer.heldBytes()).isEqualTo(before);
        peer.gate.open();
        List<WebSocketMessage> frames = peer.takeFrames();
        assertThat(frames).allMatch(m -> m.type() == Frame.CREDIT);
        assertThat(frames.stream()
                        .map(m -> List.of(m.flowId(), m.payload().getInt(0)))
                        .toList())
                .containsExactly(List.of(1, 1_000_000), List.of(2, Integer.MAX_VALUE));
        one.grant(7);
        assertThat(peer.takeFrames())
                .singleElement()
                .satisfies(m -> assertThat(m.payload().getInt(0)).isEqualTo(7));
    }

    /** What says itself late is asked when it can be written: after what waits, before credit and data. */
    @Test
    void whatIsSaidLateIsAskedWhenItCanBeWritten() {
        peer.gate.shut();
        Outlet o = writer.outlet(1, null);
        fill(o, 1, 100);
        o.grant(1);
        int[] asked = {0};
        writer.late(() -> {
            asked[0]++;
            writer.control(Frame.DRAIN, 0);
        });
        writer.late(() -> asked[0]++); // has nothing to say any more
        writer.control(Frame.RESET, 9, Reason.IDLE);
        peer.channel.runPendingTasks();
        assertThat(asked[0]).isZero();
        peer.gate.open();
        assertThat(peer.takeFrames().stream().map(WebSocketMessage::type))
                .containsExactly(Frame.RESET, Frame.DRAIN, Frame.CREDIT, Frame.DATA);
        assertThat(asked[0]).isEqualTo(2);
        peer.gate.shut();
        writer.late(() -> asked[0]++);
        peer.link.close(1000, "bye");
        writer.late(() -> asked[0]++);
        peer.channel.runPendingTasks();
        assertThat(asked[0]).isEqualTo(2);
    }

    /** What a peer that sends one byte a frame can make us hold is bounded by its credit, not multiplied by it. */
    @Test
    void smallDataFramesThatWaitAreGathered() {
        peer.gate.shut();
        Outlet o = writer.outlet(1, null);
        for (int i = 0; i < 60_000; i++) {
            o.add(Frame.DATA, i == 59_999 ? Frame.FLAG_BLOCKED : 0, bytes(0).writeByte(i), false);
        }
        o.add(Frame.FIN, 0, Unpooled.EMPTY_BUFFER, false);
        assertThat(o.queuedBytes()).isEqualTo(60_000);
        assertThat(writer.heldBytes()).isBetween(60_000L, 70_000L);
        peer.gate.open();
        List<WebSocketMessage> frames = peer.takeFrames();
        assertThat(writer.heldBytes()).isZero();
        assertThat(frames).hasSizeLessThan(12);
        assertThat(frames.get(frames.size() - 1).type()).isEqualTo(Frame.FIN);
        assertThat(frames.get(frames.size() - 2).flags()).isEqualTo(Frame.FLAG_BLOCKED);
        int at = 0;
        for (WebSocketMessage frame : frames) {
            ByteBuf payload = frame.payload();
            while (payload.isReadable()) {
                if (payload.readByte() != (byte) at++) {
                    throw new AssertionError("byte " + (at - 1) + " is out of order");
                }
            }
        }
        assertThat(at).isEqualTo(60_000);
    }

    @Test
    void emptyDataFramesDoNotPileUp() {
        peer.gate.shut();
        Outlet o = writer.outlet(1, null);
        fill(o, 1, 2_000);
        for (int i = 0; i < 10_000; i++) {
            o.add(Frame.DATA, 0, bytes(0), false);
        }
        peer.gate.open();
        assertThat(peer.takeFrames()).hasSize(1);
    }

    @Test
    void theListenerIsAskedForMoreAtLowWaterAndMayAddAtOnce() {
        Outlet[] o = new Outlet[1];
        int[] asked = {0};
        o[0] = writer.outlet(1, () -> {
            asked[0]++;
            if (asked[0] <= 100) {
                fill(o[0], 1, Frame.MAX_DATA);
            }
        });
        fill(o[0], 4, Frame.MAX_DATA);
        assertThat(order()).hasSize(104);
        assertThat(asked[0]).isEqualTo(103);
    }

    @Test
    void aLongTurnYieldsToOtherWorkAndGoesOn() {
        fill(writer.outlet(1, null), 200, Frame.MAX_DATA);
        assertThat(order()).hasSize(200);
    }

    @Test
    void anOutletClosedWhileItWaitsSendsNothing() {
        peer.gate.shut();
        Outlet closed = writer.outlet(1, null);
        Outlet other = writer.outlet(2, null);
        fill(closed, 5, 2_000);
        fill(other, 5, 2_000);
        closed.close();
        assertThat(writer.queuedBytes()).isEqualTo(10_000);
        fill(closed, 5, 2_000);
        assertThat(closed.isEmpty()).isTrue();
        assertThat(closed.addDatagram(0, bytes(1), false)).isFalse();
        peer.gate.open();
        assertThat(order()).containsOnly(2).hasSize(5);
    }

    @Test
    void whatIsAddedAfterTheLinkIsDownIsReleased() {
        Outlet o = writer.outlet(1, null);
        fill(o, 3, 1_000);
        peer.link.close(1001, "bye");
        ByteBuf late = bytes(10);
        o.add(Frame.DATA, 0, late, false);
        ByteBuf datagram = bytes(10);
        Outlet never = writer.outlet(2, null);
        assertThat(never.addDatagram(0, datagram, false)).isFalse();
        ByteBuf control = bytes(8);
        writer.control(Frame.PONG, 0, 0, control);
        assertThat(late.refCnt()).isZero();
        assertThat(datagram.refCnt()).isZero();
        assertThat(control.refCnt()).isZero();
        assertThat(writer.queuedBytes()).isZero();
    }

    @Test
    void randomOutletsKeepOrderWithinEachFlow() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Map<Integer, Integer> added = new HashMap<>();
        Map<Integer, Integer> seen = new HashMap<>();
        Outlet[] outlets = new Outlet[20];
        for (int i = 0; i < outlets.length; i++) {
            outlets[i] = writer.outlet(i + 1, null);
        }
        for (int step = 0; step < 2_000; step++) {
            Outlet o = outlets[random.nextInt(outlets.length)];
            ByteBuf b = bytes(0).writeInt(added.merge(o.flowId(), 1, Integer::sum));
            b.writeZero(Outlet.SMALL + random.nextInt(random.nextInt(10) == 0 ? 15_000 : 50));
            o.add(Frame.DATA, 0, b, random.nextBoolean() && b.readerIndex() > 0);
            if (random.nextInt(50) == 0) {
                peer.gate.shut();
            } else if (random.nextInt(20) == 0) {
                peer.gate.open();
                check(seen, seed);
            }
        }
        peer.gate.open();
        check(seen, seed);
        assertThat(seen).as("seed %d", seed).isEqualTo(added);
    }

    private void check(Map<Integer, Integer> seen, long seed) {
        for (WebSocketMessage m : peer.takeFrames()) {
            assertThat(m.payload().getInt(0)).as("seed %d", seed).isEqualTo(seen.merge(m.flowId(), 1, Integer::sum));
        }
    }
}
