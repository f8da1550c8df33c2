package dev.culvert.gateway.door;

import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.publish.Visit;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.limit.EndpointKey;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A published port of UDP: each sender has a flow, on which the target answers it. The agent ends flows that are idle. On the event
 * loop of its socket, which is one of links.
 */
final class PublishedDatagrams extends SimpleChannelInboundHandler<DatagramPacket> {
    /** Senders of one port at once; the one that was heard of longest ago makes room, as addresses of senders can be made up. */
    static final int MAX_SENDERS = 4_096;

    /** New senders: so many at once, so many a second. Each is an OPEN, and addresses of senders can be made up. */
    private static final int NEW_SENDERS = 512;

    private static final int NEW_SENDERS_PER_SECOND = 256;

    /** What is published there now; null when nothing is. */
    interface Target {
        @Nullable
        PublicationUsage now();
    }

    private final Target target;
    private final int port;
    private final PublishedFlows flows;
    private final LinkedHashMap<EndpointKey, Sender> senders = new LinkedHashMap<>(16, 0.75f, true);
    private final List<LinkFlow> unflushed = new ArrayList<>();
    private final RateLimit newcomers = new RateLimit(NEW_SENDERS, NEW_SENDERS_PER_SECOND);

    PublishedDatagrams(Target target, int port, PublishedFlows flows) {
        this.target = target;
        this.port = port;
        this.flows = flows;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket packet) {
        InetSocketAddress from = packet.sender();
        EndpointKey key = EndpointKey.of(from);
        Sender sender = senders.get(key);
        if (sender == null) {
            sender = open(ctx, key, from);
            if (sender == null) {
                return;
            }
        }
        LinkFlow flow = sender.flow;
        if (flow != null) {
            flow.write(packet.content().retain(), flow.voidPromise());
            if (!unflushed.contains(flow)) {
                unflushed.add(flow);
            }
        }
    }

    private @Nullable Sender open(ChannelHandlerContext ctx, EndpointKey key, InetSocketAddress from) {
        PublicationUsage usage = target.now();
        if (usage == null
                || !usage.allows(from.getAddress())
                || !newcomers.takes()
                || !usage.takes(from.getAddress())) {
            return null;
        }
        if (senders.size() >= MAX_SENDERS || usage.isCrowded() && !senders.isEmpty()) {
            senders.values().iterator().next().end();
        }
        Sender sender = new Sender(ctx.channel(), key, from);
        Visit visit = usage.enter(from.getAddress(), () -> ctx.executor().execute(sender::end));
        if (visit == null) {
            return null;
        }
        sender.visit = visit;
        try {
            Published to = usage.published();
            Destination destination = to.destinationOf(port);
            sender.flow = flows.open((EventLoop) ctx.executor(), to.agent(), null, destination, from, sender);
        } catch (FlowException e) {
            visit.leave();
            return null; // lost, as datagrams may be
        }
        senders.put(key, sender);
        return sender;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        unflushed.forEach(Channel::flush);
        unflushed.clear();
        ctx.fireChannelReadComplete();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        List.copyOf(senders.values()).forEach(Sender::end);
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // An ICMP error about what was sent to one sender: the others go on.
    }

    /** One sender, as a flow towards the target. */
    private final class Sender extends ChannelInboundHandlerAdapter {
        private final Channel socket;
        private final EndpointKey key;
        private final InetSocketAddress address;
        private @Nullable LinkFlow flow;
        private @Nullable Visit visit;

        Sender(Channel socket, EndpointKey key, InetSocketAddress address) {
            this.socket = socket;
            this.key = key;
            this.address = address;
        }

        void end() {
            leave();
            if (flow != null) {
                flow.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            // Errors of ICMP, and answers from other ports, have nobody here to be told to.
            if (msg instanceof ByteBuf answer && socket.isWritable()) {
                socket.write(new DatagramPacket(answer, address), socket.voidPromise());
            } else {
                ReferenceCountUtil.release(msg);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            socket.flush();
        }

        private void leave() {
            senders.remove(key, this);
            if (visit != null) {
                visit.leave();
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            leave();
        }

        @Override
        public void channelUnregistered(ChannelHandlerContext ctx) {
            leave(); // one that was refused was never active
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
