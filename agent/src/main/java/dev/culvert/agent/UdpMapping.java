package dev.culvert.agent;

import dev.culvert.tun.icmp.IcmpError;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.DatagramError;
import dev.culvert.tunnel.frame.HopLimitedDatagram;
import dev.culvert.tunnel.frame.PortedDatagram;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.EndpointKey;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One UDP socket and the flows that share it, each to one remote endpoint. Event loop only. */
final class UdpMapping implements ErrorTellingSocket.Owner, SocketBudget.Idle {
    /** RFC 4787 4.3: at least two minutes, five recommended. */
    static final Duration IDLE = Duration.ofMinutes(5);

    /** RFC 4787 4.3 lets well-known ports have less: a resolver asks once from each port, and gives up after seconds. */
    static final Duration IDLE_DNS = Duration.ofSeconds(20);

    /**
     * A destination that was last heard of as unreachable: long for one that tries again, short for a scan's thousands. (RFC
     * 4787 REQ-12: the error itself ends nothing.)
     */
    static final Duration IDLE_UNREACHABLE = Duration.ofSeconds(20);

    private static final int DNS = 53;

    /** How often idle flows are looked for. */
    static final Duration SWEEP = Duration.ofSeconds(10);

    /** Flows of one mapping; the longest idle one makes room. */
    static final int MAX_FLOWS = 4096;

    /** Receive buffer of each socket: 40 ms of 200 Mbit/s. */
    private static final int SOCKET_BUFFER = 1 << 20;

    /**
     * No datagram is longer, so none is cut: UDP has at most 65,507 bytes over IPv4 and 65,527 over IPv6 (RFC 768 and 8200; the
     * kernel has no jumbograms).
     */
    private static final int READ_BUFFER = 64 << 10;

    /** Heap that one flow costs: its channel, its pipeline, three table entries. */
    static final int FLOW_BYTES = 2 << 10;

    /** A smaller datagram is copied into a buffer of its size: it may wait for the link, and must not pin the whole one. */
    private static final int COPY_BELOW = 32 << 10;

    /** What a datagram costs beside its bytes: on the heap half of it, and what its allocation is rounded up to. */
    private static final int DATAGRAM_OVERHEAD = 512;

    final UdpMappings.Key key;
    final Taker taker;
    private final UdpMappings all;
    private final DatagramChannel channel;
    private final ErrorTellingSocket socket;
    private final Map<EndpointKey, Peer> peers = new HashMap<>(4);
    private final Map<EndpointKey, Peer> byHost = new HashMap<>(4);
    private final ArrayList<Peer> unflushed = new ArrayList<>(2);
    private @Nullable ScheduledFuture<?> sweep;
    private long lastUsedNanos;
    private long unsent; // bytes that wait for the kernel
    private boolean closed;

