package dev.culvert.stack;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpCounters;
import dev.culvert.stack.ip.Reassembler;
import dev.culvert.stack.tcp.TcpEndpoint;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A TCP/IP stack as a handler in the pipeline of a channel of packets. A packet is a {@link ByteBuf} that begins with a {@link
 * dev.culvert.stack.wire.VirtioNetHeader}, both ways. The stack is every host beyond the link: whatever address a packet is
 * for, it is answered here, and what it belongs to is shown to a {@link StackListener} as a child channel.
 *
 * <p>The handler releases all packets that it reads and flushes once for each batch of them (channelReadComplete) or timer
 * turn. It belongs to one channel. When that becomes inactive, or the handler is removed, every flow is closed and every
 * buffer released.
 *
 * <p>Nothing that arrives throws: what is wrong is dropped and counted, see {@link #stats}.
 */
public final class IpStack extends ChannelDuplexHandler {
    private static final Logger LOGGER = LoggerFactory.getLogger(IpStack.class);

    private final StackConfig config;
    private final StackListener listener;
    private final IpCounters counters = new IpCounters();
    private final StackStats stats = new StackStats(counters);
    private @Nullable Layers layers;

    /** The parts of a stack that is in a pipeline. */
    private record Layers(
            StackPort port, Reassembler reassembler, TcpEndpoint tcp, UdpInput udp, IcmpInput icmp, IpInput input) {}

    /** A stack that shows new flows to {@code listener}. */
    public IpStack(StackConfig config, StackListener listener) {
        this.config = config;
        this.listener = listener;
    }

    /** What the stack has counted; any thread. */
    public StackStats stats() {
        return stats;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        StackPort port = new StackPort(context, config, counters, this::sweep);
        Reassembler reassembler =
                new Reassembler(config.reassembly(), counters, port.errors(), config.secretLow(), config.secretHigh());
        TcpEndpoint tcp = new TcpEndpoint(config.tcp(), listener, port);
        UdpInput udp = new UdpInput(port, listener);
        IcmpInput icmp = new IcmpInput(port, listener, tcp, udp.flows());
        layers = new Layers(port, reassembler, tcp, udp, icmp, new IpInput(port, reassembler, tcp, udp, icmp));
        stats.follow(tcp.counters());
        tcp.activate(context.channel());
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        closeAll();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        closeAll();
        context.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (!(message instanceof ByteBuf packet)) {
            context.fireChannelRead(message);
            return;
        }
        try {
            Layers current = layers;
            if (current != null) {
                current.port.readBegins();
                current.input.receive(packet);
            }
        } catch (RuntimeException e) {
            // One packet's trouble is not the others': neither a listener's mistake nor ours may end the packet
            // channel.
            counters.increment(IpCounter.DROPPED_INTERNAL_ERROR);
            long errors = counters.get(IpCounter.DROPPED_INTERNAL_ERROR);
            if (Long.bitCount(errors) == 1) {
                LOGGER.warn("packet dropped: an exception while it was handled, errors so far={}", errors, e);
            }
        } finally {
            packet.release();
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        Layers current = layers;
        if (current != null) {
            current.port.readEnds();
            current.tcp.batchComplete();
            current.port.flushBatch();
            gauge(current);
        }
        context.fireChannelReadComplete();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        if (layers != null) {
            layers.port.writabilityChanged();
        }
        context.fireChannelWritabilityChanged();
    }

    private void sweep(long nowNanos) {
        Layers current = layers;
        if (current == null) {
            return;
        }
        current.udp.flows().expire(nowNanos);
        current.icmp.flows().expire(nowNanos);
        current.reassembler.expire(nowNanos);
        if (!current.reassembler.isEmpty()) {
            current.port.sweepAt(current.reassembler.deadline());
        }
        gauge(current);
    }

    private void gauge(Layers current) {
        stats.gauge(
                current.udp.flows().size(),
                current.icmp.flows().size(),
                current.reassembler.datagrams(),
                current.reassembler.heldBytes());
    }

    private void closeAll() {
        Layers current = layers;
        if (current == null) {
            return;
        }
        layers = null;
        if (!current.port.channel().isActive()) {
            // Nothing can leave any more: what flows write as they close is released.
            current.port.close();
        }
        current.tcp.close();
        current.udp.flows().closeAll();
        current.icmp.flows().closeAll();
        current.reassembler.close();
        gauge(current);
        // Last, so that resets and the like, written while the flows closed, still leave.
        current.port.flushBatch();
        current.port.close();
    }
}
