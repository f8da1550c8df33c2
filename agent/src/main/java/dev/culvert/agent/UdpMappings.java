package dev.culvert.agent;

import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.LinkFlow;
import dev.culvert.tunnel.PortedDatagram;
import dev.culvert.tunnel.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * UDP flows. All flows of one application socket (client and source address) share one socket here, so that the LAN sees
 * one endpoint whatever the destination (endpoint-independent mapping, RFC 4787 4.1). What comes back is passed on only
 * from hosts that the source has a flow to (address-dependent filtering, RFC 4787 5), because each flow was authorised by
 * itself. One link's; event loop only.
 */
final class UdpMappings {
    /** RFC 4787 4.3: at least two minutes, five recommended. */
    static final Duration IDLE = Duration.ofMinutes(5);

    /** Sockets: an application that opens more is scanning or broken; half of a usual descriptor limit of 16,384. */
    static final int MAX_MAPPINGS = 8192;

    /** Flows of one mapping; the longest idle one makes room. */
    static final int MAX_FLOWS_PER_MAPPING = 4096;

    /** Receive buffer of each socket: 40 ms of 200 Mbit/s. */
    private static final int SOCKET_BUFFER = 1 << 20;

    /** Largest datagram (RFC 768: 65,535 less headers), read whole. */
    private static final int MAX_DATAGRAM = 65_507;

    private record Key(String client, InetSocketAddress source, boolean ipv6) {}

    private final EventLoop loop;
    private final Map<Key, Mapping> mappings = new HashMap<>();
    private long dropped;

    UdpMappings(EventLoop loop) {
        this.loop = loop;
    }

    int openCount() {
        return mappings.size();
    }

    /** Datagrams from hosts that their receiver has no flow to. */
    long dropped() {
        return dropped;
    }

    void open(IncomingFlow flow, InetAddress address) {
        InetSocketAddress source = flow.request().source();
        if (source == null) {
            flow.refuse(Reason.PROTOCOL_ERROR, "a UDP flow must say its source");
            return;
        }
        boolean ipv6 = address.getAddress().length == 16;
        Key key = new Key(flow.request().client() == null ? "" : flow.request().client(), source, ipv6);
        Mapping mapping = mappings.get(key);
        if (mapping == null) {
            if (mappings.size() >= MAX_MAPPINGS) {
                flow.refuse(Reason.OVERLOADED, MAX_MAPPINGS + " UDP sockets at the agent");
                return;
            }
            mapping = new Mapping(key);
            mappings.put(key, mapping);
        }
        mapping.add(
                flow,
                new InetSocketAddress(address, flow.request().destination().port()));
    }

    /** One socket. */
    private final class Mapping extends ChannelInboundHandlerAdapter {
        private final Key key;
        private final Channel socket;
        /** By remote endpoint, longest idle first. */
        private final LinkedHashMap<InetSocketAddress, Peer> peers = new LinkedHashMap<>(4, 0.75f, true);

        private final Map<InetAddress, Peer> lastByHost = new HashMap<>(4);
        private @Nullable ScheduledFuture<?> sweep;
        private boolean closed;
        private boolean wrote;

        Mapping(Key key) {
            this.key = key;
            // Registered and bound at once, being on the loop; Bootstrap would bind in a later turn.
            socket = EventLoops.newDatagramChannel();
            socket.config().setOption(ChannelOption.SO_RCVBUF, SOCKET_BUFFER);
            socket.config().setOption(ChannelOption.SO_SNDBUF, SOCKET_BUFFER);
            socket.config()
                    .setRecvByteBufAllocator(new FixedRecvByteBufAllocator(MAX_DATAGRAM + 1).maxMessagesPerRead(64));
            socket.config().setWriteBufferWaterMark(new WriteBufferWaterMark(SOCKET_BUFFER / 2, SOCKET_BUFFER));
            socket.pipeline().addLast(this);
            loop.register(socket);
            socket.bind(new InetSocketAddress(0));
        }

