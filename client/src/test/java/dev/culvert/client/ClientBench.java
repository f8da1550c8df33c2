package dev.culvert.client;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.stack.EchoFlow;
import dev.culvert.stack.IpStack;
import dev.culvert.stack.StackConfig;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.stack.wire.VirtioNetHeader;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.FlowListener;
import dev.culvert.tunnel.FlowMultiplexer;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.Link;
import dev.culvert.tunnel.LinkSettings;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelOption;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * A client without a kernel and without a gateway: stack, splices and link as they run, the test on both sides of them, time
 * at a stand.
 */
@NullUnmarked
final class ClientBench implements AutoCloseable {
    /** What the client has sent. */
    record Sent(int type, int flags, int id, int length) {}

    final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    final MockTicker ticker = Ticker.newMockTicker();
    final LinkView view = new LinkView();
    final FlowCounts counts = new FlowCounts();
    final IpStack stack;
    final EmbeddedChannel tun;
    EmbeddedChannel link;
    FlowMultiplexer mux;

    ClientBench(List<String> routes) {
        stack = new IpStack(StackConfig.builder().secret(1, 2).build(), new Flows());
        tun = channel();
        tun.pipeline().addLast(stack);
        view.routes(routes(routes));
        mux = new FlowMultiplexer(new Events());
        link = connect();
    }

    static RouteTable routes(List<String> prefixes) {
        return routes(new Announcement.Reachable(
                "laptop", List.of(new Announcement.ReachableAgent("office", 1, prefixes, List.of()))));
    }

    private static RouteTable routes(Announcement.Reachable reachable) {
        TokenGrants all = TokenGrants.of(List.of(Grant.parse("*:0.0.0.0/0")), SensitiveAddresses.standard());
        return RouteTable.of(Announced.of(reachable), all, RouteTable.Wanted.ALL);
    }

    private EmbeddedChannel channel() {
        EmbeddedChannel channel = EmbeddedChannel.builder().ticker(ticker).build();
        channel.config().setOption(ChannelOption.ALLOCATOR, allocator);
        return channel;
    }

    private EmbeddedChannel connect() {
        EmbeddedChannel channel = channel();
        channel.pipeline().addLast(new Link(Link.Role.WEBSOCKET_CLIENT, true, LinkSettings.DEFAULT, mux));
        return channel;
    }

    /** The link ends, and another takes its place. */
    void reconnect() {
        disconnect();
        mux = new FlowMultiplexer(new Events());
        link = connect();
    }

    void disconnect() {
        link.close();
        do {
            settle();
        } while (mux.flowCount() > 0);
        link.finishAndReleaseAll();
        link.checkException();
    }

    /** As in ClientSession. */
    private final class Flows implements dev.culvert.stack.StackListener {
        private final TcpSplice tcp = new TcpSplice(view, counts);

        @Override
        public void onTcp(TcpRequest request) {
            tcp.onTcp(request, ticker.nanoTime());
        }

        @Override
        public void onUdp(UdpFlow flow) {
            flow.pipeline().addLast(new UdpSplice(flow, view, counts));
        }

        @Override
        public void onEcho(EchoFlow flow) {
            flow.pipeline().addLast(new EchoSplice(flow, view, counts));
        }
    }

    private final class Events implements FlowListener {
        @Override
        public void linkUp(FlowMultiplexer up) {
            view.up(up);
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.PROHIBITED, "a client answers no flows");
        }

        @Override
        public void onAnnounce(FlowMultiplexer from, ByteBuf payload) throws ProtocolException {
            view.routes(routes(Announcement.decode(payload, Announcement.Reachable.class)));
        }

        @Override
        public void linkDown(FlowMultiplexer down, String why) {
            view.down(ticker.nanoTime());
        }
    }

    /** A frame from the gateway: one binary message, not masked. */
    void frame(int type, int flags, int id, byte[] payload) {
        if (!link.isOpen()) {
            return;
        }
        int length = Frame.HEADER_LENGTH + payload.length;
        ByteBuf b = allocator.directBuffer(Math.max(2048, 10 + length));
        b.writeByte(0x82);
        if (length < 126) {
            b.writeByte(length);
        } else if (length < 65_536) {
            b.writeByte(126).writeShort(length);
        } else {
            b.writeByte(127).writeLong(length);
        }
        b.writeByte(type).writeByte(flags).writeShort(0).writeInt(id).writeBytes(payload);
        link.writeInbound(b);
        settle();
    }

    /** A packet from the kernel. */
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
            link.runPendingTasks();
            link.runScheduledPendingTasks(); // the ends of many flows are shared out over turns
        }
    }

    void advance(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        tun.runScheduledPendingTasks();
        link.runScheduledPendingTasks();
        settle();
    }

    /** The next packet for the kernel, without its device header. */
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

    /** What the client has sent to the gateway since it was asked last. */
    List<Sent> takeFrames() {
        ByteBuf all = allocator.heapBuffer();
        for (ByteBuf b = link.readOutbound(); b != null; b = link.readOutbound()) {
            all.writeBytes(b);
            b.release();
        }
        List<Sent> sent = new ArrayList<>();
        while (all.isReadable()) {
            int opcode = all.readUnsignedByte() & 0x0f;
            int length = all.readUnsignedByte() & 0x7f;
            length = length < 126 ? length : length == 126 ? all.readUnsignedShort() : (int) all.readLong();
            all.skipBytes(4);
            ByteBuf message = all.readSlice(length);
            if (opcode == 2) {
                int type = message.readUnsignedByte();
                int flags = message.readUnsignedByte();
                sent.add(new Sent(type, flags, message.skipBytes(2).readInt(), message.readableBytes()));
            }
        }
        all.release();
        return sent;
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        disconnect();
        tun.close();
        tun.runPendingTasks();
        tun.finishAndReleaseAll();
        tun.checkException();
    }
}
