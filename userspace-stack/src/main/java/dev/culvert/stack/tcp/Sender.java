package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;

/**
 * The sending half of a connection: what may be sent now, and when to give up. Field names are those of RFC 9293 section
 * 3.3.1. What was lost is {@link LossRecovery}'s to find.
 */
final class Sender {
    /** What an IP packet may hold: a super-segment's headers and payload fit in its 16-bit length. */
    private static final int MAX_PACKET = 65_535;

    /** A timer that is so late was held up by us, or by our machine: no load delays a turn of the loop that much. */
    private static final long STOOD_STILL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final TcpConnection connection;
    private final TcpEndpoint endpoint;
    private final LossRecovery recovery;
    final SendQueue queue = new SendQueue();
    final RoundTripTime roundTripTime = new RoundTripTime();

    /** Initial send sequence number. */
    final int iss;
    /** SND.UNA: oldest unacknowledged. */
    int una;
    /** SND.NXT: next to send; goes back to SND.UNA when the retransmission timer fires. */
    int next;
    /** The highest SND.NXT that ever was. */
    int max;
    /** SND.WND in bytes. */
    int window;
    /** Largest window that the peer ever offered. */
    private int maxWindow;

    private int windowSequence;
    private int windowAcknowledgment;
    /** Snd.Wind.Shift. */
    final int shift;
    /** Payload bytes of a full segment, options of every segment already subtracted. */
    int mss;

    private final int headerLength;
    private boolean finQueued;

    /** When SND.UNA last moved, or the first byte in flight was sent. */
    private long progressAt;

    private int probes;

    Sender(TcpConnection connection, TcpEndpoint endpoint, int iss, int shift, int mss, int headerLength) {
        this.connection = connection;
        this.endpoint = endpoint;
        this.iss = iss;
        this.shift = Math.max(shift, 0);
        this.mss = mss;
        this.headerLength = headerLength;
        this.una = iss;
        this.next = iss;
        this.max = iss;
        queue.start(iss + 1);
        this.recovery = new LossRecovery(this, endpoint);
    }

    /** The handshake's acknowledgement has come: RFC 9293 section 3.10.7.4, SYN-RECEIVED. */
    void established(Segment segment, long now) {
        una = iss + 1;
        next = una;
        max = una;
        windowSequence = segment.sequence;
        windowAcknowledgment = segment.acknowledgment;
        window = segment.window << shift;
        maxWindow = window;
        recovery.established();
        progressAt = now;
    }

    int inFlight() {
        return max - una;
    }

    boolean finQueued() {
        return finQueued;
    }

    boolean finSent() {
        return finQueued && max == queue.end() + 1;
    }

    boolean finAcknowledged() {
        return finQueued && una == queue.end() + 1;
    }

    /** A FIN follows what is queued; nothing can be queued any more. */
    void queueFin() {
        finQueued = true;
    }

    /**
     * How many bytes the send queue takes now: what the windows let us use, and a segment more. From that the sender sees
     * that more is waiting and does not send a small tail; and it is there for probing a closed window.
     */
    int room() {
        if (finQueued) {
            return 0;
        }
        int usable = Math.min(Math.min(window, recovery.congestionWindow()), endpoint.config.sendQueueMax()) + mss;
        int size = queue.size();
        long affordable = Math.max(mss, Math.min(usable, endpoint.sendBudgetLeft()));
        return (int) affordable - size;
    }

    /** Nobody waits for this connection any more: from now on the peer's answers to probes keep it no longer alive. */
    void orphaned(long now) {
        progressAt = now;
    }

    /** Takes ownership; the bytes go out with the next {@link #output}. */
    void append(ByteBuf data) {
        endpoint.sendQueued(data.readableBytes());
        queue.append(data);
    }

    /** Nothing will be sent any more. */
    void clear() {
        endpoint.sendQueued(-queue.size());
        queue.clear();
    }

    /** Whether an acknowledgement number is plausible: RFC 5961 section 5.2. */
    boolean isPlausible(int acknowledgment) {
        return !Sequence.after(acknowledgment, max) && !Sequence.before(acknowledgment, una - Math.max(maxWindow, 1));
    }