    /**
     * @param taker for whom its socket and all its flows count; of what is published it is the target that the source came for first
     * @param channel a new socket, which the mapping registers, binds and closes
     */
    UdpMapping(UdpMappings all, UdpMappings.Key key, Taker taker, DatagramChannel channel) {
        this.all = all;
        this.key = key;
        this.taker = taker;
        this.channel = channel;
        // Registered and bound at once, being on the loop; Bootstrap would bind in a later turn.
        channel.config().setOption(ChannelOption.SO_RCVBUF, SOCKET_BUFFER);
        channel.config().setOption(ChannelOption.SO_SNDBUF, SOCKET_BUFFER);
        channel.config().setRecvByteBufAllocator(new FixedRecvByteBufAllocator(READ_BUFFER).maxMessagesPerRead(64));
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(SOCKET_BUFFER / 2, SOCKET_BUFFER));
        socket = new ErrorTellingSocket(channel, all.natives, this);
        all.loop.register(channel);
        channel.bind(new InetSocketAddress(0));
        lastUsedNanos = all.loop.ticker().nanoTime();
    }

    @Override
    public long lastUsedNanos() {
        return lastUsedNanos;
    }

    @Override
    public void makeRoom() {
        for (Peer peer : peers.values().toArray(Peer[]::new)) {
            peer.end(Reason.IDLE);
        }
        close();
    }

    void add(IncomingFlow flow, InetSocketAddress remote) {
        if (!channel.isActive()) {
            flow.refuse(Reason.OVERLOADED, "the agent could not open a UDP socket");
            close();
            return;
        }
        Peer old = peers.get(EndpointKey.of(remote));
        if (old != null) {
            replace(old, Reason.CANCELLED);
        } else if (peers.size() >= MAX_FLOWS) {
            replace(longestIdle(), Reason.IDLE);
        }
        if (!all.budget.takeMemory(taker, FLOW_BYTES)) {
            flow.refuse(Reason.OVERLOADED, "too many UDP flows at the agent");
            closeIfUnused();
            return;
        }
        Peer peer = new Peer(remote);
        LinkFlow linkFlow = flow.accept(peer);
        if (linkFlow == null) {
            all.budget.giveMemory(taker, FLOW_BYTES);
            closeIfUnused();
            return;
        }
        linkFlow.leadsTo(remote.getAddress());
        peer.flow = linkFlow;
        peers.put(EndpointKey.of(remote), peer);
        Peer before = byHost.put(host(remote), peer);
        peer.next = before;
        if (before != null) {
            before.previous = peer;
        }
        if (sweep == null) {
            sweep = all.loop.scheduleWithFixedDelay(
                    this::sweep, SWEEP.toMillis(), SWEEP.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private Peer longestIdle() {
        Peer longest = null;
        for (Peer peer : peers.values()) {
            if (longest == null || peer.lastUsedNanos - longest.lastUsedNanos < 0) {
                longest = peer;
            }
        }
        if (longest == null) {
            throw new IllegalStateException("no flow on a mapping that is full");
        }
        return longest;
    }

    private void sweep() {
        long now = all.loop.ticker().nanoTime();
        for (Peer peer : peers.values().toArray(Peer[]::new)) {
            Duration idle = peer.unreachable ? IDLE_UNREACHABLE : peer.remote.getPort() == DNS ? IDLE_DNS : IDLE;
            if (now - peer.lastUsedNanos >= idle.toNanos()) {
                peer.end(Reason.IDLE);
            }
        }
    }

    /** Its channel tells of its end in a later turn, when another is in its place. */
    private void replace(Peer old, Reason why) {
        forget(old);
        old.end(why);
    }

    private void forget(Peer peer) {
        if (!peers.remove(EndpointKey.of(peer.remote), peer)) {
            return;
        }
        Peer next = peer.next;
        if (next != null) {
            next.previous = peer.previous;
        }
        if (peer.previous != null) {
            peer.previous.next = next;
        } else if (next != null) {
            byHost.put(host(peer.remote), next);
        } else {
            byHost.remove(host(peer.remote));
        }
        peer.next = null;
        peer.previous = null;
        all.budget.giveMemory(taker, FLOW_BYTES);
    }

    private static EndpointKey host(InetSocketAddress endpoint) {
        return new EndpointKey(endpoint.getAddress(), 0);
    }

    private void closeIfUnused() {
        if (peers.isEmpty()) {
            close();
        }
    }

    private void close() {
        if (!closed) {
            closed = true;
            all.forget(this);
            if (sweep != null) {
                sweep.cancel(false);
            }
            channel.close();
        }
    }

    // ---- from the LAN ----

    @Override
    public void received(DatagramPacket packet) {
        InetSocketAddress from = packet.sender();
        Peer peer = peers.get(EndpointKey.of(from));
        boolean exact = peer != null;
        if (peer == null) {
            peer = byHost.get(host(from));
        }
        if (peer == null) {
            all.dropped++;
            packet.release();
            return;
        }
        ByteBuf content = sized(packet.content());
        peer.toClient(exact ? content : new PortedDatagram(from.getPort(), content));
    }

    static ByteBuf sized(ByteBuf content) {
        int n = content.readableBytes();
        if (n >= COPY_BELOW) {
            return content;
        }
        ByteBuf copy = content.alloc().directBuffer(n).writeBytes(content);
        content.release();
        return copy;
    }

    @Override
    public void toldAll() {
        for (int i = 0; i < unflushed.size(); i++) { // index loop: a flush may end flows
            unflushed.get(i).flush();
        }
        unflushed.clear();
    }

    @Override
    public void error(InetSocketAddress destination, IcmpError error, ByteBuf quoted) {
        Peer peer = peers.get(EndpointKey.of(destination));
        int port = 0;
        if (peer == null) {
            peer = byHost.get(host(destination));
            port = destination.getPort();
        }
        if (peer == null) {
            return;
        }
        long mtu = error.mtu() & 0xffff_ffffL;
        peer.toClient(new DatagramError(port, error.type(), error.code(), mtu, error.offender(), quoted.copy()));
        peer.unreachable = DialErrors.isUnreachable(error);
    }

    @Override
    public void closed() {
        for (Peer peer : peers.values().toArray(Peer[]::new)) {
            peer.end(Reason.SHUTTING_DOWN);
        }
    }

    /** One flow of the mapping. */
    private final class Peer extends ChannelInboundHandlerAdapter {
        private final InetSocketAddress remote;
        private @Nullable LinkFlow flow;
        private long lastUsedNanos = all.loop.ticker().nanoTime();
        /** Those of the same host; the first of them is in {@link #byHost}. */
        private @Nullable Peer next;

        private @Nullable Peer previous;

        private boolean queued;
        private boolean unreachable; // what was last heard of it

        Peer(InetSocketAddress remote) {
            this.remote = remote;
        }

        private void used() {
            lastUsedNanos = all.loop.ticker().nanoTime();
            UdpMapping.this.lastUsedNanos = lastUsedNanos;
        }

        void toClient(Object datagram) {
            LinkFlow f = flow;
            if (f == null) {
                ReferenceCountUtil.release(datagram);
                return;
            }
            used();
            unreachable = false;
            if (!queued) {
                queued = true;
                unflushed.add(this);
            }
            f.write(datagram, f.voidPromise());
        }

        void flush() {
            queued = false;
            LinkFlow f = flow;
            if (f != null) {
                f.flush();
            }
        }

        void end(Reason reason) {
            LinkFlow f = flow;
            if (f != null) {
                f.closeReason(reason);
                f.close();
            }
        }

        // ---- from the client ----

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            used();
            if (msg instanceof PortedDatagram d) {
                if (d.port() == 0) {
                    d.release();
                    return;
                }
                send(d.content(), new InetSocketAddress(remote.getAddress(), d.port()), 0);
            } else if (msg instanceof HopLimitedDatagram d) {
                InetSocketAddress to = d.port() == 0 ? remote : new InetSocketAddress(remote.getAddress(), d.port());
                send(d.content(), to, d.hopLimit());
            } else if (msg instanceof ByteBuf content) {
                send(content, remote, 0);
            } else {
                ReferenceCountUtil.release(msg); // an opener has no errors to tell
            }
        }

        private void send(ByteBuf content, InetSocketAddress to, int hopLimit) {
            if (socket.isSpecial(content, hopLimit)) {
                if (!socket.sendAtOnce(content, to, hopLimit)) {
                    all.dropped++;
                }
            } else if (channel.isWritable() && takeUnsent(content)) {
                socket.write(sized(content), to);
            } else {
                all.dropped++;
                content.release(); // a full socket loses datagrams, as a full wire does
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            socket.flush();
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            forget(this);
            closeIfUnused();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    /** Whether so much more may wait for this socket, which may not have more than it leaves to all others. */
    private boolean takeUnsent(ByteBuf content) {
        int bytes = content.readableBytes() + DATAGRAM_OVERHEAD;
        if (unsent + bytes > UdpMappings.MAX_UNSENT - all.unsent) {
            return false;
        }
        unsent += bytes;
        all.unsent += bytes;
        return true;
    }

    @Override
    public void left(int bytes) {
        unsent -= bytes + DATAGRAM_OVERHEAD;
        all.unsent -= bytes + DATAGRAM_OVERHEAD;
    }

    @Override
    public boolean wants(InetSocketAddress to) {
        return peers.containsKey(EndpointKey.of(to));
    }

    /** Short of memory, or a datagram too large for the interface, is this datagram's end and not the flow's. */
    @Override
    public void notSent(InetSocketAddress to, Throwable cause, boolean forAnother) {
        all.dropped++;
        Reason reason = DialErrors.reason(cause);
        Peer peer = peers.get(EndpointKey.of(to));
        if (peer != null && !forAnother && reason != Reason.UNSPECIFIED && reason != Reason.OVERLOADED) {
            peer.end(reason);
        }
    }
}
