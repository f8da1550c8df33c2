package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What all connections together make us keep is bounded in bytes, whatever windows they were promised, and others go on. */
class TcpMemoryTest {
    private static final int BUDGET = 1 << 20;
    private static final int FLOWS = 64;

    /** A connection that is not read, and the peer's port of it. */
    private record Open(int port, Wire.Conn conn) {}

    private static List<Open> connect(Wire wire, int flows, boolean read) {
        List<Open> all = new ArrayList<>();
        for (int i = 0; i < flows; i++) {
            Wire.App app = new Wire.App();
            app.autoRead = read;
            all.add(new Open(wire.peerPort, wire.connect(app, "mss=1460", "ws=7", "sackok")));
            wire.peerPort++;
        }
        return all;
    }

    private static void give(Wire wire, Open open, int offset, byte[] data) {
        wire.peerPort = open.port;
        wire.queue(Tcp.ACK, Wire.PEER_ISN + 1 + offset, open.conn.iss + 1, data);
    }

    @Test
    void tinySegmentsOutOfOrderAreChargedForTheObjectsAroundThem() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(8192, 8192).receiveBudget(BUDGET))) {
            for (Open open : connect(wire, FLOWS, false)) {
                for (int i = 0; i < OutOfOrderQueue.MAX_SEGMENTS; i++) {
                    give(wire, open, 1 + 2 * i, new byte[1]);
                }
                wire.endBatch();
            }
            wire.sent.clear();
            long kept = wire.count(Counter.OUT_OF_ORDER_SEGMENTS);
            assertThat(kept * (1 + Receiver.BUFFER_OVERHEAD)).isBetween(BUDGET / 2L, (long) BUDGET);
        }
    }

    @Test
    void chunksForTinySegmentsAreChargedWhole() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(8192, 8192).receiveBudget(BUDGET))) {
            for (Open open : connect(wire, 1000, false)) {
                // Of a large packet buffer, so that it is copied.
                wire.peerPort = open.port;
                ByteBuf large = wire.alloc().directBuffer(65_536);
                ByteBuf packet = wire.packet(Tcp.ACK, Wire.PEER_ISN + 1, open.conn.iss + 1, new byte[1]);
                large.writeBytes(packet);
                packet.release();
                wire.receive(large);
                large.release();
                wire.endBatch();
            }
            wire.sent.clear();
            assertThat(wire.allocator.metric().usedDirectMemory()).isBetween(BUDGET / 2L, (long) BUDGET);
        }
    }

    @Test
    void windowsThatWerePromisedToManyDoNotAddUp() {
        int window = 64 << 10;
        try (Wire wire =
                new Wire(TcpConfig.builder().receiveBuffer(window, window).receiveBudget(BUDGET))) {
            List<Open> flows = connect(wire, FLOWS, false);
            for (Open open : flows) {
                for (int at = 0; at + 8192 <= 60_000; at += 8192) {
                    give(wire, open, at, new byte[8192]);
                }
                wire.endBatch();
            }
            // 64 times 57,344 bytes were sent, all within what each had been promised.
            assertThat(wire.count(Counter.DROPPED_QUEUE_FULL)).isPositive();
            // The bench's buffers are twice as long as what is in them, the most that is kept without a copy.
            assertThat(wire.allocator.metric().usedDirectMemory()).isLessThanOrEqualTo(2 * BUDGET);
            wire.sent.clear();

            // One that is read goes on all the same, and so does one that is new.
            Open last = flows.get(FLOWS - 1);
            last.conn.flow.config().setAutoRead(true);
            wire.channel.runPendingTasks();
            int read = last.conn.app.read.length();
            give(wire, last, read, new byte[8192]);
            wire.endBatch();
            assertThat(last.conn.app.read.length()).isEqualTo(read + 8192);
            wire.sent.clear();
            wire.peerPort = 50_000;
            Open fresh = connect(wire, 1, true).get(0);
            give(wire, fresh, 0, new byte[8192]);
            wire.endBatch();
            assertThat(fresh.conn.app.read.length()).isEqualTo(8192);
            wire.sent.clear();

            // What was dropped was not acknowledged: it comes again, and then it has room.
            for (Open open : flows) {
                open.conn.flow.config().setAutoRead(true);
            }
            wire.channel.runPendingTasks();
            for (Open open : flows) {
                int known = open.conn.app.read.length();
                give(wire, open, known, new byte[57_344 - Math.min(known, 57_344)]);
                wire.endBatch();
                assertThat(open.conn.app.read.length()).isGreaterThanOrEqualTo(57_344);
            }
            wire.sent.clear();
        }
    }

    @Test
    void whatPeersDoNotAcknowledgeIsBoundedForAllTogether() {
        try (Wire wire = new Wire(TcpConfig.builder().sendBudget(BUDGET))) {
            wire.peerWindow = 0xffff;
            List<Open> flows = connect(wire, FLOWS, true);
            for (Open open : flows) {
                // 8 MiB of window each: 512 MiB in all.
                open.conn.flow.config().setWriteBufferHighWaterMark(1 << 20);
                open.conn.write(new byte[256 << 10]);
                wire.sent.clear();
            }
            long most = BUDGET + FLOWS * 1460L;
            assertThat(wire.count(Counter.SEND_QUEUED)).isLessThanOrEqualTo(most);
            // None was left out.
            for (Open open : flows) {
                assertThat(open.conn.flow.connection().sender.inFlight()).isGreaterThanOrEqualTo(1448);
            }
            // Whoever acknowledges gets the rest, whatever the others do.
            Open open = flows.get(FLOWS - 1);
            wire.peerPort = open.port;
            for (int turn = 0;
                    turn < 400 && open.conn.flow.connection().sender.max != open.conn.iss + 1 + (256 << 10);
                    turn++) {
                wire.send(Tcp.ACK, Wire.PEER_ISN + 1, open.conn.flow.connection().sender.max, "");
                wire.sent.clear();
            }
            assertThat(open.conn.flow.connection().sender.max).isEqualTo(open.conn.iss + 1 + (256 << 10));
            wire.advance(5, TimeUnit.SECONDS);
            wire.sent.clear();
        }
    }
}
