package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.address;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.udp;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.IpCounter;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetSocketAddress;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FragmentationTest {
    /** What one stack cuts, another makes whole: the datagrams go out of the first and, turned round, into the second. */
    @Test
    void whatIsCutIsMadeWholeAtAnyMtu() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int run = 0; run < 60; run++) {
            boolean ipv4 = random.nextBoolean();
            String client = ipv4 ? CLIENT4 : CLIENT6;
            String host = ipv4 ? HOST4 : HOST6;
            int mtu = 1280 + random.nextInt(8000);
            int length = random.nextInt(ipv4 ? 65_508 : 65_528);
            String where = "seed=" + seed + " run=" + run + " mtu=" + mtu + " length=" + length;
            try (StackFixture from = new StackFixture(StackConfig.builder().mtu(mtu));
                    StackFixture to = new StackFixture()) {
                from.in(udp(client, host, 40000, 5000, bytes(1)));
                from.udpFlows
                        .get(0)
                        .writeAndFlush(new DatagramPacket(
                                Unpooled.wrappedBuffer(bytes(length)),
                                new InetSocketAddress("0.0.0.0", 0),
                                new InetSocketAddress(address(host), 5000)));
                byte[] packet;
                int packets = 0;
                while ((packet = from.poll()) != null) {
                    assertThat(packet.length).as(where).isLessThanOrEqualTo(mtu);
                    // No flags: the receiver verifies every checksum.
                    to.in(packet);
                    packets++;
                }
                assertThat(to.stack.stats().dropped()).as(where).isZero();
                DatagramPacket whole = to.next();
                assertThat(whole.recipient()).as(where).isEqualTo(new InetSocketAddress(address(client), 40000));
                assertThat(ByteBufUtil.getBytes(whole.content())).as(where).isEqualTo(bytes(length));
                whole.release();
                assertThat(from.count(IpCounter.FRAGMENTS_OUT)).as(where).isEqualTo(packets == 1 ? 0 : packets);
            }
        }
    }
}
