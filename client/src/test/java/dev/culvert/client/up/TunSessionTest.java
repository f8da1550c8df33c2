package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.client.names.AnswerFilter;
import dev.culvert.client.names.NameService;
import dev.culvert.client.names.WantedDomains;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.VirtioNetHeader;
import dev.culvert.token.Route;
import dev.culvert.tun.Platform;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunOffloads;
import dev.culvert.tun.host.HostConfig;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tunnel.fixture.FakeGateway;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A client that is up, on a machine in memory, in frozen time. */
@NullUnmarked
final class TunSessionTest {
    @TempDir
    Path directory;

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel tun = EmbeddedChannel.builder().ticker(ticker).build();
    private final EmbeddedChannel hostThread =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final FakeGateway gateway = new FakeGateway(ticker);
    private final List<String> said = new ArrayList<>();
    private final Machine machine = new Machine();
    private UndoJournal journal;
    private HostRoutes host;
    private Uplink uplink;
    private TunSession session;

    private static final class Device implements TunDevice {
        @Override
        public String name() {
            return Machine.TUN;
        }

        @Override
        public int mtu() {
            return 1500;
        }

        @Override
        public TunOffloads offloads() {
            throw new AssertionError("the channel's to ask");
        }

        @Override
        public TunChannel newChannel() {
            throw new AssertionError("there is one");
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }

    @BeforeEach
    void open() throws Exception {
        machine.defaultRoute("10.0.0.1");
        journal = Platform.openJournal(directory.resolve("state").resolve("undo.journal"));
        host = new HostRoutes(
                machine,
                journal,
                HostConfig.of(Machine.TUN, 1500, 500, List.of()),
                said::add,
                hostThread.eventLoop(),
                ticker::nanoTime);
        host.configure();
    }

    private void start(boolean full, boolean allowLeak) throws Exception {
        start(new RouteTable.Wanted(List.of(), false, full), allowLeak);
    }

    private void start(RouteTable.Wanted wanted, boolean allowLeak) throws Exception {
        boolean full = wanted.full();
        uplink = new Uplink(
                tun.eventLoop(),
                List.of(gateway),
                LinkSettings.DEFAULT,
                ClientBench.ANYWHERE,
                wanted,
                ClientSession.first(),
                said::add);
        RouterAddresses router =
                RouterAddresses.of(InetAddress.getByName("100.127.255.1"), InetAddress.getByName("fd63::1"));
        NameService names = new NameService(
                new NameService.ServiceAddresses(router.ipv4(), router.ipv6()),
                new WantedDomains(List.of(), List.of(), false),
                uplink,
                AnswerFilter.NONE,
                said::add);
        session = new TunSession(new Device(), tun, uplink, host, router, names, full, allowLeak, said::add);
        session.start();
        settle();
    }

    private RawPeer up() throws Exception {
        start(false, false);
        return accept();
    }

    private RawPeer accept() {
        RawPeer link = gateway.accept();
        settle();
        return link;
    }

    @AfterEach
    void close() throws Exception {
        journal.close();
        gateway.close();
        hostThread.finishAndReleaseAll();
        tun.finishAndReleaseAll();
    }

    private void settle() {
        for (int i = 0; i < 4; i++) {
            tun.runPendingTasks();
            tun.runScheduledPendingTasks();
            gateway.settle();
            hostThread.runPendingTasks();
            hostThread.runScheduledPendingTasks();
        }
    }

    private void pass(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        settle();
    }

    private void announce(RawPeer link, String... routes) {
        link.sendFrame(
                Frame.ANNOUNCE,
                0,
                0,
                Announcement.encode(new Announcement.Reachable(
                        "laptop", List.of(new Announcement.ReachableAgent("office", 1, List.of(routes))))));
        settle();
    }

    private void packet(byte[] ip) {
        ByteBuf b = Unpooled.directBuffer(VirtioNetHeader.LENGTH + ip.length);
        b.writeByte(VirtioNetHeader.DATA_VALID).writeZero(VirtioNetHeader.LENGTH - 1);
        tun.writeInbound(b.writeBytes(ip));
        settle();
    }

    private List<Packet> takePackets() {
        List<Packet> packets = new ArrayList<>();
        for (ByteBuf b = tun.readOutbound(); b != null; b = tun.readOutbound()) {
            byte[] ip = new byte[b.skipBytes(VirtioNetHeader.LENGTH).readableBytes()];
            b.readBytes(ip);
            b.release();
            packets.add(new Packet(ip));
        }
        return packets;
    }

