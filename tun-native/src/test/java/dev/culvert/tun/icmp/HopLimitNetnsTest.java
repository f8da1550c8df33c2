package dev.culvert.tun.icmp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.NetNamespace;
import dev.culvert.tun.Platform;
import dev.culvert.tun.device.PacketCollector;
import dev.culvert.tun.device.Packets;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Datagrams with hop limits of their own, as they leave a kernel, and the errors that routers answer them with. */
@Tag("netns")
final class HopLimitNetnsTest {
    private NetNamespace ns;
    private EventLoopGroup group;
    private TunChannel tun;
    private PacketCollector packets;

    @BeforeEach
    void open() throws Exception {
        ns = new NetNamespace();
        group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        TunDevice device = ns.call(() -> Platform.openTun(TunConfig.named("cvt%d")));
        ns.exec("ip", "addr", "add", "10.9.0.1/24", "dev", device.name());
        ns.exec("ip", "-6", "addr", "add", "fd09::1/64", "dev", device.name(), "nodad");
        ns.exec("ip", "link", "set", device.name(), "up");
        tun = device.newChannel();
        packets = PacketCollector.on(group, tun);
    }

    @AfterEach
    void close() throws Exception {
        group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
        ns.close();
    }

    /** A UDP socket for both families, as agents have, or a ping socket: an unprivileged one or the raw one in its place. */
    private EpollDatagramChannel socket(String kind, boolean ipv6) throws Exception {
        ns.exec(
                "sh",
                "-c",
                "echo '" + (kind.equals("raw") ? "1 0" : "0 2147483647") + "' > /proc/sys/net/ipv4/ping_group_range");
        EpollDatagramChannel channel =
                ns.call(() -> kind.equals("udp") ? new EpollDatagramChannel() : PingSockets.open(ipv6));
        assertThat(channel.pipeline().get(RawPingHandler.class) != null).isEqualTo(kind.equals("raw"));
        channel.pipeline().addLast(new ChannelInboundHandlerAdapter());
        group.register(channel).sync();
        if (kind.equals("udp")) {
            channel.bind(new InetSocketAddress(0)).sync();
        }
        return channel;
    }

    private static ByteBuf datagram(String kind, boolean ipv6, int sequence) {
        ByteBuf b = Unpooled.directBuffer();
        if (!kind.equals("udp")) {
            b.writeByte(ipv6 ? 128 : 8).writeByte(0).writeInt(0).writeShort(sequence);
        }
        return b.writeLong(0x0123456789abcd00L + sequence);
    }

    private <T> T onLoop(EpollDatagramChannel channel, Callable<T> task) throws Exception {
        return channel.eventLoop().submit(task).get(60, TimeUnit.SECONDS);
    }

    /** The socket's next packet, without the device's header. */
    private byte[] sent(boolean ipv6, InetAddress to) throws Exception {
        byte[] address = to.getAddress();
        byte[] message = packets.next(m -> {
            int destination = VirtioNetHeader.LENGTH + (ipv6 ? 24 : 16);
            return m[VirtioNetHeader.LENGTH] >> 4 == (ipv6 ? 6 : 4)
                    && java.util.Arrays.equals(
                            java.util.Arrays.copyOfRange(m, destination, destination + address.length), address);
        });
        return java.util.Arrays.copyOfRange(message, VirtioNetHeader.LENGTH, message.length);
    }

    private static int hopLimit(byte[] packet) {
        return packet[packet[0] >> 4 == 6 ? 7 : 8] & 0xff;
    }

    @ParameterizedTest
    @CsvSource({"udp,10.9.0.2", "udp,fd09::2", "ping,10.9.0.2", "ping,fd09::2", "raw,10.9.0.2", "raw,fd09::2"})
    void eachDatagramGoesWithItsOwnHopLimit(String kind, String host) throws Exception {
        InetSocketAddress to = new InetSocketAddress(InetAddress.getByName(host), kind.equals("udp") ? 33434 : 0);
        boolean ipv6 = host.contains(":");
        EpollDatagramChannel channel = socket(kind, ipv6);
        DatagramSender sender = new DatagramSender();
        List<Integer> limits = new ArrayList<>();
        for (int hopLimit : new int[] {1, 0, 7, 0, 255, 2, 0}) {
            ByteBuf datagram = datagram(kind, ipv6, hopLimit);
            if (hopLimit == 0) {
                channel.writeAndFlush(new DatagramPacket(datagram, to)).sync();
            } else {
                assertThat(onLoop(channel, () -> sender.send(channel, datagram, to, hopLimit)))
                        .isTrue();
                datagram.release();
            }
            byte[] packet = sent(ipv6, to.getAddress());
            limits.add(hopLimit(packet));
            assertThat(packet[packet.length - 1]).isEqualTo((byte) hopLimit);
        }
        assertThat(limits).containsExactly(1, 64, 7, 64, 255, 2, 64);
        channel.close().sync();
    }

