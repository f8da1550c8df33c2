package dev.culvert.stack;

import dev.culvert.stack.ip.IcmpErrors;
import dev.culvert.stack.ip.IpAddresses;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpCounters;
import dev.culvert.stack.ip.IpOutput;
import dev.culvert.stack.ip.RecentProbes;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.tcp.PacketOutput;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The stack's side of the packet channel: what it writes, when it flushes, what waits for writability, and the one timer that
 * looks for idle flows.
 */
final class StackPort implements FlowPort, PacketOutput {
    /**
     * Least time between two looks for what is idle. Expiry may be so late, which no time-out here minds, and thousands of
     * flows with as many deadlines still cost ten look-ups a second.
     */
    private static final long SWEEP_INTERVAL = TimeUnit.MILLISECONDS.toNanos(100);

    private final ChannelHandlerContext context;
    private final StackConfig config;
    private final IpCounters counters;
    private final IpOutput output;
    private final IcmpErrors errors;
    private final RecentProbes probes = new RecentProbes();
    private final LongConsumer sweeper;
    // An InetAddress gives its bytes only as a copy. 0 is no packet's source.
    private final long own4;
    private final long own6High;
    private final long own6Low;
    private final Runnable flushTask = this::flushNow;
    private final ArrayList<PacketFlow> touched = new ArrayList<>();
    private ArrayList<PacketFlow> blocked = new ArrayList<>();
    private ArrayList<PacketFlow> resuming = new ArrayList<>();
    private @Nullable ScheduledFuture<?> sweep;
    private long sweepDeadline;
    private long lastSweep;
    private boolean reading;
    private boolean flushScheduled;
    private boolean closed;

    /**
     * A port in the place of {@code context}.
     *
     * @param sweeper is given the time and closes what is idle then
     */
    StackPort(ChannelHandlerContext context, StackConfig config, IpCounters counters, LongConsumer sweeper) {
        this.context = context;
        this.config = config;
        this.counters = counters;
        this.sweeper = sweeper;
        this.output = new IpOutput(this, counters, config.mtu());
        this.errors = new IcmpErrors(
                output,
                counters,
                context.channel().eventLoop().ticker(),
                config.icmpErrorsPerSecond(),
                config.icmpErrorBurst(),
                config.router4(),
                config.router6());
        InetAddress router4 = config.router4();
        InetAddress router6 = config.router6();
        this.own4 = router4 == null ? 0 : IpAddresses.low(router4);
        this.own6High = router6 == null ? 0 : IpAddresses.high(router6);
        this.own6Low = router6 == null ? 0 : IpAddresses.low(router6);
        this.lastSweep = nanoTime() - SWEEP_INTERVAL;
    }

    @Override
    public Channel channel() {
        return context.channel();
    }

    @Override
    public StackConfig config() {
        return config;
    }

    @Override
    public boolean isOwn(long high, long low) {
        return high == own6High && low == own6Low || high == 0 && low == own4;
    }

    @Override
    public IpOutput output() {
        return output;
    }

    @Override
    public IcmpErrors errors() {
        return errors;
    }

    @Override
    public RecentProbes probes() {
        return probes;
    }

    @Override
    public IpCounters counters() {
        return counters;
    }

    @Override
    public long nanoTime() {
        return context.channel().eventLoop().ticker().nanoTime();
    }

    @Override
    public ByteBufAllocator alloc() {
        return context.alloc();
    }

    @Override
    public void write(ByteBuf packet) {
        if (closed) {
            packet.release();
            return;
        }
        counters.increment(IpCounter.PACKETS_OUT);
        context.write(packet, context.voidPromise());
    }

    @Override
    public void icmpError(ByteBuf original, Refusal reason) {
        errors.unreachable(original, reason);
        scheduleFlush();
    }

    @Override
    public boolean isWritable() {
        return context.channel().isWritable();
    }

    @Override
    public void awaitWritable(PacketFlow flow) {
        blocked.add(flow);
    }

    @Override
    public void touched(PacketFlow flow) {
        touched.add(flow);
    }

    @Override
    public void scheduleFlush() {
        if (reading || flushScheduled || closed) {
            return;
        }
        flushScheduled = true;
        context.channel().eventLoop().execute(flushTask);
    }

    @Override
    public void sweepAt(long deadline) {
        if (closed || sweep != null && sweepDeadline - deadline <= 0) {
            return;
        }
        if (sweep != null) {
            sweep.cancel(false);
        }
        long earliest = lastSweep + SWEEP_INTERVAL;
        sweepDeadline = deadline - earliest < 0 ? earliest : deadline;
        sweep = context.channel()
                .eventLoop()
                .schedule(this::sweepNow, Math.max(0, sweepDeadline - nanoTime()), TimeUnit.NANOSECONDS);
    }

    /** A batch of packets begins: its flush comes at its end. */
    void readBegins() {
        reading = true;
    }

    /** Tells the flows that a batch of packets is over. */
    void readEnds() {
        // By index: a flow's handlers may cause others to be touched meanwhile.
        for (int i = 0; i < touched.size(); i++) {
            touched.get(i).batchComplete();
        }
        touched.clear();
    }

    /** Flushes what the batch has caused to be written. */
    void flushBatch() {
        reading = false;
        context.flush();
    }

    /** The packet channel can take more: flows that had to wait go on, in the order in which they stopped. */
    void writabilityChanged() {
        if (blocked.isEmpty() || !isWritable()) {
            return;
        }
        ArrayList<PacketFlow> waiting = blocked;
        blocked = resuming;
        resuming = waiting;
        for (int i = 0; i < waiting.size(); i++) {
            waiting.get(i).resumeWrite();
        }
        waiting.clear();
        scheduleFlush();
    }

    /** Nothing is written or timed any more. */
    void close() {
        closed = true;
        if (sweep != null) {
            sweep.cancel(false);
            sweep = null;
        }
        touched.clear();
        blocked.clear();
    }

    private void flushNow() {
        flushScheduled = false;
        if (!closed) {
            context.flush();
        }
    }

    private void sweepNow() {
        sweep = null;
        lastSweep = nanoTime();
        sweeper.accept(lastSweep);
        scheduleFlush();
    }
}
