package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Hostile segments: nothing is thrown, nothing leaks, and the endpoint serves others afterwards. */
class TcpFuzzTest {
    @FuzzTest
    void bytesAsSegment(FuzzedDataProvider data) {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
            while (data.remainingBytes() > 0) {
                byte[] bytes = data.consumeBytes(data.consumeInt(0, 120));
                ByteBuf p = wire.alloc().directBuffer();
                Ipv4.write(p, 0, 20 + bytes.length, 7, Ipv4.DONT_FRAGMENT, 64, 6, Wire.PEER, Wire.SERVER);
                p.writeBytes(bytes);
                if (bytes.length >= 4) {
                    // Ports of the live connection; the rest as the fuzzer wants it.
                    p.setShort(20, wire.peerPort).setShort(22, wire.serverPort);
                    wire.receive(p);
                }
                p.release();
                wire.endBatch();
            }
            assertThat(c.flow.connection().sender.inFlight()).isGreaterThanOrEqualTo(0);
        }
    }

    @FuzzTest
    void segmentsNearTheWindow(FuzzedDataProvider data) {
        try (Wire wire = new Wire()) {
            drive(wire, data::consumeInt, () -> data.remainingBytes() > 0);
        }
    }

    /** The same without a fuzzer: a few thousand seeded conversations in the normal run. */
    @Test
    void randomSegmentsIntoALiveConnection() {
        for (long seed = 0; seed < 400; seed++) {
            Random random = new Random(seed);
            int[] steps = {40};
            try (Wire wire = new Wire()) {
                wire.peerTimestamps = random.nextBoolean();
                drive(wire, (low, high) -> low + random.nextInt(high - low + 1), () -> steps[0]-- > 0);
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("seed=" + seed, e);
            }
        }
    }

    private interface Choice {
        int between(int low, int high);
    }

    private interface More {
        boolean more();
    }

    /** Segments whose numbers lie around the edges, and an application that does anything at any time. */
    private static void drive(Wire wire, Choice choice, More more) {
        Wire.App app = new Wire.App();
        Wire.Conn c = wire.connect(app, "mss=1460", "sackok", "ws=2");
        while (more.more()) {
            switch (choice.between(0, 12)) {
                case 0 -> c.flow.config().setAutoRead(choice.between(0, 1) == 0);
                case 1 -> c.flow.read();
                case 2 -> c.flow.writeAndFlush(wire.alloc().directBuffer().writeZero(choice.between(0, 9000)));
                case 3 -> {
                    if (choice.between(0, 9) == 0) {
                        c.flow.shutdownOutput();
                    }
                }
                case 4 -> {
                    if (choice.between(0, 19) == 0) {
                        c.flow.close();
                    }
                }
                case 5 -> wire.advance(choice.between(1, 900), TimeUnit.MILLISECONDS);
                default -> segment(wire, c, choice);
            }
            wire.channel.runPendingTasks();
        }
        for (TcpRequest request : wire.requests) {
            request.refuse(Refusal.CONNECTION_REFUSED);
        }
        // Another connection is not impressed.
        wire.endBatch();
        wire.peerPort++;
        wire.sent.clear();
        wire.connect();
    }

    private static void segment(Wire wire, Wire.Conn c, Choice choice) {
        TcpConnection connection = c.flow.connection();
        int seq = (choice.between(0, 3) == 0 ? connection.receiver.edge : connection.receiver.next)
                + (choice.between(0, 2) == 0 ? 0 : choice.between(-2000, 2000));
        int ack = (choice.between(0, 1) == 0 ? connection.sender.una : connection.sender.max)
                + (choice.between(0, 2) == 0 ? 0 : choice.between(-3000, 3000));
        int flags = choice.between(0, 3) == 0 ? choice.between(0, 255) : Tcp.ACK;
        wire.peerWindow = choice.between(0, 3) == 0 ? choice.between(0, 65_535) : 8000;
        byte[] payload = new byte[choice.between(0, 1) == 0 ? 0 : choice.between(0, 3000)];
        int left = connection.sender.una + choice.between(-100, 9000);
        wire.queue(
                flags,
                seq,
                ack,
                payload,
                "sack=" + Integer.toUnsignedString(left) + "-"
                        + Integer.toUnsignedString(left + choice.between(-10, 5000)));
        if (choice.between(0, 2) != 0) {
            wire.endBatch();
        }
    }
}
