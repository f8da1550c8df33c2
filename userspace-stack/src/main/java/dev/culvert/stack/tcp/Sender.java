package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;

/**
 * The sending half of a connection: what may be sent now, what was lost, and when to give up. Field names are those of
 * RFC 9293 section 3.3.1, RFC 5681 and RFC 6675.
 */
final class Sender {
    /** What an IP packet may hold: a super-segment's headers and payload fit in its 16-bit length. */
    private static final int MAX_PACKET = 65_535;

    /** A timer that is so late was held up by us, or by our machine: no load delays a turn of the loop that much. */
    private static final long STOOD_STILL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final TcpConnection connection;
    private final TcpEndpoint endpoint;
    private final CongestionControl congestion;
    private final Scoreboard scoreboard = new Scoreboard();
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

    private int duplicateAcks;
    private boolean recovering;
    /** RecoveryPoint: recovery ends when this is acknowledged. */
    private int recoveryPoint;
    /** HighRxt: what was sent again in this recovery. */
    private int retransmitted;

    /** SND.MAX when SND.UNA was last sent again: reports from beyond it say whether that was lost too. */
    private int retransmittedBefore;

    private boolean retransmitFirst;
    /** After the retransmission timer: one segment, until something is acknowledged. */
    private boolean afterTimeout;
    /** No fast retransmit by duplicate acknowledgements below this (RFC 6582 section 4). */
    private int timeoutPoint;

    private boolean timing;
    private int timedSequence;
    private long timedAt;
    /** When SND.UNA last moved, or the first byte in flight was sent. */
    private long progressAt;

    private int probes;

    Sender(TcpConnection connection, TcpEndpoint endpoint, int iss, int shift, int mss, int headerLength) {
        this.connection = connection;
        this.endpoint = endpoint;
        this.congestion = endpoint.config.congestionControl().get();
        this.iss = iss;
        this.shift = Math.max(shift, 0);
        this.mss = mss;
        this.headerLength = headerLength;
        this.una = iss;
        this.next = iss;
        this.max = iss;
        this.timeoutPoint = iss;
        queue.start(iss + 1);
    }

    /** The handshake's acknowledgement has come: RFC 9293 section 3.10.7.4, SYN-RECEIVED. */
    void established(Segment segment, long now) {
        una = iss + 1;
        next = una;
        max = una;
        timeoutPoint = una;
        windowSequence = segment.sequence;
        windowAcknowledgment = segment.acknowledgment;
        window = segment.window << shift;
        maxWindow = window;
        congestion.start(mss);
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
        int usable = Math.min(Math.min(window, congestionWindow()), endpoint.config.sendQueueMax()) + mss;
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
        boolean news = segment.sackBlocks > 0 && connection.sackPermitted() && readSack(segment);
        int offered = segment.window << shift;
        boolean advanced = Sequence.after(ack, una);
        if (advanced) {
            advance(segment, ack, now);
        } else if (ack == una && max != una && window != 0) {
            // RFC 5681 section 2: same number, no data, no FIN, window unchanged, data outstanding. With a closed
            // window it
            // is the answer to a probe.
            if (segment.length() == 0 && (offered == window || news)) {
                duplicate();
            }
        }
        // What acknowledges more is newer, though its sequence number may be old: a retransmission. If only SND.UNA
        // moved, the
        // window, which is counted from there, would move with it and beyond what the peer ever offered.
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
        // RFC 6675 section 5.1: not again before the timer's own retransmission is through.
        if (!scoreboard.isEmpty()
                && !recovering
                && !Sequence.before(una, timeoutPoint)
                && scoreboard.isLost(una, mss)) {
            enterRecovery();
        } else if (recovering
                && !retransmitFirst
                && Sequence.after(retransmitted, una)
                && Sequence.after(
                        scoreboard.highest(una), retransmittedBefore + (Scoreboard.DUPLICATE_THRESHOLD - 1) * mss)) {
            // As RFC 8985 section 6.2 infers it, by order of sending: what left later has arrived. RFC 6675 would wait
            // for
            // the timer.
            retransmitFirst = true;
        }
    }

    private boolean readSack(Segment segment) {
        boolean news = false;
        for (int i = 0; i < segment.sackBlocks; i++) {
            int left = segment.sackLeft[i];
            int right = segment.sackRight[i];
            // Below SND.UNA it is a duplicate report (RFC 2883), beyond SND.MAX a lie.
            if (Sequence.before(left, right) && Sequence.after(left, una) && !Sequence.after(right, max)) {
                news |= scoreboard.add(left, right);
            }
        }
        return news;
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
        scoreboard.advance(una);
        roundTripTime.progress();
        afterTimeout = false;
        probes = 0;
        progressAt = now;
        if (!recovering) {
            duplicateAcks = 0;
            congestion.acked(bytes, flight);
        } else if (!Sequence.before(ack, recoveryPoint)) {
            recovering = false;
            duplicateAcks = 0;
            congestion.exitRecovery(inFlight());
        } else {
            // RFC 6582: what follows a partial acknowledgement is lost too.
            congestion.partialAck(bytes);
            retransmitFirst = scoreboard.isEmpty();
            retransmitted = Sequence.max(retransmitted, una);
            // When what is first now was sent again is not known; not later than now.
            retransmittedBefore = max;
        }
        if (una == max) {
            endpoint.timers.cancel(connection.retransmissionTimer);
        } else {
            endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
        }
    }

