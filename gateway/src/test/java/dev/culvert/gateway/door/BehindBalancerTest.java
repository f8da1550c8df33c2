package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.limit.Counters;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The header of a balancer in front: from whom it is read, what it says, and what becomes of a wrong one. */
@NullUnmarked
final class BehindBalancerTest {
    private static final String V2 = "0d0a0d0a000d0a515549540a";

    /** 192.0.2.7:4711 to 198.51.100.1:443. */
    private static final String V2_TCP4 = "c0000207c63364011267" + "01bb";

    private final Counters counters = new Counters();
    private final Strangers strangers = new Strangers(System::nanoTime, false);
    private final Arrivals arrivals =
            new Arrivals(new ProxiesInFront(List.of(IpPrefix.parse("10.0.0.0/24")), List.of()), strangers, counters);
    private final StringBuilder told = new StringBuilder();
    private Visitor known;
    private EmbeddedChannel channel;

    private void connect(String from) {
        channel = new EmbeddedChannel() {
            @Override
            protected SocketAddress remoteAddress0() {
                return new InetSocketAddress(from, 5000);
            }

            @Override
            protected SocketAddress localAddress0() {
                return new InetSocketAddress("10.0.0.1", 443);
            }
        };
        channel.freezeTime();
        channel.config().setAutoRead(false);
        arrivals.whenKnown(channel, () -> {
            known = Visitor.of(channel);
            channel.pipeline().addLast(new ChannelInboundHandlerAdapter() {
                @Override
                public void channelActive(ChannelHandlerContext ctx) {
                    told.append("active ");
                }

                @Override
                public void channelRead(ChannelHandlerContext ctx, Object msg) {
                    told.append(((ByteBuf) msg).toString(StandardCharsets.US_ASCII));
                    ((ByteBuf) msg).release();
                }
            });
        });
    }

    @AfterEach
    void allIsGivenBack() {
        channel.finishAndReleaseAll();
        assertThat(strangers.count()).isZero();
    }

    /** Nothing of it may be kept. */
    private void send(byte[] bytes) {
        ByteBuf sent = Unpooled.directBuffer().writeBytes(bytes);
        channel.writeInbound(sent);
        if (known != null || !channel.isOpen()) {
            assertThat(sent.refCnt()).isZero();
        }
    }

    private void send(String text) {
        send(text.getBytes(StandardCharsets.US_ASCII));
    }

    private void sendHex(String hex) {
        send(ByteBufUtil.decodeHexDump(hex));
    }

    @ParameterizedTest
    @CsvSource({
        "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443, 192.0.2.7:4711, 198.51.100.1:443",
        "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443, 2001:db8::7:4711, 2001:db8::1:443",
        "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 4711 443, 192.0.2.7:4711, 2001:db8::1:443",
        "PROXY UNKNOWN, 10.0.0.9:5000, 10.0.0.1:443",
        "PROXY UNKNOWN ffff::1 ffff::1 65535 65535, 10.0.0.9:5000, 10.0.0.1:443",
    })
    void versionOneSaysWhoseItIs(String line, String from, String to) {
        connect("10.0.0.9");
        assertThat(known).isNull();
        send(line + "\r\nhello");
        assertThat(shown(known.from())).isEqualTo(from);
        assertThat(shown(known.to())).isEqualTo(to);
        assertThat(told).hasToString("active hello");
        assertThat(strangers.count()).isZero();
        send(", world");
        assertThat(told).hasToString("active hello, world");
    }

    private static String shown(InetSocketAddress a) {
        return io.netty.util.NetUtil.toAddressString(a.getAddress()) + ":" + a.getPort();
    }