        void add(IncomingFlow flow, InetSocketAddress remote) {
            if (!socket.isActive()) {
                flow.refuse(Reason.OVERLOADED, "the agent could not open a UDP socket");
                close();
                return;
            }
            Peer old = peers.remove(remote);
            if (old != null) {
                old.end();
            }
            if (peers.size() >= MAX_FLOWS_PER_MAPPING) {
                Peer longestIdle = peers.values().iterator().next();
                longestIdle.end();
            }
            Peer peer = new Peer(this, remote);
            LinkFlow linkFlow = flow.accept(peer);
            if (linkFlow == null) {
                return;
            }
            peer.flow = linkFlow;
            peers.put(remote, peer);
            lastByHost.put(remote.getAddress(), peer);
            if (sweep == null) {
                long period = IDLE.toMillis() / 10;
                sweep = loop.scheduleAtFixedRate(this::sweep, period, period, TimeUnit.MILLISECONDS);
            }
        }

        private void sweep() {
            long now = loop.ticker().nanoTime();
            for (Peer peer : peers.values().toArray(Peer[]::new)) {
                if (now - peer.lastUsedNanos >= IDLE.toNanos()) {
                    peer.end();
                }
            }
        }

        void forget(Peer peer) {
            peers.remove(peer.remote, peer);
            lastByHost.remove(peer.remote.getAddress(), peer);
            if (peers.isEmpty()) {
                close();
            }
        }

        void close() {
            if (!closed) {
                closed = true;
                mappings.remove(key, this);
                if (sweep != null) {
                    sweep.cancel(false);
                }
                socket.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            DatagramPacket packet = (DatagramPacket) msg;
            InetSocketAddress from = packet.sender();
            Peer peer = peers.get(from);
            if (peer != null) {
                peer.toClient(packet.content());
                return;
            }
            peer = lastByHost.get(from.getAddress());
            if (peer == null) {
                dropped++;
                packet.release();
                return;
            }
            peer.toClient(new PortedDatagram(from.getPort(), packet.content()));
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            for (Peer peer : peers.values()) {
                peer.flush();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            // An ICMP error about a datagram that we sent.
            UdpErrors.drain(socket, (remote, errno) -> {
                Peer peer = peers.get(remote);
                if (peer != null) {
                    peer.refused(DialErrors.byErrno(errno));
                }
            });
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            for (Peer peer : peers.values().toArray(Peer[]::new)) {
                peer.end();
            }
        }
    }

    /** One flow of a mapping. */
    private static final class Peer extends ChannelInboundHandlerAdapter {
        private final Mapping mapping;
        private final InetSocketAddress remote;
        private @Nullable LinkFlow flow;
        private long lastUsedNanos;
        private boolean unflushed;

        Peer(Mapping mapping, InetSocketAddress remote) {
            this.mapping = mapping;
            this.remote = remote;
            this.lastUsedNanos = mapping.socket.eventLoop().ticker().nanoTime();
        }

        void toClient(Object datagram) {
            LinkFlow f = flow;
            if (f == null) {
                ReferenceCountUtil.release(datagram);
                return;
            }
            lastUsedNanos = f.eventLoop().ticker().nanoTime();
            unflushed = true;
            f.write(datagram, f.voidPromise());
        }

        void flush() {
            if (unflushed && flow != null) {
                unflushed = false;
                flow.flush();
            }
        }

        /** The LAN answered with an ICMP error: the flow ends and its application is told. */
        void refused(Reason reason) {
            LinkFlow f = flow;
            if (f != null) {
                f.closeReason(reason);
                f.close();
            }
        }

        void end() {
            LinkFlow f = flow;
            if (f != null) {
                f.closeReason(Reason.IDLE);
                f.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            lastUsedNanos = ctx.executor().ticker().nanoTime();
            mapping.wrote = true;
            if (msg instanceof PortedDatagram d) {
                send(d.content(), new InetSocketAddress(remote.getAddress(), d.port()));
            } else {
                send((ByteBuf) msg, remote);
            }
        }

        private void send(ByteBuf content, InetSocketAddress to) {
            Channel socket = mapping.socket;
            if (socket.isWritable()) {
                socket.write(new DatagramPacket(content, to), socket.voidPromise());
            } else {
                content.release(); // a full socket loses datagrams, as a full wire does
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            if (mapping.wrote) {
                mapping.wrote = false;
                mapping.socket.flush();
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            mapping.forget(this);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
