package dev.culvert.tun.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tun.NetNamespace;
import dev.culvert.tun.Platform;
import dev.culvert.tun.libc.LibC;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A TUN channel on a real interface, in a namespace of its own. */
@Tag("netns")
final class TunChannelNetnsTest {
    @TempDir
    Path directory;

    private NetNamespace ns;
    private EventLoopGroup group;

    @BeforeEach
    void open() throws Exception {
        ns = new NetNamespace();
        group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    }

    @AfterEach
    void close() throws Exception {
        group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
        ns.close();
    }

    private TunChannel device(TunConfig config) throws Exception {
        TunDevice device = ns.call(() -> Platform.openTun(config));
        ns.exec("ip", "addr", "add", "10.9.0.1/24", "dev", device.name());
        ns.exec("ip", "-6", "addr", "add", "fd09::1/64", "dev", device.name(), "nodad");
        ns.exec("ip", "link", "set", device.name(), "up");
        return device.newChannel();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void answersPing(boolean offload) throws Exception {
        TunChannel channel = device(TunConfig.named("cvt%d").withOffload(offload));
        channel.pipeline().addLast(new EchoResponder());
        group.register(channel).sync();
        assertThat(channel.isActive()).isTrue();

        assertThat(ns.exec("ping", "-c", "50", "-i", "0.005", "-W", "10", "10.9.0.2"))
                .contains(" 0% packet loss");
        assertThat(ns.exec("ping", "-c", "5", "-i", "0.01", "-s", "40000", "-W", "10", "10.9.0.2"))
                .contains(" 0% packet loss");

        assertThat(channel.stats().packetsOut()).isGreaterThanOrEqualTo(55);
        channel.close().sync();
        assertThat(channel.isOpen()).isFalse();
        assertThat(ns.exec("ip", "-br", "link")).doesNotContain("cvt");
    }

    @ParameterizedTest
    @CsvSource({"true,10.9.0.2", "false,10.9.0.2", "true,fd09::2", "false,fd09::2"})
    void exchangesSuperPacketsWithTheKernelsTcp(boolean offload, String host) throws Exception {
        byte[] down = Packets.bytes(40_000, new Random(1));
        byte[] up = Packets.bytes(200_000, new Random(2));
        TunChannel channel = device(TunConfig.named("cvt%d").withOffload(offload));
        TinyTcpServer server = new TinyTcpServer(down, up.length);
        channel.pipeline().addLast(server);
        group.register(channel).sync();

        byte[] got = ns.call(() -> {
            try (Socket socket = new Socket()) {
                socket.connect(new InetSocketAddress(InetAddress.getByName(host), 80), 5_000);
                socket.setSoTimeout(60_000);
                socket.getOutputStream().write(up);
                return socket.getInputStream().readNBytes(down.length);
            }
        });
        assertThat(got).isEqualTo(down);
        assertThat(server.complete.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(server.received.toByteArray()).isEqualTo(up);
        TunStats stats = channel.stats();
        if (offload) {
            assertThat(server.largest).isGreaterThan(10_000);
            assertThat(server.gsoType & ~VirtioNetHeader.GSO_ECN)
                    .isEqualTo(host.contains(":") ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4);
            assertThat(server.gsoSize).isBetween(1_000, 1_460);
            assertThat(stats.superPacketsIn()).isPositive();
            assertThat(stats.superPacketsOut()).isEqualTo(1);
            assertThat(stats.softwareOut()).isZero();
        } else {
            assertThat(server.largest).isLessThan(1_500);
            assertThat(stats.superPacketsIn()).isZero();
            assertThat(stats.softwareOut()).isPositive();
        }
        assertThat(stats.gsoFallbacks()).isZero();
        assertThat(stats.refusedOut() + stats.malformedOut()).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void carriesUdpBothWays(boolean offload) throws Exception {
        TunChannel channel = device(TunConfig.named("cvt%d").withOffload(offload));
        channel.pipeline().addLast(new UdpEcho());
        group.register(channel).sync();
        byte[] sent = Packets.bytes(1_200, new Random(3));
        byte[] got = ns.call(() -> {
            try (DatagramSocket socket = new DatagramSocket()) {
                socket.setSoTimeout(60_000);
                socket.connect(InetAddress.getByName("10.9.0.2"), 7);
                socket.send(new DatagramPacket(sent, sent.length));
                DatagramPacket packet = new DatagramPacket(new byte[2_000], 2_000);
                socket.receive(packet);
                return Arrays.copyOf(packet.getData(), packet.getLength());
            }
        });
        assertThat(got).isEqualTo(sent);
    }

    @Test
    void countsWhatAnInterfaceThatIsDownRefuses() throws Exception {
        TunChannel channel = device(TunConfig.named("cvt%d"));
        group.register(channel).sync();
        ns.exec("ip", "link", "set", channel.device().name(), "down");
        channel.writeAndFlush(Packets.udp(false, 100, 1400, new Random(4))).sync();
        channel.writeAndFlush(Packets.tcp(false, 5000, 1400, 16, 1, new Random(4)))
                .sync();
        assertThat(channel.stats().linkDownOut()).isEqualTo(2);
        ns.exec("ip", "link", "set", channel.device().name(), "up");
        channel.writeAndFlush(Packets.tcp(false, 5000, 1400, 16, 1, new Random(4)))
                .sync();
        assertThat(channel.stats().superPacketsOut()).isEqualTo(1);
        assertThat(channel.stats().gsoFallbacks()).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void closesWhenTheInterfaceIsDeleted(boolean autoRead) throws Exception {
        TunChannel channel = device(TunConfig.named("cvt%d"));
        channel.config().setAutoRead(autoRead);
        PacketCollector collector = PacketCollector.on(group, channel);
        ns.exec("ip", "link", "del", channel.device().name());
        if (!autoRead) {
            channel.read();
        }
        assertThat(channel.closeFuture().await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(collector.failures.poll(60, TimeUnit.SECONDS)).hasMessageContaining("was the interface deleted?");
    }

    @Test
    void setsNameMtuAndQueueAndFreesThemOnClose() throws Exception {
        TunConfig config = TunConfig.named("cvt7").withMtu(1380).withTxQueueLength(321);
        try (TunDevice device = ns.call(() -> Platform.openTun(config))) {
            assertThat(device.name()).isEqualTo("cvt7");
            assertThat(device.mtu()).isEqualTo(1380);
            assertThat(device.offloads().vnetHeader()).isTrue();
            assertThat(device.offloads().tso4()).isTrue();
            assertThat(ns.exec("ip", "link", "show", "cvt7")).contains("mtu 1380", "qlen 321");
            assertThatThrownBy(() -> ns.call(() -> Platform.openTun(config)))
                    .isInstanceOf(TunException.class)
                    .hasMessageContaining("create tun cvt7")
                    .hasMessageContaining("another process has it open")
                    .hasMessageNotContaining("\n");
        }
        assertThat(ns.exec("ip", "-br", "link")).doesNotContain("cvt7");
        assertThatThrownBy(() -> ns.call(() -> Platform.openTun(TunConfig.named("lo"))))
                .isInstanceOf(TunException.class)
                .hasMessageContaining("choose another name");
    }

    @Test
    void attachesToPersistentDevicesOfEitherKind() throws Exception {
        ns.exec("ip", "tuntap", "add", "dev", "cvp0", "mode", "tun");
        ns.exec("ip", "tuntap", "add", "dev", "cvp1", "mode", "tun", "multi_queue");
        ns.exec("ip", "tuntap", "add", "dev", "cvp2", "mode", "tun", "vnet_hdr");
        for (String name : new String[] {"cvp0", "cvp1", "cvp2"}) {
            try (TunDevice device = ns.call(() -> Platform.openTun(TunConfig.named(name)))) {
                assertThat(device.offloads().vnetHeader()).as(name).isTrue();
            }
            try (TunDevice device =
                    ns.call(() -> Platform.openTun(TunConfig.named(name).withOffload(false)))) {
                assertThat(device.offloads()).as(name).isEqualTo(TunOffloads.NONE);
            }
            assertThat(ns.exec("ip", "-br", "link")).contains(name);
        }
    }

    @Test
    void adoptsAnOpenDescriptor() throws Exception {
        UnixTunDevice first = (UnixTunDevice) ns.call(() -> Platform.openTun(TunConfig.named("cvt%d")));
        try (TunDevice second = ns.call(() -> Platform.openTun(
                TunConfig.named("any").withExistingFd(first.fd().intValue())))) {
            assertThat(second.name()).isEqualTo(first.name());
            assertThat(second.offloads()).isEqualTo(first.offloads());
        }
        int notATun = LibC.get().open("/dev/null", LibC.O_RDWR | LibC.O_CLOEXEC);
        assertThatThrownBy(() -> Platform.openTun(TunConfig.named("any").withExistingFd(notATun)))
                .hasMessageContaining("use fd " + notATun + " as a tun");
    }

    /** A process of user 65534 without any capability; its /dev/net/tun is a node that it may open. */
    private String asNobody(String main, String... arguments) throws Exception {
        StringBuilder java = new StringBuilder();
        Path classes = Files.createDirectories(directory.resolve("classes"));
        StringBuilder classPath = new StringBuilder();
        int n = 0;
        for (String entry : System.getProperty("java.class.path").split(":")) {
            // What nobody may not reach under root's home is reached by a bind mount.
            Path place = classes.resolve(n++ + (entry.endsWith(".jar") ? ".jar" : ""));
            if (Files.isDirectory(Path.of(entry))) {
                Files.createDirectory(place);
            } else {
                Files.createFile(place);
            }
            java.append("mount --bind ").append(entry).append(' ').append(place).append(" && ");
            classPath.append(classPath.length() == 0 ? "" : ":").append(place);
        }
        Path node = directory.resolve("tun");
        String script = "mknod " + node + " c 10 200 && chmod 666 " + node + " && mount --bind " + node
                + " /dev/net/tun && chmod -R a+rX " + directory + " && " + java
                + "exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "
                + Path.of(System.getProperty("java.home"), "bin", "java")
                + " -Djava.io.tmpdir=/tmp -Djna.tmpdir=/tmp -cp "
                + classPath + " " + main + " " + String.join(" ", arguments);
        return ns.exec("sh", "-c", script);
    }

    @Test
    void needsNoPrivilegeForADeviceMadeForTheUser() throws Exception {
        ns.exec("ip", "tuntap", "add", "dev", "cvp0", "mode", "tun", "user", "65534");
        ns.exec("ip", "link", "set", "cvp0", "mtu", "1444");
        assertThat(asNobody(UnprivilegedOpen.class.getName(), "cvp0", "cvt%d"))
                .contains("opened cvp0 mtu 1444 vnet true tso4 true")
                .contains("refused cvt%d: create tun cvt%d: Operation not permitted")
                .contains("ip tuntap add dev cvt0 mode tun user")
                .contains("ping refused: open an ICMP echo socket: ")
                .contains("net.ipv4.ping_group_range is \"1 0\"")
                .contains("sysctl -w net.ipv4.ping_group_range=");
    }

    /** Turns a request around as it is, which leaves the IP checksum right. Fragments pass through alike. */
    private static final class EchoResponder extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf m = (ByteBuf) msg;
            int ip = VirtioNetHeader.LENGTH;
            if (m.getUnsignedByte(ip) != 0x45 || m.getUnsignedByte(ip + 9) != 1) {
                m.release();
                return;
            }
            int source = m.getInt(ip + 12);
            m.setInt(ip + 12, m.getInt(ip + 16));
            m.setInt(ip + 16, source);
            if ((m.getUnsignedShort(ip + 6) & 0x1fff) == 0) {
                m.setByte(ip + 20, 0);
                int checksum = m.getUnsignedShort(ip + 22) + 0x0800;
                m.setShort(ip + 22, (checksum & 0xffff) + (checksum >>> 16));
            }
            ctx.write(m);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.flush();
        }
    }

    private static final class UdpEcho extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf m = (ByteBuf) msg;
            int ip = VirtioNetHeader.LENGTH;
            if (m.getUnsignedByte(ip) != 0x45 || m.getUnsignedByte(ip + 9) != 17) {
                m.release();
                return;
            }
            // Swapped, all sums stay what they were.
            int address = m.getInt(ip + 12);
            m.setInt(ip + 12, m.getInt(ip + 16)).setInt(ip + 16, address);
            int port = m.getUnsignedShort(ip + 20);
            m.setShort(ip + 20, m.getUnsignedShort(ip + 22)).setShort(ip + 22, port);
            ctx.writeAndFlush(m);
        }
    }
}
