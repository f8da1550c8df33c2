package dev.culvert.stack.tcp;

import dev.culvert.stack.time.TimerWheel;
import dev.culvert.stack.wire.Tcp;

/**
 * What is left of a connection in TIME-WAIT: enough to acknowledge a FIN again, and to tell a new connection from an old
 * segment (RFC 9293 section 3.6.1).
 */
final class TimeWait extends FlowEntry {
    private final TcpEndpoint endpoint;
    /** SND.NXT and RCV.NXT. */
    final int sndNext;

    private final int rcvNext;
    private final Timestamps timestamps;

    final TimerWheel.Timer timer = new TimerWheel.Timer() {
        @Override
        protected void expired() {
            endpoint.forget(TimeWait.this);
        }
    };

    TimeWait(FlowEntry flow, TcpEndpoint endpoint, int sndNext, int rcvNext, Timestamps timestamps) {
        super(flow);
        this.endpoint = endpoint;
        this.sndNext = sndNext;
        this.rcvNext = rcvNext;
        this.timestamps = timestamps;
    }

    /** Whether a SYN begins a new connection: RFC 1122 section 4.2.2.13, RFC 6191. */
    boolean isReopenedBy(Segment segment) {
        return segment.has(Tcp.SYN)
                && !segment.has(Tcp.ACK | Tcp.FIN | Tcp.RST)
                && (Sequence.after(segment.sequence, rcvNext) || timestamps.isNewer(segment));
    }

    /** Any other segment. Resets are ignored, or TIME-WAIT could be assassinated (RFC 1337). */
    void receive(Segment segment, long now) {
        if (segment.has(Tcp.RST) || segment.length() == 0) {
            return;
        }
        if (segment.has(Tcp.FIN)) {
            endpoint.timers.arm(timer, now, endpoint.config.timeWaitNanos());
        }
        SegmentWriter writer = endpoint.writer;
        timestamps.write(writer, now);
        writer.write(this, Tcp.ACK, sndNext, rcvNext, 0);
        endpoint.output.scheduleFlush();
    }
}