    /** The ACK part of an acceptable segment; sends nothing. */
    void acknowledged(Segment segment, long now) {
        int ack = segment.acknowledgment;
        boolean news = segment.sackBlocks > 0 && connection.sackPermitted() && recovery.readSack(segment);
        int offered = segment.window << shift;
        boolean advanced = Sequence.after(ack, una);
        if (advanced) {
            advance(segment, ack, now);
        } else if (ack == una && max != una && window != 0) {
            // RFC 5681 section 2: same number, no data, no FIN, window unchanged, data outstanding. With a closed
            // window it
            // is the answer to a probe.
            if (segment.length() == 0 && (offered == window || news)) {
                recovery.duplicate();
            }
        }
        // What acknowledges more is newer, though its sequence number may be old: a retransmission. If only SND.UNA
        // moved,
        // the window, which is counted from there, would move with it and beyond what the peer ever offered.
        if (!Sequence.before(ack, una)
                && (advanced
                        || Sequence.before(windowSequence, segment.sequence)
                        || windowSequence == segment.sequence && !Sequence.after(windowAcknowledgment, ack))) {
            if (offered != 0 && window == 0) {
                roundTripTime.progress();
                probes = 0;
            }
            window = offered;
            maxWindow = Math.max(maxWindow, window);
            windowSequence = segment.sequence;
            windowAcknowledgment = ack;
        }
        recovery.detect();
    }

    private void advance(Segment segment, int ack, long now) {
        int bytes = ack - una;
        int flight = inFlight();
        sampleRoundTrip(segment, ack, now);
        int before = queue.size();
        queue.releaseBefore(Sequence.min(ack, queue.end()));
        endpoint.sendQueued(queue.size() - before);
        una = ack;
        next = Sequence.max(next, una);
        roundTripTime.progress();
        probes = 0;
        progressAt = now;
        recovery.advanced(bytes, flight);
        if (una == max) {
            endpoint.timers.cancel(connection.retransmissionTimer);
        } else {
            endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
        }
    }

    /** RTTM by timestamps (RFC 7323 section 4), else one timed segment per round trip (RFC 6298 section 3, Karn). */
    private void sampleRoundTrip(Segment segment, int ack, long now) {
        boolean echoed = segment.timestamps && segment.timestampEcho != 0;
        if (echoed) {
            int millis = connection.timestamps.value(now) - segment.timestampEcho;
            if (millis >= 0) {
                roundTripTime.sample(Math.max(1, millis) * 1_000_000L);
            }
        }
        roundTripTime.acknowledged(ack, now, !echoed);
    }

    /** A part of what is in flight, or the FIN behind it, once more. */
    void resend(int sequence, int length, long now) {
        boolean fin = finSent() && sequence + length == queue.end();
        if (length == 0 && !fin) {
            return;
        }
        endpoint.counters.count(Counter.RETRANSMITTED_SEGMENTS);
        connection.transmit(Tcp.ACK | push(length) | (fin ? Tcp.FIN : 0), sequence, length);
        endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
    }

    private static int push(int payload) {
        return payload > 0 ? Tcp.PSH : 0;
    }

    /** The most payload that one packet to the device takes, in whole segments. */
    int superSegment() {
        int most = MAX_PACKET - headerLength - connection.optionRoom();
        return most - most % mss;
    }

    /** Sends what may be sent: first what was lost, then what is new. */
    void output(long now) {
        recovery.retransmit(now);
        int end = queue.end() + (finQueued ? 1 : 0);
        while (next != end && sendNext(end, now)) {
            // Until the window, or the queue, is used up.
        }
        if (next != end && una == max && !connection.retransmissionTimer.isArmed()) {
            // RFC 9293 section 3.8.6.1: there is data and no window; nothing but a probe will tell when it opens.
            endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
        }
    }

