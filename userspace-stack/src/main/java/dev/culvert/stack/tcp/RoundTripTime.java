package dev.culvert.stack.tcp;

import java.util.concurrent.TimeUnit;

/** The retransmission time-out of RFC 6298, from samples of the round-trip time, all in nanoseconds. */
final class RoundTripTime {
    /** RFC 6298 (2.1): before a sample there is. */
    static final long INITIAL = TimeUnit.SECONDS.toNanos(1);
    /**
     * RFC 6298 (2.4) says SHOULD be 1 s, against delayed acknowledgements of old. Ours is what kernels use, since the peer is
     * on the same machine and acknowledges within 40 ms at the latest.
     */
    static final long MINIMUM = TimeUnit.MILLISECONDS.toNanos(200);
    /** RFC 6298 (2.5) allows a maximum of at least 60 s. */
    static final long MAXIMUM = TimeUnit.SECONDS.toNanos(60);
    /** RFC 6298 (5.7): if the handshake had to be sent again, start with this. */
    static final long AFTER_HANDSHAKE_LOSS = TimeUnit.SECONDS.toNanos(3);
    /** G of RFC 6298: the tick of the timer wheel. */
    private static final long GRANULARITY = dev.culvert.stack.time.TimerWheel.TICK_NANOS;

    private long smoothed;
    private long variation;
    private long timeout = INITIAL;
    private int backoff;

    private boolean timing;
    private int timedSequence;
    private long timedAt;

    /** Something new has gone out, {@code end} being the sequence number behind it; one such is timed at a time. */
    void sent(int end, long now) {
        if (!timing) {
            timing = true;
            timedSequence = end;
            timedAt = now;
        }
    }

    /** {@code ack} has come; {@code sample} says whether what was timed is to be believed. */
    void acknowledged(int ack, long now, boolean sample) {
        if (timing && !Sequence.before(ack, timedSequence)) {
            timing = false;
            if (sample) {
                sample(now - timedAt);
            }
        }
    }

    /** What is timed may be sent again, and then nobody knows which of the two was acknowledged (Karn). */
    void stopTiming() {
        timing = false;
    }

    void sample(long nanos) {
        if (smoothed == 0) {
            smoothed = Math.max(1, nanos);
            variation = nanos / 2;
        } else {
            variation += (Math.abs(smoothed - nanos) - variation) / 4;
            smoothed += (nanos - smoothed) / 8;
        }
        timeout = Math.min(MAXIMUM, Math.max(MINIMUM, smoothed + Math.max(GRANULARITY, 4 * variation)));
    }

    void handshakeWasRetransmitted() {
        timeout = AFTER_HANDSHAKE_LOSS;
    }

    /** The time-out, doubled for each that has fired since the last progress (RFC 6298 (5.5)). */
    long timeout() {
        return Math.min(MAXIMUM, timeout << Math.min(backoff, 9));
    }

    /** 0 before the first sample. */
    long smoothed() {
        return smoothed;
    }

    void backOff() {
        backoff++;
    }

    void progress() {
        backoff = 0;
    }
}
