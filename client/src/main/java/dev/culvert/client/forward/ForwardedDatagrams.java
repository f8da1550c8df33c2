package dev.culvert.client.forward;

import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.EndpointKey;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A UDP port that leads to one target: each application that sends to it has a flow, on which the target answers it. Nobody can be told
 * that a datagram was refused, as on a network that says nothing. Event loop only.
 */
final class ForwardedDatagrams extends SimpleChannelInboundHandler<DatagramPacket> {
    /** Applications' sockets of one port; the one that was heard of longest ago makes room. */
    static final int MAX_SENDERS = 4_096;

    /** As the stack's mappings: RFC 4787 REQ-5. */
    static final Duration IDLE = Duration.ofMinutes(5);

    /** Of one that has asked DNS, and has all its answers: each question is from another port. */
    static final Duration ANSWERED_IDLE = Duration.ofSeconds(10);

    /** After a refusal nothing is asked for the same sender for so long: at first, and at most. */
    static final Duration SILENCE = Duration.ofMillis(250);

    static final Duration SILENCE_MAX = Duration.ofSeconds(8);

    /** How often it is looked who is idle. */
    private static final Duration SWEEP = Duration.ofSeconds(5);

    private static final int DNS_PORT = 53;

    private final FlowTarget target;
    private final Opener opener;
    private final Voice complaints;
    private final LinkedHashMap<EndpointKey, Sender> senders = new LinkedHashMap<>(16, 0.75f, true);
    private final List<LinkFlow> unflushed = new ArrayList<>();
    private boolean sweeps;

    /** Opens a flow to the target. */
    interface Opener {
        LinkFlow open(InetSocketAddress source, ChannelHandler handler) throws FlowException;
    }

    /** @param complaints told why a flow was refused */
    ForwardedDatagrams(FlowTarget target, Uplink uplink, Voice complaints) {
        this(target, (source, handler) -> target.open(uplink, source, handler), complaints);
    }

    ForwardedDatagrams(FlowTarget target, Opener opener, Voice complaints) {
        this.target = target;
        this.opener = opener;
        this.complaints = complaints;
    }

    int senderCount() {
        return senders.size();
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket packet) {
        EndpointKey key = EndpointKey.of(packet.sender());
        Sender sender = senders.get(key);
        if (sender == null) {
            if (senders.size() >= MAX_SENDERS) {
                senders.values().iterator().next().end();
            }
            sender = new Sender(ctx.channel(), key, packet.sender());
            senders.put(key, sender);
        }
        LinkFlow flow = sender.flow();
        if (flow != null) {
            flow.write(DatagramReads.sized(packet.content()), flow.voidPromise());
            if (!unflushed.contains(flow)) {
                unflushed.add(flow);
            }
        }
        if (!sweeps) {
            sweeps = true;
            ctx.executor().schedule(() -> sweep(ctx), SWEEP.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void sweep(ChannelHandlerContext ctx) {
        for (Sender sender : List.copyOf(senders.values())) {
            sender.endIfIdle();
        }
        sweeps = !senders.isEmpty() && ctx.channel().isOpen();
        if (sweeps) {
            ctx.executor().schedule(() -> sweep(ctx), SWEEP.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        unflushed.forEach(Channel::flush);
        unflushed.clear();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        List.copyOf(senders.values()).forEach(Sender::end);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // An ICMP error about what was sent to one sender: the others go on.
    }

    /** One application's socket. */
    private final class Sender {
        private final Channel socket;
        private final EndpointKey key;
        private final InetSocketAddress address;
        private @Nullable LinkFlow flow;
        private long heardNanos;
        private int unanswered;
        private long silenceNanos;
        private long silentUntilNanos;

        Sender(Channel socket, EndpointKey key, InetSocketAddress address) {
            this.socket = socket;
            this.key = key;
            this.address = address;
            heardNanos = now();
        }

        private long now() {
            return socket.eventLoop().ticker().nanoTime();
        }

        /** For one datagram; null when it is lost. */
        @Nullable
        LinkFlow flow() {
            long now = now();
            heardNanos = now;
            unanswered++;
            if (flow == null && (silenceNanos == 0 || now - silentUntilNanos >= 0)) {
                try {
                    LinkFlow opened = opener.open(address, new Answers(this));
                    flow = opened.isOpen() ? opened : null;
                } catch (FlowException e) {
                    refused(e);
                }
            }
            return flow;
        }

        private void refused(FlowException why) {
            complaints.say(target.why(why));
            silenceNanos = Math.min(SILENCE_MAX.toNanos(), silenceNanos == 0 ? SILENCE.toNanos() : 2 * silenceNanos);
            silentUntilNanos = now() + silenceNanos;
        }

        /** The flow is no more; the next datagram asks for another. */
        private void flowEnded(LinkFlow ended) {
            if (flow == ended) {
                flow = null;
            }
        }

        private void answered(ByteBuf answer) {
            senders.get(key); // it was heard of last now
            heardNanos = now();
            silenceNanos = 0;
            unanswered = Math.max(0, unanswered - 1);
            if (socket.isWritable()) {
                socket.write(new DatagramPacket(answer, address), socket.voidPromise());
            } else {
                answer.release(); // lost, as datagrams may be
            }
        }

        void endIfIdle() {
            boolean answered = unanswered == 0 && target.destination().port() == DNS_PORT;
            if (now() - heardNanos >= (answered ? ANSWERED_IDLE : IDLE).toNanos()) {
                end();
            }
        }

        void end() {
            senders.remove(key, this);
            LinkFlow f = flow;
            flow = null;
            if (f != null) {
                f.close();
            }
        }
    }

    /** What comes on a flow. */
    private static final class Answers extends ChannelInboundHandlerAdapter {
        private final Sender sender;

        Answers(Sender sender) {
            this.sender = sender;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            // Errors of ICMP, and answers from other ports, have nobody here to be told to.
            if (msg instanceof ByteBuf answer) {
                sender.answered(answer);
            } else {
                ReferenceCountUtil.release(msg);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            sender.socket.flush();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof FlowException e && sender.flow == ctx.channel() && isRefusal(e.reason())) {
                sender.refused(e);
            }
            ctx.close();
        }

        /** A flow that has served its time, or gives way to another of the same socket, ends in order. */
        private static boolean isRefusal(Reason reason) {
            return reason != Reason.IDLE && reason != Reason.CANCELLED;
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            sender.flowEnded((LinkFlow) ctx.channel());
        }

        @Override
        public void channelUnregistered(ChannelHandlerContext ctx) {
            sender.flowEnded((LinkFlow) ctx.channel()); // one that was refused at once was never active
        }
    }
}