    private boolean sendNext(int end, long now) {
        if (Sequence.before(next, max)) {
            next = recovery.firstMissing(next);
            if (next == end) {
                return false;
            }
        }
        int allowed = Math.min(window, recovery.allowed());
        int usable = allowed - (next - una);
        int waiting = end - next;
        int length = Math.min(Math.min(waiting, usable), superSegment());
        if (length <= 0) {
            return false;
        }
        if (Sequence.before(next, max)) {
            // What is sent again is never held back: nothing else would move the connection on.
            length = Math.min(length, recovery.endOfMissing(next) - next);
        } else if (length < waiting) {
            if (length >= mss) {
                length -= length % mss;
            } else if (length < maxWindow / 2) {
                // Sender's silly window avoidance (RFC 9293 section 3.8.6.2.1); without Nagle, all there is may go.
                return false;
            }
        }
        send(length, end, now);
        return true;
    }

    private void send(int length, int end, long now) {
        boolean fin = finQueued && next + length == end;
        int payload = fin ? length - 1 : length;
        int flags = Tcp.ACK;
        if (next + payload == queue.end() && payload > 0) {
            flags |= Tcp.PSH;
        }
        if (fin) {
            flags |= Tcp.FIN;
        }
        if (Sequence.before(next, max)) {
            endpoint.counters.count(Counter.RETRANSMITTED_SEGMENTS);
        } else {
            roundTripTime.sent(next + length, now);
        }
        if (una == max) {
            progressAt = now;
            endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
        } else if (!connection.retransmissionTimer.isArmed()) {
            endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
        }
        connection.transmit(flags, next, payload);
        next += length;
        max = Sequence.max(max, next);
        if (fin) {
            connection.finSent();
        }
    }

    /**
     * The retransmission timer: RFC 6298 (5.4) to (5.7), or a window probe.
     *
     * @return false if the peer has not answered for so long that the connection is to end
     */
    boolean timeout(long now) {
        int end = queue.end() + (finQueued ? 1 : 0);
        if (una == end) {
            return true;
        }
        // Time in which we stood still was no time for the peer to answer: it is asked once more first.
        boolean patient = endpoint.timers.lateNanos() >= STOOD_STILL_NANOS;
        long limit = endpoint.config.userTimeoutNanos();
        if (window == 0 || una == max) {
            // A peer that answers its probes is never given up, unless nobody is left to wait for it.
            long silent = now - (connection.isOrphan() ? progressAt : connection.lastReceived());
            if (probes > 0 && silent >= limit && !patient) {
                return false;
            }
            probe(end, now);
            return true;
        }
        if (now - progressAt >= limit && !patient) {
            return false;
        }
        endpoint.counters.count(Counter.RETRANSMISSION_TIMEOUTS);
        recovery.timeout();
        roundTripTime.backOff();
        roundTripTime.stopTiming();
        next = una;
        output(now);
        if (!connection.retransmissionTimer.isArmed()) {
            endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
        }
        return true;
    }

    /** RFC 9293 section 3.8.6.1: at least one octet, with back-off; or what the silly window rule held back. */
    private void probe(int end, long now) {
        probes++;
        next = una;
        int usable = Math.min(window, end - una);
        int length = Math.max(1, Math.min(usable, mss));
        roundTripTime.backOff();
        endpoint.counters.count(Counter.WINDOW_PROBES);
        boolean fin = finQueued && una + length == end;
        int payload = fin ? length - 1 : length;
        connection.transmit(Tcp.ACK | push(payload) | (fin ? Tcp.FIN : 0), una, payload);
        max = Sequence.max(max, una + length);
        if (usable > 0) {
            next = una + length;
        }
        if (fin) {
            connection.finSent();
        }
        endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
    }

    /** The path carries less than was thought: smaller segments, and what is in flight again (RFC 1191 section 6.4). */
    void reduceMss(int smaller, long now) {
        if (smaller < mss) {
            mss = smaller;
            next = una;
            roundTripTime.stopTiming();
            output(now);
        }
    }

    /** Whether {@code sequence} is in flight: an ICMP error about anything else is a forgery (RFC 5927 section 4.1). */
    boolean isOutstanding(int sequence) {
        return !Sequence.before(sequence, una) && Sequence.before(sequence, max);
    }
}
