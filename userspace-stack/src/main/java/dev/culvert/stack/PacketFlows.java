package dev.culvert.stack;

import dev.culvert.stack.ip.ExpiryList;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.KeyTable;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The flows of one kind: found by key, closed when idle, and never more than a limit, at which the one idle longest makes room.
 *
 * @param <F> the kind
 */
final class PacketFlows<F extends PacketFlow> {
    /** Flows that are closed in one sweep, with what each means to its listener; thousands may have begun at once. */
    private static final int EXPIRE_STEP = 256;

    private final FlowPort port;
    private final KeyTable<F> table;
    private final int maxFlows;
    private final ExpiryList<PacketFlow> ordinary;
    private final ExpiryList<PacketFlow> brief;
    private final ChannelInitializer<F> initializer;
    private final IpCounter opened;
    private final IpCounter closedIdle;
    private final IpCounter evicted;
    private long queued;

    /**
     * No flows yet.
     *
     * @param idleNanos idle time that closes a flow
     * @param briefIdleNanos the same for flows that {@link #refresh} was told will not be used again
     * @param listener is given each new flow to add its handlers
     */
    PacketFlows(
            FlowPort port,
            int maxFlows,
            long idleNanos,
            long briefIdleNanos,
            Consumer<F> listener,
            IpCounter opened,
            IpCounter closedIdle,
            IpCounter evicted) {
        this.port = port;
        this.table = new KeyTable<>(port.config().secretLow(), port.config().secretHigh());
        this.maxFlows = maxFlows;
        this.ordinary = new ExpiryList<>(idleNanos);
        this.brief = new ExpiryList<>(briefIdleNanos);
        this.initializer = new FlowInitializer<>(listener);
        this.opened = opened;
        this.closedIdle = closedIdle;
        this.evicted = evicted;
    }

    FlowPort port() {
        return port;
    }

    int size() {
        return table.size();
    }

    @Nullable
    F find(long a, long b, long c, long d, long e) {
        return table.get(a, b, c, d, e);
    }

    /** Enters a new flow and shows it to the listener, which may have closed it when this returns. */
    void open(F flow, long a, long b, long c, long d, long e) {
        if (table.size() >= maxFlows) {
            ExpiryList.Node<PacketFlow> oldest = brief.oldest() != null ? brief.oldest() : ordinary.oldest();
            if (oldest != null) {
                port.counters().increment(evicted);
                close(oldest.owner());
            }
        }
        table.put(a, b, c, d, e, flow);
        port.counters().increment(opened);
        refresh(flow, false);
        EventLoop loop = port.channel().eventLoop();
        flow.pipeline().addLast(initializer);
        loop.register(flow);
    }

    /** The flow has been used; {@code answered} flows expire after the brief time. */
    void refresh(PacketFlow flow, boolean answered) {
        ExpiryList<PacketFlow> list = answered ? brief : ordinary;
        list.touch(flow.idle, port.nanoTime());
        if (list.oldest() == flow.idle) {
            port.sweepAt(flow.idle.deadline());
        }
    }

    /** Called by a flow that closes. */
    void closed(PacketFlow flow) {
        flow.idle.unlink();
        flow.forget();
    }

    void forget(long a, long b, long c, long d, long e) {
        table.remove(a, b, c, d, e);
    }

    /** Whether so much more may wait for readers, all flows of this kind together. */
    boolean isAffordable(int cost) {
        return queued + cost <= port.config().maxQueuedOfAll();
    }

    void queued(int cost) {
        queued += cost;
    }

    void countQueueFull() {
        port.counters().increment(IpCounter.DROPPED_QUEUE_FULL);
    }

    /** Closes what is idle, so much of it, and asks for the next sweep. */
    void expire(long nowNanos) {
        expire(brief, nowNanos);
        expire(ordinary, nowNanos);
    }

    void closeAll() {
        table.forEach(this::close);
    }

    private void expire(ExpiryList<PacketFlow> list, long nowNanos) {
        ExpiryList.Node<PacketFlow> node;
        for (int i = 0; i < EXPIRE_STEP && (node = list.expired(nowNanos)) != null; i++) {
            port.counters().increment(closedIdle);
            close(node.owner());
        }
        ExpiryList.Node<PacketFlow> next = list.oldest();
        if (next != null) {
            port.sweepAt(next.deadline());
        }
    }

    /** Not through the pipeline: a handler that swallowed the close would keep what the stack has to give up. */
    private void close(PacketFlow flow) {
        flow.unsafe().close(flow.voidPromise());
        // doClose has unlinked it; if it did not run, the flow must not be found again all the same.
        flow.idle.unlink();
    }

    /** Lets the listener add its handlers before the channel is active. */
    private static final class FlowInitializer<F extends PacketFlow> extends ChannelInitializer<F> {
        private final Consumer<F> listener;

        FlowInitializer(Consumer<F> listener) {
            this.listener = listener;
        }

        @Override
        protected void initChannel(F flow) {
            listener.accept(flow);
        }

        @Override
        public boolean isSharable() {
            return true;
        }
    }
}
