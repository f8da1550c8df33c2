package dev.culvert.client.up;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.client.names.AnswerFilter;
import dev.culvert.client.names.Domain;
import dev.culvert.client.names.NameService;
import dev.culvert.client.names.WantedDomains;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.stack.IpStack;
import dev.culvert.stack.StackConfig;
import dev.culvert.stack.wire.VirtioNetHeader;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.fixture.FakeGateway;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelOption;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * A client without a kernel and without a gateway: stack, splices and uplink as they run, the test on both sides of them, time
 * at a stand.
 */
@NullUnmarked
final class ClientBench implements AutoCloseable {
    /** Of a client that may go anywhere. */
    static final TokenGrants ANYWHERE =
            TokenGrants.of(List.of(Grant.parse("*:0.0.0.0/0"), Grant.parse("*:[::/0]")), SensitiveAddresses.standard());

    final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    final MockTicker ticker = Ticker.newMockTicker();
    final FakeGateway gateway = new FakeGateway(ticker, allocator);
    final List<String> said = new ArrayList<>();
    final FlowCounts counts = new FlowCounts();
    final EmbeddedChannel tun = EmbeddedChannel.builder().ticker(ticker).build();
    final IpStack stack;
    final Uplink uplink;
    final NameService names;

    /** The link of the moment, or the last, as the gateway has it. */
    RawPeer link;

    /** The link is up, and an agent serves these networks. */
    ClientBench(String... routes) {
        this(RouteTable.Wanted.ALL, routes);
    }

    ClientBench(RouteTable.Wanted wanted, String... routes) {
        tun.config().setOption(ChannelOption.ALLOCATOR, allocator);
        uplink = new Uplink(
                tun.eventLoop(),
                List.of(gateway),
                LinkSettings.DEFAULT,
                ANYWHERE,
                wanted,
                ClientSession.first(),
                said::add);
        names = new NameService(
                new NameService.ServiceAddresses(
                        IpPrefix.parse("100.127.255.53").network(),
                        IpPrefix.parse("fd63:756c:7665:7274::53").network()),
                new WantedDomains(List.of(Domain.parse("corp.example=office")), List.of(), false),
                uplink,
                AnswerFilter.NONE,
                said::add);
        stack = new IpStack(StackConfig.builder().secret(1, 2).build(), new Splices(uplink, counts, names));
        tun.pipeline().addLast(stack);
        uplink.start(table -> names.announced());
        settle();
        link = gateway.accept();
        announce(routes);
        takeFrames();
    }

    void announce(String... routes) {
        frame(
                Frame.ANNOUNCE,
                0,
                0,
                Announcement.encode(new Announcement.Reachable(
                        "laptop", List.of(new Announcement.ReachableAgent("office", 1, List.of(routes), List.of())))));
    }

    /** The link ends, and another takes its place. */
    void reconnect() {
        disconnect();
        int dials = gateway.dials.size();
        if (gateway.dials.get(dials - 1).isDone()) {
            uplink.networkChanged(); // rather than wait for a time that is a matter of chance
            settle();
            while (gateway.dials.size() == dials) {
                advance(100);
            }
        }
        link = gateway.accept();
        settle();
    }

    /** The link ends, and all flows have. */
    void disconnect() {
        link.channel.close();
        do {
            settle();
        } while (uplink.flowCount() > 0);
        takeFrames();
    }

    /** A frame from the gateway. */
    void frame(int type, int flags, int id, byte... payload) {
        link.sendFrame(type, flags, id, payload);
        settle();
    }

    /** A packet from the kernel, whose checksums need not be right. */
    void packet(byte[] ip) {
        packet(VirtioNetHeader.DATA_VALID, 0, ip);
    }

    void packet(int flags, int gsoType, byte[] ip) {
        ByteBuf b = allocator.directBuffer(VirtioNetHeader.LENGTH + ip.length);
        b.writeByte(flags)
                .writeByte(gsoType)
                .writeZero(VirtioNetHeader.LENGTH - 2)
                .writeBytes(ip);
        tun.writeInbound(b);
        settle();
    }

    /** Runs what is due until nothing is. */
    void settle() {
        for (int i = 0; i < 4; i++) {
            tun.runPendingTasks();
            tun.runScheduledPendingTasks();
            gateway.settle(); // the ends of many flows are shared out over turns
        }
    }

    void advance(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        settle();
    }

    /** The same, with a gateway that is heard of now and then. */
    void advanceLinked(long millis) {
        for (long left = millis; left > 0; left -= 5_000) {
            advance(Math.min(left, 5_000));
            frame(Frame.PONG, 0, 0, new byte[8]);
        }
    }

    /** The next packet for the kernel, without its device header; null if there is none. */
    byte[] takePacket() {
        ByteBuf b = tun.readOutbound();
        if (b == null) {
            return null;
        }
        byte[] ip = new byte[b.skipBytes(VirtioNetHeader.LENGTH).readableBytes()];
        b.readBytes(ip);
        b.release();
        return ip;
    }

    /** All packets for the kernel that have not been taken. */
    List<Packet> takePackets() {
        List<Packet> packets = new ArrayList<>();
        for (byte[] ip = takePacket(); ip != null; ip = takePacket()) {
            packets.add(new Packet(ip));
        }
        return packets;
    }

    /** The one packet for the kernel that there must be. */
    Packet onePacket() {
        List<Packet> packets = takePackets();
        if (packets.size() != 1) {
            throw new AssertionError("expected one packet, there are " + packets);
        }
        return packets.get(0);
    }

    /** What the client has sent to the gateway since it was asked last, but PINGs. */
    List<WebSocketMessage> takeFrames() {
        return link.takeFrames();
    }

    /** The one frame that there must be, of this type. */
    WebSocketMessage oneFrame(int type) {
        List<WebSocketMessage> frames = takeFrames();
        if (frames.size() != 1 || frames.get(0).type() != type) {
            throw new AssertionError("expected one frame of type " + type + ", there are " + types(frames));
        }
        return frames.get(0);
    }

    static List<Integer> types(List<WebSocketMessage> frames) {
        return frames.stream().map(WebSocketMessage::type).toList();
    }

    /** What OPENED says. */
    static byte[] opened(int credit) {
        return Unpooled.buffer(8).writeInt(credit).writeInt(1_000).array();
    }

    @Override
    public void close() {
        uplink.stop("the test is over");
        disconnect();
        gateway.close();
        tun.close();
        tun.runPendingTasks();
        tun.finishAndReleaseAll();
        tun.checkException();
    }
}
