package dev.culvert.stack.tcp;

import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.time.TimerWheel;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/** The record of a SYN that waits for its answer: what the SYN said, and its headers for an ICMP error to quote. */
final class PendingRequest extends FlowEntry implements TcpRequest {
    /** The most bytes of a SYN that are kept: the longest IPv4 and TCP headers, or IPv6 with some extension headers. */
    private static final int MAX_QUOTE = 160;

    private final TcpEndpoint endpoint;
    private final byte[] quote;
    final int irs;
    final int mss;
    final int windowScale;
    final boolean sackPermitted;
    final boolean timestamps;
    /** Our initial sequence number must lie above this, if the connection had an earlier incarnation. */
    final @Nullable TimeWait incarnation;

    int timestampValue;
    private final long firstSeen;
    private long lastSeen;
    private boolean pending = true;
    private boolean abandoned;
    private @Nullable Runnable whenAbandoned;

    final TimerWheel.Timer timer = new TimerWheel.Timer() {
        @Override
        protected void expired() {
            timeout();
        }
    };

    PendingRequest(
            TcpEndpoint endpoint,
            FlowEntry key,
            Segment syn,
            ByteBuf packet,
            @Nullable TimeWait incarnation,
            long now) {
        super(key);
        this.endpoint = endpoint;
        this.irs = syn.sequence;
        this.mss = syn.mss;
        this.windowScale = syn.windowScale;
        this.sackPermitted = syn.sackPermitted;
        this.timestamps = syn.timestamps;
        this.timestampValue = syn.timestampValue;
        this.incarnation = incarnation;
        this.firstSeen = now;
        this.lastSeen = now;
        this.quote = new byte[Math.min(MAX_QUOTE, syn.payload - packet.readerIndex())];
        packet.getBytes(packet.readerIndex(), quote);
        armTimer(now);
    }

    @Override
    public InetSocketAddress source() {
        return remote();
    }

    @Override
    public InetSocketAddress destination() {
        return local();
    }

    @Override
    public boolean isPending() {
        return pending;
    }

    @Override
    public TcpFlow accept(ChannelHandler handler) {
        if (!endpoint.inEventLoop()) {
            throw new IllegalStateException("TCP request from " + source()
                    + " accepted on another thread: use the packet channel's event loop");
        }
        if (!pending) {
            throw new IllegalStateException("TCP request from " + source() + " to " + destination()
                    + " is answered or abandoned: ask isPending() first");
        }
        pending = false;
        whenAbandoned = null;
        return endpoint.accept(this, handler);
    }

    @Override
    public void refuse(Refusal reason) {
        if (!endpoint.inEventLoop()) {
            endpoint.execute(() -> refuse(reason));
            return;
        }
        if (!pending) {
            return;
        }
        end();
        endpoint.counters.count(Counter.REQUESTS_REFUSED);
        switch (reason) {
            case CONNECTION_REFUSED -> {
                // RFC 9293 section 3.5.2, group 1: the SYN had no ACK.
                endpoint.counters.count(Counter.RESETS_OUT);
                endpoint.writer.write(this, Tcp.RST | Tcp.ACK, 0, irs + 1, 0);
                endpoint.output.scheduleFlush();
            }
            case TIMED_OUT -> {
                // Silence: the application's own time-out is the answer.
            }
            case HOST_UNREACHABLE, NETWORK_UNREACHABLE, PROHIBITED -> {
                ByteBuf original = Unpooled.wrappedBuffer(quote);
                endpoint.output.icmpError(original, reason);
                endpoint.output.scheduleFlush();
                original.release();
            }
        }
    }

    @Override
    public void onAbandoned(Runnable task) {
        if (abandoned) {
            task.run();
        } else if (pending) {
            whenAbandoned = task;
        }
    }

    /** A segment of the same four-tuple. Returns whether it is a SYN that begins anew, this record being gone. */
    boolean receive(Segment segment, long now) {
        if (segment.has(Tcp.RST)) {
            // Nothing of ours was acknowledged, so the peer's sequence number is all there is to check.
            if (segment.sequence == irs || segment.sequence == irs + 1) {
                endpoint.counters.count(Counter.RESETS_IN);
                abandon();
            }
            return false;
        }
        if (segment.has(Tcp.ACK)) {
            // RFC 9293 section 3.10.7.2: any acknowledgement is wrong while we have sent nothing.
            endpoint.reset(this, segment);
            return false;
        }
        if (!segment.has(Tcp.SYN)) {
            endpoint.counters.count(Counter.DROPPED_NO_ACK);
            return false;
        }
        if (segment.sequence != irs) {
            abandon();
            return true;
        }
        endpoint.counters.count(Counter.SYN_RETRANSMITS_IN);
        timestampValue = segment.timestampValue;
        lastSeen = now;
        armTimer(now);
        return false;
    }

    /** SYNs come at doubling intervals, so the next is due after as long as the first to the last took, and a bit. */
    private void armTimer(long now) {
        long patience = endpoint.config.abandonAfterNanos() + 2 * (lastSeen - firstSeen);
        long left = endpoint.config.pendingTimeoutNanos() - (now - firstSeen);
        endpoint.timers.arm(timer, now, Math.max(1, Math.min(patience, left)));
    }

    private void timeout() {
        abandon();
    }

    void abandon() {
        if (!pending) {
            return;
        }
        end();
        abandoned = true;
        endpoint.counters.count(Counter.REQUESTS_ABANDONED);
        Runnable task = whenAbandoned;
        whenAbandoned = null;
        if (task != null) {
            task.run();
        }
    }

    private void end() {
        pending = false;
        endpoint.timers.remove(timer);
        endpoint.remove(this);
    }
}
