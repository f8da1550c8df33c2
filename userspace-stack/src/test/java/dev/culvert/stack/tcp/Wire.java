package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.IpPacket;
import dev.culvert.stack.ip.IpParser;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A test bench: "send this segment, expect that one". An endpoint over a packet output that keeps what is sent, on an
 * embedded channel whose time stands still, and a peer whose segments are written by hand.
 */
final class Wire implements PacketOutput, TcpListener, AutoCloseable {
    static final int PEER_ISN = 1000;
    static final int PEER = 0x0a000001;
    static final int SERVER = 0xc0a80102;

    /** Of this bench only, so that at its end nothing may be left. */
    final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);

    final EmbeddedChannel channel = new EmbeddedChannel();
    final TcpEndpoint endpoint;
    private final IpPacket parsed = new IpPacket();
    final Deque<Sent> sent = new ArrayDeque<>();
    final List<TcpRequest> requests = new ArrayList<>();
    final List<Refusal> icmp = new ArrayList<>();
    final List<String> icmpQuotes = new ArrayList<>();
    boolean ipv6;
    int flushes;

    @Nullable
    RuntimeException listenerFailure;
    /** Takes what is sent instead of {@link #sent}. */
    @Nullable
    Consumer<Sent> tap;

    /** Peer's state as its hand-written segments need it. */
    int peerNext = PEER_ISN;

    int peerWindow = 65_535;
    int peerPort = 40_000;
    int serverPort = 80;
    int lastIss;
    boolean peerTimestamps;
    int peerClock = 5_000;
    int echo;
    String synOptions = "mss=1460";

    Wire() {
        this(TcpConfig.builder());
    }

    Wire(TcpConfig.Builder config) {
        channel.freezeTime();
        endpoint = new TcpEndpoint(config.secret(1, 2).build(), this, this);
        endpoint.activate(channel);
    }

    // ---- PacketOutput and TcpListener ----

    @Override
    public ByteBufAllocator alloc() {
        return allocator;
    }

    @Override
    public void write(ByteBuf packet) {
        Sent segment = new Sent(packet);
        packet.release();
        if (tap != null) {
            tap.accept(segment);
        } else {
            sent.add(segment);
        }
        if (segment.timestamps) {
            echo = segment.timestampValue;
        }
    }

    @Override
    public void scheduleFlush() {
        flushes++;
    }

    @Override
    public void icmpError(ByteBuf original, Refusal reason) {
        icmp.add(reason);
        icmpQuotes.add(ByteBufUtil.hexDump(original));
    }

    @Override
    public void onTcp(TcpRequest request) {
        if (listenerFailure != null) {
            throw listenerFailure;
        }
        requests.add(request);
    }

    // ---- The peer ----

    /** A segment from the peer, processed as a batch of its own. */
    void send(int flags, int seq, int ack, String payload, String... options) {
        queue(flags, seq, ack, payload, options);
        endBatch();
    }

    /** A segment from the peer within a batch. */
    void queue(int flags, int seq, int ack, String payload, String... options) {
        queue(flags, seq, ack, payload.getBytes(StandardCharsets.ISO_8859_1), options);
    }

    void queue(int flags, int seq, int ack, byte[] payload, String... options) {
        ByteBuf packet = packet(flags, seq, ack, payload, options);
        receive(packet);
        packet.release();
    }

    ByteBuf packet(int flags, int seq, int ack, byte[] payload, String... options) {
        ByteBuf opt = alloc().buffer();
        for (String o : options) {
            writeOption(opt, o);
        }
        if (peerTimestamps && (flags & Tcp.RST) == 0) {
            opt.writeByte(1)
                    .writeByte(1)
                    .writeByte(8)
                    .writeByte(10)
                    .writeInt(peerClock)
                    .writeInt(echo);
        }
        while (opt.readableBytes() % 4 != 0) {
            opt.writeByte(0);
        }
        int header = 20 + opt.readableBytes();
        int length = header + payload.length;
        ByteBuf p = alloc().directBuffer();
        if (ipv6) {
            Ipv6.write(p, 0, 0, length, 6, 64, 0xfd00L << 48, 1, 0x2001_0db8L << 32, 2);
        } else {
            Ipv4.write(p, 0, 20 + length, 7, Ipv4.DONT_FRAGMENT, 64, 6, PEER, SERVER);
        }
        Tcp.write(p, peerPort, serverPort, seq, ack, header, flags, peerWindow, 0);
        p.writeBytes(opt).writeBytes(payload);
        opt.release();
        return p;
    }

    private static void writeOption(ByteBuf out, String option) {
        String[] kv = option.split("=");
        switch (kv[0]) {
            case "mss" -> out.writeByte(2).writeByte(4).writeShort(Integer.parseInt(kv[1]));
            case "ws" -> out.writeByte(1).writeByte(3).writeByte(3).writeByte(Integer.parseInt(kv[1]));
            case "sackok" -> out.writeByte(1).writeByte(1).writeByte(4).writeByte(2);
            case "sack" -> {
                String[] blocks = kv[1].split(",");
                out.writeByte(1).writeByte(1).writeByte(5).writeByte(2 + 8 * blocks.length);
                for (String b : blocks) {
                    String[] lr = b.split("-");
                    out.writeInt(Integer.parseUnsignedInt(lr[0])).writeInt(Integer.parseUnsignedInt(lr[1]));
                }
            }
            case "hex" -> out.writeBytes(ByteBufUtil.decodeHexDump(kv[1]));
            default -> throw new IllegalArgumentException(option);
        }
    }

    void receive(ByteBuf packet) {
        assertThat(IpParser.parse(packet, packet.readerIndex(), packet.readableBytes(), parsed))
                .isNull();
        endpoint.receive(packet, parsed);
    }

    void endBatch() {
        endpoint.batchComplete();
        channel.runPendingTasks();
    }

    void advance(long time, TimeUnit unit) {
        // In steps: what one timer arms has to be able to fire in the same stretch.
        long left = unit.toMillis(time);
        while (left > 0) {
            long step = Math.min(left, 10);
            channel.advanceTimeBy(step, TimeUnit.MILLISECONDS);
            peerClock += (int) step;
            channel.runPendingTasks();
            channel.runScheduledPendingTasks();
            left -= step;
        }
    }

    /** A long time, in large steps: for keep-alive. */
    void advanceFar(long time, TimeUnit unit) {
        channel.advanceTimeBy(unit.toMillis(time), TimeUnit.MILLISECONDS);
        channel.runPendingTasks();
        channel.runScheduledPendingTasks();
    }

    /** Handshake up to the request. */
    TcpRequest syn(String... options) {
        int before = requests.size();
        send(Tcp.SYN, PEER_ISN, 0, "", options.length == 0 ? synOptions.split(" ") : options);
        assertThat(requests).hasSize(before + 1);
        peerNext = PEER_ISN + 1;
        return requests.get(before);
    }

    /** The whole handshake. */
    Conn connect(String... options) {
        return connect(new App(), options);
    }

    Conn connect(App app, String... options) {
        TcpRequest request = syn(options);
        TcpFlow flow = request.accept(app);
        Sent synAck = expect("SA");
        assertThat(synAck.ack).isEqualTo(peerNext);
        lastIss = synAck.seq;
        send(Tcp.ACK, peerNext, synAck.seq + 1, "");
        assertThat(flow.isActive()).isTrue();
        assertThat(app.active).isEqualTo(1);
        return new Conn(flow, app, synAck);
    }

    // ---- Expectations ----

    Sent expect(String flags) {
        Sent s = sent.poll();
        assertThat(s).as("a segment with flags " + flags).isNotNull();
        assertThat(s.flagString()).isEqualTo(flags);
        return s;
    }

    void expectNothing() {
        assertThat(sent).isEmpty();
    }

    long count(TcpCounters.Counter counter) {
        return endpoint.counters().get(counter);
    }

    void expectEmpty() {
        assertThat(count(TcpCounters.Counter.OPEN)).as("open").isZero();
        assertThat(count(TcpCounters.Counter.PENDING)).as("pending").isZero();
        assertThat(count(TcpCounters.Counter.RECEIVE_QUEUED)).as("queued").isZero();
        assertThat(count(TcpCounters.Counter.SEND_QUEUED)).as("to be sent").isZero();
    }

    @Override
    public void close() {
        endpoint.close();
        channel.runPendingTasks();
        expectEmpty();
        assertThat(count(TcpCounters.Counter.TIME_WAIT)).as("time-wait").isZero();
        channel.finishAndReleaseAll();
        channel.checkException();
        assertThat(allocator.metric().usedDirectMemory())
                .as("direct memory left")
                .isZero();
        assertThat(allocator.metric().usedHeapMemory()).as("heap memory left").isZero();
        assertThat(endpoint.timers.size()).as("timers left").isZero();
    }

    /** A connection after its handshake, with shorthands relative to it. */
    final class Conn {
        final TcpFlow flow;
        final App app;
        final Sent synAck;
        final int iss;

        Conn(TcpFlow flow, App app, Sent synAck) {
            this.flow = flow;
            this.app = app;
            this.synAck = synAck;
            this.iss = synAck.seq;
        }

        /** In-order data from the peer, acknowledging {@code acked} bytes of ours. */
        void data(String payload, int acked) {
            send(Tcp.ACK | Tcp.PSH, peerNext, iss + 1 + acked, payload);
            peerNext += payload.length();
        }

        void ack(int acked, String... options) {
            send(Tcp.ACK, peerNext, iss + 1 + acked, "", options);
        }

        void fin(int acked) {
            send(Tcp.ACK | Tcp.FIN, peerNext, iss + 1 + acked, "");
            peerNext++;
        }

        void write(String text) {
            write(text.getBytes(StandardCharsets.ISO_8859_1));
        }

        void write(byte[] bytes) {
            ByteBuf b = alloc().directBuffer(Math.max(1, bytes.length)).writeBytes(bytes);
            flow.writeAndFlush(b);
            channel.runPendingTasks();
        }

        /** Sequence number relative to our first byte. */
        int rel(int seq) {
            return seq - iss - 1;
        }

        TcpConnection.State state() {
            return flow.connection().state();
        }
    }

    /** An application that records what happens to it. */
    static final class App extends ChannelInboundHandlerAdapter {
        final StringBuilder read = new StringBuilder();
        final List<String> events = new ArrayList<>();
        int active;
        int reads;

        @Nullable
        Consumer<ChannelHandlerContext> onActive;

        @Nullable
        Consumer<ChannelHandlerContext> onRead;

        boolean autoRead = true;

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            ctx.channel().config().setAutoRead(autoRead);
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            active++;
            events.add("active");
            if (onActive != null) {
                onActive.accept(ctx);
            }
            ctx.fireChannelActive();
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf b = (ByteBuf) msg;
            read.append(b.toString(StandardCharsets.ISO_8859_1));
            reads++;
            b.release();
            if (onRead != null) {
                onRead.accept(ctx);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            events.add("readComplete");
            ctx.fireChannelReadComplete();
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object evt) {
            if (evt == ChannelInputShutdownEvent.INSTANCE) {
                events.add("inputShutdown");
            } else if (evt == ChannelInputShutdownReadComplete.INSTANCE) {
                events.add("inputShutdownComplete");
            } else {
                events.add(evt.getClass().getSimpleName());
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            events.add("exception: " + cause.getMessage());
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            events.add("inactive");
        }
    }

    /** A packet of ours, taken apart; its checksums are verified as a device would complete them. */
    static final class Sent {
        final byte[] ip;
        final boolean ipv6;
        final int gsoType;
        final int gsoSize;
        final int hdrLen;
        final int seq;
        final int ack;
        final int flags;
        final int window;
        final byte[] payload;
        int mss;
        int windowScale = -1;
        boolean sackPermitted;
        boolean timestamps;
        int timestampValue;
        int timestampEcho;
        final List<int[]> sack = new ArrayList<>();

        Sent(ByteBuf packet) {
            assertThat(VirtioNetHeader.flags(packet, 0)).isEqualTo(VirtioNetHeader.NEEDS_CSUM);
            gsoType = VirtioNetHeader.gsoType(packet, 0);
            gsoSize = VirtioNetHeader.gsoSize(packet, 0);
            hdrLen = VirtioNetHeader.hdrLen(packet, 0);
            ByteBuf b = packet.slice(10, packet.readableBytes() - 10);
            ipv6 = Ipv4.version(b, 0) == 6;
            int header = ipv6 ? 40 : 20;
            int length = b.readableBytes() - header;
            if (ipv6) {
                assertThat(Ipv6.payloadLength(b, 0)).isEqualTo(length);
            } else {
                assertThat(Ipv4.totalLength(b, 0)).isEqualTo(b.readableBytes());
                assertThat(Ipv4.isChecksumValid(b, 0)).isTrue();
            }
            assertThat(b.readableBytes()).isLessThanOrEqualTo(65_535);
            assertThat(VirtioNetHeader.csumStart(packet, 0)).isEqualTo(header);
            assertThat(VirtioNetHeader.csumOffset(packet, 0)).isEqualTo(16);
            long pseudo =
                    ipv6 ? Checksum.pseudoHeaderOfIpv6(b, 0, 6, length) : Checksum.pseudoHeaderOfIpv4(b, 0, 6, length);
            assertThat(Tcp.checksum(b, header)).isEqualTo(Checksum.fold(pseudo));
            ip = ByteBufUtil.getBytes(b);
            int sum = Checksum.finish(Checksum.sum(b, header, length));
            ip[header + 16] = (byte) (sum >> 8);
            ip[header + 17] = (byte) sum;
            Segment s = new Segment();
            assertThat(s.parse(b, header, length)).isTrue();
            seq = s.sequence;
            ack = s.acknowledgment;
            flags = s.flags;
            window = s.window;
            payload = ByteBufUtil.getBytes(b, s.payload, s.payloadLength);
            mss = s.mss;
            windowScale = s.windowScale;
            sackPermitted = s.sackPermitted;
            timestamps = s.timestamps;
            timestampValue = s.timestampValue;
            timestampEcho = s.timestampEcho;
            for (int i = 0; i < s.sackBlocks; i++) {
                sack.add(new int[] {s.sackLeft[i], s.sackRight[i]});
            }
            if (gsoType == VirtioNetHeader.GSO_NONE) {
                assertThat(gsoSize).isZero();
            } else {
                assertThat(gsoType).isEqualTo(ipv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4);
                assertThat(payload.length).isGreaterThan(gsoSize);
                assertThat(hdrLen).isEqualTo(s.payload);
            }
        }

        String text() {
            return new String(payload, StandardCharsets.ISO_8859_1);
        }

        String flagString() {
            StringBuilder b = new StringBuilder();
            String names = "FSRPAUEC";
            for (int i : new int[] {1, 0, 2, 3, 4, 5, 6, 7}) {
                if ((flags & 1 << i) != 0) {
                    b.append(names.charAt(i));
                }
            }
            return b.toString();
        }

        @Override
        public String toString() {
            return flagString() + " seq=" + Integer.toUnsignedString(seq) + " ack=" + Integer.toUnsignedString(ack)
                    + " win=" + window + " len=" + payload.length;
        }
    }
}