    /** A connection of an application's, which the agent has made. */
    private void connect(RawPeer link) {
        packet(Packet.tcp(false, 40_000, 7, Tcp.SYN, 1_000, 0, ""));
        List<WebSocketMessage> frames = link.takeFrames();
        WebSocketMessage open = frames.get(frames.size() - 1);
        assertThat(open.type()).isEqualTo(Frame.OPEN);
        link.sendFrame(Frame.OPENED, 0, open.flowId(), ClientBench.opened(65_536));
        settle();
        Packet answer = takePackets().get(0);
        packet(Packet.tcp(false, 40_000, 7, Tcp.ACK, 1_001, answer.sequence() + 1, ""));
        assertThat(session.status().tcp()).isEqualTo(1);
    }

    @Test
    void whatIsAnnouncedIsRoutedIntoTheTunnelAndTold() throws Exception {
        RawPeer link = up();
        announce(link, Packet.NETWORK4, Packet.NETWORK6);
        assertThat(machine.tunnelled()).containsExactlyInAnyOrder(Packet.NETWORK4, Packet.NETWORK6);
        assertThat(said).endsWith("routes: " + Packet.NETWORK4 + " via office, " + Packet.NETWORK6 + " via office");
        pass(1_000);
        announce(link);
        pass(1_000);
        assertThat(machine.tunnelled()).isEmpty();
        assertThat(said).endsWith("no routes");
    }

    /** The first address of the wider network is one that the map shows. */
    @Test
    void aWiderRouteIsToldBesideAMapThatBeginsWhereItDoes() throws Exception {
        Route map = Route.parse("10.77.0.0/24=office:192.168.1.0/24");
        start(new RouteTable.Wanted(List.of(Route.parse("10.77.0.0/16=office"), map), true, false), false);
        RawPeer link = accept();
        announce(link, "10.77.0.0/16", "192.168.1.0/24");
        assertThat(said).endsWith("routes: 10.77.0.0/16 via office, 10.77.0.0/24 via office (there 192.168.1.0/24)");
        assertThat(session.report().routes())
                .containsOnly(
                        Map.entry(IpPrefix.parse("10.77.0.0/16"), new RouteTable.Way("office", null)),
                        Map.entry(map.prefix(), new RouteTable.Way("office", map.map())));
    }

    @Test
    void aLineNamesSomeRoutesAndSaysHowManyMore() throws Exception {
        RawPeer link = up();
        String[] many = new String[20];
        for (int i = 0; i < many.length; i++) {
            many[i] = "10." + (100 + i) + ".0.0/16";
        }
        announce(link, many);
        assertThat(said)
                .last()
                .asString()
                .startsWith("routes: 10.100.0.0/16 via office, ")
                .contains("10.115.0.0/16 via office and 4 more")
                .doesNotContain("10.116");
    }

    @Test
    void routesStayWhileTheLinkIsAway() throws Exception {
        RawPeer link = up();
        announce(link, Packet.NETWORK4);
        link.channel.close();
        settle();
        pass(5_000);
        assertThat(machine.tunnelled()).containsExactly(Packet.NETWORK4);
        assertThat(session.status().link().linked()).isFalse();
    }

    /** Everything goes through the tunnel, but for the way to the gateway, made before that is dialled. */
    @Test
    void aGatewayIsKeptOutOfTheTunnelBeforeItIsDialled() throws Exception {
        start(true, true);
        assertThat(gateway.ways.get(0).toCompletableFuture()).isCompleted();
        RawPeer link = accept();
        announce(link, "0.0.0.0/0");
        pass(1_000);
        assertThat(machine.tunnelled()).isNotEmpty();
        assertThat(machine.outside()).contains("192.0.2.1/32");
    }

    @Test
    void aFamilyThatNoAgentTakesIsUnreachableAndToldOnce() throws Exception {
        start(true, false);
        RawPeer link = accept();
        announce(link, "0.0.0.0/0");
        pass(1_000);
        assertThat(machine.outside()).anyMatch(route -> route.startsWith("no ") && route.contains("::"));
        announce(link, "0.0.0.0/0", Packet.NETWORK6);
        pass(1_000);
        assertThat(said.stream().filter(line -> line.startsWith("--full: no agent takes IPv6")))
                .hasSize(1)
                .allMatch(line -> line.contains("is unreachable"));
    }