    /** RTTM by timestamps (RFC 7323 section 4), else one timed segment per round trip (RFC 6298 section 3, Karn). */
    private void sampleRoundTrip(Segment segment, int ack, long now) {
        if (segment.timestamps && segment.timestampEcho != 0) {
            int millis = connection.timestamps.value(now) - segment.timestampEcho;
            if (millis >= 0) {
                roundTripTime.sample(Math.max(1, millis) * 1_000_000L);
            }
        } else if (timing && !Sequence.before(ack, timedSequence)) {
            roundTripTime.sample(now - timedAt);
        }
        if (timing && !Sequence.before(ack, timedSequence)) {
            timing = false;
        }
    }

    private void duplicate() {
        if (recovering) {
            if (scoreboard.isEmpty()) {
                // With selective acknowledgements the pipe is counted, so inflating the window would count twice.
                congestion.duplicateAck();
            }
        } else if (++duplicateAcks >= Scoreboard.DUPLICATE_THRESHOLD && !Sequence.before(una, timeoutPoint)) {
            enterRecovery();
        }
    }

    private void enterRecovery() {
        recovering = true;
        recoveryPoint = max;
        retransmitted = una;
        retransmitFirst = true;
        afterTimeout = false;
        timing = false;
        congestion.enterRecovery(inFlight());
        endpoint.counters.count(Counter.FAST_RETRANSMITS);
    }

    /** The first segment again, whatever the congestion window says; then the holes that are lost. */
    private void retransmitLost(long now) {
        if (retransmitFirst) {
            retransmitFirst = false;
            retransmittedBefore = max;
            int length = Math.min(Math.min(mss, scoreboard.nextRange(una, max) - una), queue.end() - una);
            resend(una, Math.max(length, 0), now);
            retransmitted = Sequence.max(retransmitted, una + Math.max(length, 1));
        }
        while (!scoreboard.isEmpty()) {
            int hole = scoreboard.skip(Sequence.max(retransmitted, una));
            int end = scoreboard.nextRange(hole, una);
            if (!Sequence.after(end, hole) || !scoreboard.isLost(hole, mss)) {
                return;
            }
            long allowed = (long) congestion.window() - scoreboard.pipe(una, max, retransmitted, mss);
            int length = (int) Math.min(Math.min(end - hole, queue.end() - hole), Math.min(allowed, superSegment()));
            if (length <= 0 || allowed < mss && length < end - hole) {
                return;
            }
            resend(hole, length, now);
            if (hole == una) {
                retransmittedBefore = max;
            }
            retransmitted = hole + length;
        }
    }

    private void resend(int sequence, int length, long now) {
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

    private int superSegment() {
        int most = MAX_PACKET - headerLength - connection.optionRoom();
        return most - most % mss;
    }

    /** Sends what may be sent: first what was lost, then what is new. */
    void output(long now) {
        if (recovering) {
            retransmitLost(now);
        }
        int end = queue.end() + (finQueued ? 1 : 0);
        while (next != end && sendNext(end, now)) {
            // Until the window, or the queue, is used up.
        }
        if (next != end && una == max && !connection.retransmissionTimer.isArmed()) {
            // RFC 9293 section 3.8.6.1: there is data and no window; nothing but a probe will tell when it opens.
            endpoint.timers.arm(connection.retransmissionTimer, now, roundTripTime.timeout());
        }
    }

    /** Limited transmit (RFC 3042): the first two duplicates each let a new segment out, so that there are more of them. */
    private int congestionWindow() {
        int most = congestion.window();
        if (recovering || duplicateAcks == 0) {
            return most;
        }
        int extra = Math.min(duplicateAcks, Scoreboard.DUPLICATE_THRESHOLD - 1) * mss;
        return most > Integer.MAX_VALUE - extra ? Integer.MAX_VALUE : most + extra;
    }

    private boolean sendNext(int end, long now) {
        if (Sequence.before(next, max) && !scoreboard.isEmpty()) {
            next = scoreboard.skip(next);
            if (next == end) {
                return false;
            }
        }
        int allowed = Math.min(window, afterTimeout ? mss : congestionWindow());
        int usable = allowed - (next - una);
        int waiting = end - next;
        int length = Math.min(Math.min(waiting, usable), superSegment());
        if (length <= 0) {
            return false;
        }
        if (Sequence.before(next, max)) {
            // What is sent again is never held back: nothing else would move the connection on.
            length = Math.min(length, Sequence.min(max, scoreboard.nextRange(next, max)) - next);
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
        } else if (!timing) {
            timing = true;
            timedSequence = next + length;
            timedAt = now;
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
        congestion.timeout(inFlight());
        roundTripTime.backOff();
        scoreboard.clear();
        recovering = false;
        duplicateAcks = 0;
        timing = false;
        timeoutPoint = max;
        next = una;
        afterTimeout = true;
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
            timing = false;
            output(now);
        }
    }

    /** Whether {@code sequence} is in flight: an ICMP error about anything else is a forgery (RFC 5927 section 4.1). */
    boolean isOutstanding(int sequence) {
        return !Sequence.before(sequence, una) && Sequence.before(sequence, max);
    }
}
