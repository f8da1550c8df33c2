package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpCounters.Counter;

/**
 * What of the flight is lost and goes out again before anything new, and how much may be under way: RFC 5681, RFC 6582 and
 * RFC 6675, field names as there. It hears what acknowledgements and the retransmission timer say; the {@link Sender}, whose
 * sequence numbers it reads, sends.
 */
final class LossRecovery {
    private final Sender sender;
    private final TcpEndpoint endpoint;
    private final CongestionControl congestion;
    private final Scoreboard scoreboard = new Scoreboard();

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

    LossRecovery(Sender sender, TcpEndpoint endpoint) {
        this.sender = sender;
        this.endpoint = endpoint;
        this.congestion = endpoint.config.congestionControl().get();
    }

    /** The handshake is over; nothing is in flight. */
    void established() {
        timeoutPoint = sender.una;
        congestion.start(sender.mss);
    }

    // ---- What acknowledgements say ----

    /** Whether the peer reports that something has come which it had not reported before. */
    boolean readSack(Segment segment) {
        boolean news = false;
        for (int i = 0; i < segment.sackBlocks; i++) {
            int left = segment.sackLeft[i];
            int right = segment.sackRight[i];
            // Below SND.UNA it is a duplicate report (RFC 2883), beyond SND.MAX a lie.
            if (Sequence.before(left, right)
                    && Sequence.after(left, sender.una)
                    && !Sequence.after(right, sender.max)) {
                news |= scoreboard.add(left, right);
            }
        }
        return news;
    }

    /** SND.UNA has moved on by {@code bytes} when {@code flight} bytes were outstanding. */
    void advanced(int bytes, int flight) {
        int una = sender.una;
        scoreboard.advance(una);
        afterTimeout = false;
        if (!recovering) {
            duplicateAcks = 0;
            congestion.acked(bytes, flight);
        } else if (!Sequence.before(una, recoveryPoint)) {
            recovering = false;
            duplicateAcks = 0;
            congestion.exitRecovery(sender.inFlight());
        } else {
            // RFC 6582: what follows a partial acknowledgement is lost too.
            congestion.partialAck(bytes);
            retransmitFirst = scoreboard.isEmpty();
            retransmitted = Sequence.max(retransmitted, una);
            // When what is first now was sent again is not known; not later than now.
            retransmittedBefore = sender.max;
        }
    }

    /** A duplicate acknowledgement in the sense of RFC 5681 section 2. */
    void duplicate() {
        if (recovering) {
            if (scoreboard.isEmpty()) {
                // With selective acknowledgements the pipe is counted, so inflating the window would count twice.
                congestion.duplicateAck();
            }
        } else if (++duplicateAcks >= Scoreboard.DUPLICATE_THRESHOLD && !Sequence.before(sender.una, timeoutPoint)) {
            enter();
        }
    }

    /** Looks, when an acknowledgement has been taken in, whether what the peer has reported shows a loss. */
    void detect() {
        if (scoreboard.isEmpty() && !recovering) {
            return;
        }
        int una = sender.una;
        int mss = sender.mss;
        // RFC 6675 section 5.1: not again before the timer's own retransmission is through.
        if (!scoreboard.isEmpty()
                && !recovering
                && !Sequence.before(una, timeoutPoint)
                && scoreboard.isLost(una, mss)) {
            enter();
        } else if (recovering
                && !retransmitFirst
                && Sequence.after(retransmitted, una)
                && Sequence.after(
                        scoreboard.highest(una), retransmittedBefore + (Scoreboard.DUPLICATE_THRESHOLD - 1) * mss)) {
            // As RFC 8985 section 6.2 infers it, by order of sending: what left later has arrived. RFC 6675 would
            // wait for the timer.
            retransmitFirst = true;
        }
    }

    private void enter() {
        recovering = true;
        recoveryPoint = sender.max;
        retransmitted = sender.una;
        retransmitFirst = true;
        afterTimeout = false;
        sender.roundTripTime.stopTiming();
        congestion.enterRecovery(sender.inFlight());
        endpoint.counters.count(Counter.FAST_RETRANSMITS);
    }

    /** The retransmission timer has fired: everything is thought lost, and what the peer has reported is forgotten. */
    void timeout() {
        congestion.timeout(sender.inFlight());
        scoreboard.clear();
        recovering = false;
        duplicateAcks = 0;
        timeoutPoint = sender.max;
        afterTimeout = true;
    }

    // ---- What may be sent ----

    /** The first segment again, whatever the congestion window says; then the holes that are lost. */
    void retransmit(long now) {
        if (!recovering) {
            return;
        }
        int una = sender.una;
        int end = sender.queue.end();
        if (retransmitFirst) {
            retransmitFirst = false;
            retransmittedBefore = sender.max;
            int length = Math.min(Math.min(sender.mss, scoreboard.nextRange(una, sender.max) - una), end - una);
            sender.resend(una, Math.max(length, 0), now);
            retransmitted = Sequence.max(retransmitted, una + Math.max(length, 1));
        }
        while (!scoreboard.isEmpty()) {
            int hole = scoreboard.skip(Sequence.max(retransmitted, una));
            int holeEnd = scoreboard.nextRange(hole, una);
            if (!Sequence.after(holeEnd, hole) || !scoreboard.isLost(hole, sender.mss)) {
                return;
            }
            long allowed = (long) congestion.window() - scoreboard.pipe(una, sender.max, retransmitted, sender.mss);
            int length = (int) Math.min(Math.min(holeEnd - hole, end - hole), Math.min(allowed, sender.superSegment()));
            if (length <= 0 || allowed < sender.mss && length < holeEnd - hole) {
                return;
            }
            sender.resend(hole, length, now);
            if (hole == una) {
                retransmittedBefore = sender.max;
            }
            retransmitted = hole + length;
        }
    }

    /** How much may be in flight. */
    int allowed() {
        return afterTimeout ? sender.mss : congestionWindow();
    }

    /** Limited transmit (RFC 3042): the first two duplicates each let a new segment out, so that there are more of them. */
    int congestionWindow() {
        int most = congestion.window();
        if (recovering || duplicateAcks == 0) {
            return most;
        }
        int extra = Math.min(duplicateAcks, Scoreboard.DUPLICATE_THRESHOLD - 1) * sender.mss;
        return most > Integer.MAX_VALUE - extra ? Integer.MAX_VALUE : most + extra;
    }

    /** The first sequence number from {@code sequence} on, in flight, that the peer has not reported. */
    int firstMissing(int sequence) {
        return scoreboard.isEmpty() ? sequence : scoreboard.skip(sequence);
    }

    /** Up to where the peer has reported nothing above {@code sequence}, SND.MAX at most. */
    int endOfMissing(int sequence) {
        return Sequence.min(sender.max, scoreboard.nextRange(sequence, sender.max));
    }
}