    @Test
    void anotherWayOutMakesTheLinkShowThatItLives() throws Exception {
        RawPeer link = up();
        link.take();
        machine.defaultRoute("10.0.0.2");
        host.hostChanged();
        settle();
        pass(50);
        assertThat(link.take()).anyMatch(m -> m.opcode() == 2 && m.type() == Frame.PING);
        pass(1_500);
        assertThat(said).last().asString().startsWith("link lost: ");
    }

    @Test
    void anInterfaceThatSomebodyDeletedEndsTheSession() throws Exception {
        up();
        machine.gone = true;
        host.hostChanged();
        settle();
        pass(50);
        assertThat(session.failed()).isCompleted();
        assertThat(session.failed().join()).hasMessageContaining("the interface is gone: somebody deleted");
    }

    @Test
    void aDeviceThatGoesEndsTheSession() throws Exception {
        up();
        tun.close();
        settle();
        assertThat(session.failed().join()).hasMessage("the interface t0 is gone");
    }

    @Test
    void aTokenThatIsRefusedEndsTheSession() throws Exception {
        start(false, false);
        LinkRefusedException why = new LinkRefusedException(403, true, "your token was revoked");
        gateway.fail(why);
        settle();
        assertThat(session.failed()).isCompletedWithValue(why);
    }

    @Test
    void figuresAreThoseOfTheMoment() throws Exception {
        RawPeer link = up();
        announce(link, Packet.NETWORK4);
        connect(link);
        packet(Packet.udp(false, 50_000, 7, 9_000, 64, "x"));
        packet(Packet.echo(false, 7, 1, 1, 64, "x"));
        packet(Packet.tcp(false, 40_001, 7, Tcp.SYN, 1, 0, ""));
        List<WebSocketMessage> frames = link.takeFrames();
        link.sendFrame(Frame.REFUSED, 0, frames.get(frames.size() - 1).flowId(), (byte) 1);
        settle();
        TunSession.Status status = session.status();
        assertThat(status.tcp()).isEqualTo(1);
        assertThat(status.udp()).isEqualTo(1);
        assertThat(status.echo()).isEqualTo(1);
        assertThat(status.refused()).isEqualTo(1);
        assertThat(status.link().agents()).containsEntry("office", 1);
    }

    /** traceroute's first hop is the stack itself. */
    @Test
    void theStackAnswersInItsOwnNameWhereAHopLimitEnds() throws Exception {
        announce(up(), Packet.NETWORK4);
        packet(Packet.udp(false, 50_000, 7, 33_434, 1, "x"));
        Packet error = takePackets().get(0);
        assertThat(error.icmp()).isEqualTo("11/0");
        assertThat(error.from()).as("the other host of the /30").isEqualTo(2);
    }

    /** The application hears of it before the interface goes: its connection is reset, and does not hang. */
    @Test
    void goingDownResetsWhatRunsAndThenTakesTheInterfaceAway() throws Exception {
        RawPeer link = up();
        announce(link, Packet.NETWORK4);
        connect(link);
        ChannelFuture down = session.end();
        settle();
        assertThat(link.takeClose().closeText()).isEqualTo("the client went down");
        assertThat(down.isDone()).as("while flows run").isFalse();
        link.channel.close();
        settle();
        List<Packet> packets = takePackets();
        assertThat(packets).hasSize(1);
        assertThat(packets.get(0).flags() & Tcp.RST).isNotZero();
        pass(2);
        pass(2);
        assertThat(down.isDone()).isTrue();
        assertThat(said).noneMatch(line -> line.startsWith("link lost"));
    }

    @Test
    void aGatewayThatDoesNotAnswerKeepsNobodyUp() throws Exception {
        RawPeer link = up();
        announce(link, Packet.NETWORK4);
        connect(link);
        link.gate.shut();
        ChannelFuture down = session.end();
        settle();
        pass(TunSession.FLOWS_END.toMillis() - 10);
        assertThat(down.isDone()).isFalse();
        pass(20);
        pass(2);
        assertThat(down.isDone()).isTrue();
    }

    @Test
    void goingDownWithoutALinkTakesAMoment() throws Exception {
        start(false, false);
        ChannelFuture down = session.end();
        settle();
        pass(2);
        assertThat(down.isDone()).isTrue();
        assertThat(said).isEmpty();
    }
}