    @ParameterizedTest
    @CsvSource({
        "21 11 000c " + V2_TCP4 + ", 192.0.2.7:4711",
        // with TLVs that nobody knows, and SSL within SSL within SSL
        "21 11 0013 " + V2_TCP4 + " e0 0004 01020304, 192.0.2.7:4711",
        "21 11 0027 " + V2_TCP4
                + " 20 0018 07 00000000 20 0010 07 00000000 20 0008 07 00000000 e1 0000, 192.0.2.7:4711",
        "21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000001 1267 01bb, 2001:db8::7:4711",
        // LOCAL: a health check; addresses are none
        "20 00 0000, 10.0.0.9:5000",
        "20 11 000c " + V2_TCP4 + ", 10.0.0.9:5000",
        // UNSPEC; UDP; a Unix socket would be of another family yet
        "21 00 0000, 10.0.0.9:5000",
        "21 12 000c " + V2_TCP4 + ", 10.0.0.9:5000",
    })
    void versionTwoSaysWhoseItIs(String header, String from) {
        connect("10.0.0.9");
        sendHex(V2 + header.replace(" ", "") + "6869");
        assertThat(shown(known.from())).isEqualTo(from);
        assertThat(told).hasToString("active hi");
    }

    @Test
    void itMayComeInPieces() {
        connect("10.0.0.9");
        byte[] all = ByteBufUtil.decodeHexDump(V2 + "2111000c" + V2_TCP4);
        for (byte b : all) {
            assertThat(known).isNull();
            send(new byte[] {b});
        }
        assertThat(shown(known.from())).isEqualTo("192.0.2.7:4711");
        send("x");
        assertThat(told).hasToString("active x");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                "SSH-2.0-x\r\n",
                "PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
                "PROXY TCP4 192.0.2.7 2001:db8::1 4711 443\r\n",
                "PROXY TCP4 192.0.2.777 198.51.100.1 4711 443\r\n",
                "PROXY TCP4 192.0.2.7 198.51.100.1 4711 65536\r\n",
                "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n",
                "PROXY UDP4 192.0.2.7 198.51.100.1 4711 443\r\n",
                "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 "
                        + "                                                                            \r\n",
            })
    void whatIsNoHeaderIsClosedAndCounted(String text) {
        connect("10.0.0.9");
        send(text + "and more");
        assertThat(channel.isOpen()).isFalse();
        assertThat(known).isNull();
        assertThat(counters.badProxyHeaders.sum()).isOne();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "31 11 000c " + V2_TCP4, // version 3
                "22 11 000c " + V2_TCP4, // no command
                "21 11 000b c0000207c6336401126701", // too short for its family
                "21 11 0fff ", // longer than any balancer's
                "21 11 0010 " + V2_TCP4 + " e0 0004 01", // a TLV beyond the end
            })
    void nothingWrongOfVersionTwoEither(String header) {
        connect("10.0.0.9");
        sendHex(V2 + header.replace(" ", "") + "00".repeat(2 * BehindBalancer.MAX_MORE));
        assertThat(channel.isOpen()).isFalse();
        assertThat(known).isNull();
        assertThat(counters.badProxyHeaders.sum()).isOne();
    }

    @Test
    void whoSaysNothingForLongIsClosedAndCounted() {
        connect("10.0.0.9");
        send("PROXY TCP4 192");
        channel.advanceTimeBy(BehindBalancer.DEADLINE.toMillis() - 1, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
        assertThat(channel.isOpen()).isTrue();
        assertThat(strangers.count()).isOne();
        channel.advanceTimeBy(1, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
        assertThat(channel.isOpen()).isFalse();
        assertThat(counters.badProxyHeaders.sum()).isOne();
    }

    /** A balancer that only looks whether we are there. */
    @Test
    void whoGoesWithoutAWordIsNotCounted() {
        connect("10.0.0.9");
        channel.close();
        assertThat(counters.badProxyHeaders.sum()).isZero();
    }

    @Test
    void fromOthersItIsNeverRead() {
        connect("10.0.1.9");
        assertThat(shown(known.from())).isEqualTo("10.0.1.9:5000");
        send("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n");
        assertThat(told.toString()).endsWith("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n");
        assertThat(shown(Visitor.of(channel).from())).isEqualTo("10.0.1.9:5000");
    }
}