    /** Type, code and MTU, the router, and the beginning of what was sent, all from the error that a router makes. */
    @ParameterizedTest
    @CsvSource({
        "udp,10.9.0.2,11,0,0",
        "udp,fd09::2,3,0,0",
        "udp,10.9.0.2,3,4,1400",
        "udp,fd09::2,2,0,1400",
        "udp,10.9.0.2,3,13,0",
        "udp,fd09::2,1,1,0",
        "ping,10.9.0.2,11,0,0",
        "ping,fd09::2,3,0,0",
        "raw,10.9.0.2,11,0,0",
        "raw,fd09::2,3,0,0",
    })
    void whatARouterAnswersIsKnownInFull(String kind, String host, int type, int code, int mtu) throws Exception {
        boolean ipv6 = host.contains(":");
        InetSocketAddress to = new InetSocketAddress(InetAddress.getByName(host), kind.equals("udp") ? 33434 : 0);
        EpollDatagramChannel channel = socket(kind, ipv6);
        assertThat(IcmpErrorQueue.enable(channel, ipv6)).isTrue();
        ByteBuf datagram = datagram(kind, ipv6, 5);
        assertThat(onLoop(channel, () -> new DatagramSender().send(channel, datagram, to, 3)))
                .isTrue();
        datagram.release();
        tun.writeAndFlush(error(sent(ipv6, to.getAddress()), type, code, mtu)).sync();

        IcmpErrorQueue queue = new IcmpErrorQueue();
        List<String> heard = new ArrayList<>();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (heard.isEmpty() && System.nanoTime() - end < 0) {
            onLoop(
                    channel,
                    () -> queue.drain(channel, (destination, error, quoted) -> {
                        int sequence = PingSockets.quotedSequence(channel, quoted);
                        String offender = error.offender() == null
                                ? "?"
                                : error.offender().getHostAddress();
                        heard.add(destination + " " + error.ipv6() + " " + error.type() + "/" + error.code() + " "
                                + error.mtu() + " " + offender + " "
                                + (kind.equals("udp") ? quoted.getByte(quoted.writerIndex() - 1) : sequence));
                    }));
        }
        String router = ipv6 ? "fd09:0:0:0:0:0:0:63" : "10.9.0.99";
        assertThat(heard).containsExactly(to + " " + ipv6 + " " + type + "/" + code + " " + mtu + " " + router + " 5");
        channel.close().sync();
    }

    /** An ICMP error of router 99 (0x63) about a packet of ours, as the device takes it. */
    private static ByteBuf error(byte[] about, int type, int code, int mtu) {
        boolean ipv6 = about[0] >> 4 == 6;
        ByteBuf m = Unpooled.directBuffer().writeZero(VirtioNetHeader.LENGTH);
        int length = 8 + about.length;
        if (ipv6) {
            m.writeInt(0x60000000).writeShort(length).writeByte(58).writeByte(64);
            m.writeLong(0xfd09000000000000L).writeLong(0x63);
            m.writeLong(0xfd09000000000000L).writeLong(1);
        } else {
            m.writeShort(0x4500)
                    .writeShort(20 + length)
                    .writeInt(0)
                    .writeByte(64)
                    .writeByte(1)
                    .writeShort(0);
            m.writeInt(0x0a090063).writeInt(0x0a090001);
            m.setShort(VirtioNetHeader.LENGTH + 10, ~Packets.sum(m, VirtioNetHeader.LENGTH, 20) & 0xffff);
        }
        int icmp = m.writerIndex();
        m.writeByte(type).writeByte(code).writeShort(0).writeInt(mtu).writeBytes(about);
        int sum = Packets.sum(m, icmp, length)
                + (ipv6 ? Packets.sum(m, VirtioNetHeader.LENGTH + 8, 32) + length + 58 : 0);
        sum = (sum & 0xffff) + (sum >>> 16);
        m.setShort(icmp + 2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
        return m;
    }
}
