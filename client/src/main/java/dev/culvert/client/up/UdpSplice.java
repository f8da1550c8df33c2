package dev.culvert.client.up;

import dev.culvert.client.names.NameService;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.stack.IcmpErrorEvent;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.UdpProbe;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.DatagramError;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.HopLimitedDatagram;
import dev.culvert.tunnel.frame.PortedDatagram;
import dev.culvert.tunnel.limit.EndpointKey;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/**
 * One application socket: its datagrams go to a flow on the link for each destination, because each destination is
 * authorised by itself; the agent sends all of them from one socket. Event loop only.
 */
final class UdpSplice extends ChannelInboundHandlerAdapter {
    /** Flows of one application socket; the one used longest ago makes room, as in the agent. */
    static final int MAX_DESTINATIONS = 4096;

    /** Bytes that may wait for the interface; more are lost, as on a full wire. 40 ms of 200 Mbit/s. */
    private static final int MAX_UNSENT = 1 << 20;

    private final UdpFlow socket;
    private final Uplink uplink;
    private final FlowCounts counts;
    private final @Nullable NameService names;
    private final LinkedHashMap<EndpointKey, Remote> remotes = new LinkedHashMap<>(4, 0.75f, true);
    private final ArrayList<LinkFlow> unflushed = new ArrayList<>(2);
    private @Nullable Remote last;

    /** @param names the stack's own name server; null for none */
    UdpSplice(UdpFlow socket, Uplink uplink, FlowCounts counts, @Nullable NameService names) {
        this.names = names;
        this.socket = socket;
        this.uplink = uplink;
        this.counts = counts;
        counts.udp++;
        // One read of the link may bring so much for one socket before it is flushed.
        socket.config().setWriteBufferWaterMark(new WriteBufferWaterMark(MAX_UNSENT / 2, MAX_UNSENT));
        socket.closeFuture().addListener(f -> counts.udp--);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (msg instanceof UdpProbe probe) {
            send(probe.recipient(), new HopLimitedDatagram(probe.hopLimit(), probe.content()));
        } else {
            DatagramPacket packet = (DatagramPacket) msg;
            if (names != null && names.isAt(packet.recipient())) {
                names.datagram(socket, packet);
                return;
            }
            send(packet.recipient(), packet.content());
        }
    }

    /** Takes {@code datagram}. */
    private void send(InetSocketAddress to, Object datagram) {
        Remote remote = last;
        if (remote == null || !remote.address.equals(to)) {
            remote = remotes.get(EndpointKey.of(to));
        }
        if (remote == null) {
            remote = open(to);
            if (remote == null) {
                ReferenceCountUtil.release(datagram);
                return;
            }
        }
        last = remote;
        LinkFlow flow = remote.flow();
        flow.write(datagram, flow.voidPromise());
        if (!unflushed.contains(flow)) {
            unflushed.add(flow);
        }
    }

    /**
     * The application has closed its socket: what still comes for it is to end at the agent, whose kernel then tells the
     * sender so, once no other flow uses the agent's socket.
     */
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IcmpErrorEvent error && isPortUnreachable(error)) {
            Remote remote = remotes.get(EndpointKey.of(error.remote()));
            if (remote != null) {
                remote.end();
            }
        }
        ctx.fireUserEventTriggered(event);
    }

    /** 3/3 in ICMPv4, 1/4 in ICMPv6. */
    private static boolean isPortUnreachable(IcmpErrorEvent error) {
        return error.remote().getAddress() instanceof Inet4Address
                ? error.type() == 3 && error.code() == 3
                : error.type() == 1 && error.code() == 4;
    }

    private @Nullable Remote open(InetSocketAddress to) {
        if (to.getPort() == 0) {
            return null;
        }
        if (remotes.size() >= MAX_DESTINATIONS) {
            remotes.values().iterator().next().end();
        }
        Remote remote = new Remote(to);
        try {
            remote.flow = uplink.open(
                    Destination.of(Destination.UDP, to.getAddress(), to.getPort()), socket.clientAddress(), remote);
        } catch (FlowException e) {
            counts.refused++;
            socket.unreachable(to, Refusals.of(e));
            return null;
        }
        remotes.put(EndpointKey.of(to), remote);
        return remote;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        for (LinkFlow flow : unflushed) {
            flow.flush();
        }
        unflushed.clear();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        for (Remote remote : remotes.values().toArray(Remote[]::new)) {
            remote.end();
        }
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }

    /** One destination of the socket, as a flow on the link. */
    private final class Remote extends ChannelInboundHandlerAdapter {
        private final InetSocketAddress address;
        private @Nullable LinkFlow flow;
        private boolean ending;

        Remote(InetSocketAddress address) {
            this.address = address;
        }

        LinkFlow flow() {
            LinkFlow f = flow;
            if (f == null) {
                throw new IllegalStateException("UDP destination without a flow");
            }
            return f;
        }

        void end() {
            ending = true;
            flow().close();
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (msg instanceof DatagramError error) {
                told(error);
            } else if (!socket.isWritable()) {
                ReferenceCountUtil.release(msg); // a full interface loses datagrams, as a full wire does
            } else if (msg instanceof PortedDatagram d) {
                write(d.content(), new InetSocketAddress(address.getAddress(), d.port()));
            } else if (msg instanceof ByteBuf content) {
                write(content, address);
            } else {
                ReferenceCountUtil.release(msg); // a hop limit on the way back means nothing
            }
        }

        private void told(DatagramError error) {
            InetSocketAddress to =
                    error.port() == 0 ? address : new InetSocketAddress(address.getAddress(), error.port());
            try {
                socket.error(to, error.content(), PathErrors.of(error));
            } finally {
                error.release();
            }
        }

        private void write(ByteBuf content, InetSocketAddress from) {
            socket.write(new DatagramPacket(content, socket.clientAddress(), from), socket.voidPromise());
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            socket.flush();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof FlowException e && !ending && socket.isOpen() && Refusals.isTold(e)) {
                counts.refused++;
                socket.unreachable(address, Refusals.of(e));
            }
            ctx.close();
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            remotes.remove(EndpointKey.of(address), this);
            if (last == this) {
                last = null;
            }
        }
    }
}
