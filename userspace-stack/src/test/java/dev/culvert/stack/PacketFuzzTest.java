package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.fixChecksum;
import static dev.culvert.stack.fixture.Packets.withExtensions;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.ip.IpCounter;
import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Whatever comes in, nothing throws, nothing leaks, every packet is accounted for, and what is sent in answer can be parsed by
 * the stack itself.
 */
class PacketFuzzTest {
    /** One packet of any bytes, and the state that it leaves behind is dropped with the stack. */
    @FuzzTest
    void anyBytesAsOnePacket(FuzzedDataProvider data) {
        try (StackFixture f = new StackFixture()) {
            f.in(data.consumeByte(), data.consumeInt(0, 5), data.consumeInt(0, 0xffff), data.consumeRemainingAsBytes());
            check(f, "fuzz");
        }
    }

    /** A stream of packets cut from any bytes, with a good IPv4 header checksum so that the layers above are reached. */
    @FuzzTest
    void anyBytesAsManyPackets(FuzzedDataProvider data) {
        try (StackFixture f = new StackFixture()) {
            for (int i = 0; i < 64 && data.remainingBytes() > 0; i++) {
                byte[] packet = data.consumeBytes(data.consumeInt(1, 200));
                repair(packet);
                f.in(data.consumeByte(), 0, 0, packet);
            }
            check(f, "fuzz");
        }
    }

    @Test
    void mutatedGoodPackets() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        List<byte[]> good = new ArrayList<>();
        for (int version : new int[] {4, 6}) {
            String client = version == 4 ? CLIENT4 : CLIENT6;
            String host = version == 4 ? HOST4 : HOST6;
            byte[] udp = Packets.udp(client, host, 40000, 53, bytes(90));
            byte[] echo = Packets.echo(client, host, 3, 4, bytes(64));
            good.add(udp);
            good.add(echo);
            good.add(Packets.syn(client, host, 50000, 443));
            good.add(Packets.ip(client, host, 50, bytes(40)));
            byte[] error = new byte[8 + udp.length];
            error[0] = (byte) (version == 4 ? 3 : 1);
            System.arraycopy(Packets.udp(host, client, 53, 40000, bytes(90)), 0, error, 8, udp.length);
            good.add(Packets.ip(client, host, version == 4 ? 1 : 58, error));
            good.addAll(Packets.fragments(Packets.udp(client, host, 40000, 53, bytes(400)), 160, 5));
        }
        byte[] chain = {44, 0, 1, 4, 0, 0, 0, 0};
        byte[] atomic = {17, 0, 0, 0, 0, 0, 0, 9};
        good.add(withExtensions(Packets.udp(CLIENT6, HOST6, 40000, 53, bytes(9)), 60, chain, atomic));
        try (StackFixture f = new StackFixture()) {
            for (int run = 0; run < 10_000; run++) {
                byte[] packet = good.get(random.nextInt(good.size())).clone();
                int flips = random.nextInt(4);
                for (int i = 0; i < flips; i++) {
                    // Headers are hit more often than payload.
                    int at = random.nextInt(random.nextBoolean() ? packet.length : Math.min(packet.length, 64));
                    packet[at] =
                            (byte) (random.nextInt(3) == 0 ? random.nextInt() : packet[at] ^ 1 << random.nextInt(8));
                }
                if (random.nextInt(8) == 0) {
                    packet = Arrays.copyOf(packet, random.nextInt(packet.length + 20));
                }
                if (random.nextInt(10) != 0) {
                    repair(packet);
                }
                f.in(random.nextInt(4), random.nextInt(20) == 0 ? random.nextInt(6) : 0, random.nextInt(200), packet);
                if (run % 500 == 0) {
                    f.advance(random.nextInt(20), TimeUnit.SECONDS);
                    check(f, "seed=" + seed + " run=" + run);
                }
            }
            check(f, "seed=" + seed);
            assertThat(f.count(IpCounter.UDP_IN))
                    .as("seed=%d: the mutations left some packets good", seed)
                    .isGreaterThan(100);
            assertThat(f.count(IpCounter.REASSEMBLED)).as("seed=%d", seed).isGreaterThan(10);
        }
    }

    private static void repair(byte[] packet) {
        if (packet.length >= 20
                && packet[0] >>> 4 == 4
                && (packet[0] & 15) * 4 <= packet.length
                && (packet[0] & 15) > 4) {
            fixChecksum(packet);
        }
    }

    /** No exception was swallowed; all that was read is released; all that was written is well-formed. */
    private static void check(StackFixture f, String where) {
        assertThat(f.count(IpCounter.DROPPED_INTERNAL_ERROR)).as(where).isZero();
        // Datagrams of one super-packet share its count, so it is looked at when all are released.
        f.read.forEach(ReferenceCountUtil::release);
        f.read.forEach(message ->
                assertThat(ReferenceCountUtil.refCnt(message)).as(where).isZero());
        f.read.clear();
        f.channel.runPendingTasks();
        ByteBuf packet;
        while ((packet = f.channel.readOutbound()) != null) {
            try {
                int version = packet.getUnsignedByte(10) >>> 4;
                int length = version == 4 ? packet.getUnsignedShort(12) : 40 + packet.getUnsignedShort(14);
                assertThat(version).as(where).isIn(4, 6);
                assertThat(packet.readableBytes()).as(where).isEqualTo(10 + length);
            } finally {
                packet.release();
            }
        }
        f.udpFlows.removeIf(flow -> !flow.isOpen());
        f.echoFlows.removeIf(flow -> !flow.isOpen());
        assertThat(f.stack.stats().udpFlows()).as(where).isEqualTo(f.udpFlows.size());
        assertThat(f.stack.stats().echoFlows()).as(where).isEqualTo(f.echoFlows.size());
    }
}
