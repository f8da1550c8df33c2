package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.frame.Frame;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * A rate that several links share: a token bucket in units of time (generic cell rate algorithm, ITU-T I.371). A link
 * {@linkplain #reserve reserves} its next turn and waits until that begins, so links that want more than there is get turns
 * one after the other. The rate does not change; {@link #at} makes another bucket. From any thread.
 */
public final class Bandwidth {
    /**
     * What a link that was idle may send at once, as time: a page or a few lines of a terminal come without waiting, and a
     * timer that is late by less costs nothing.
     */
    static final long BURST_NANOS = 50_000_000;

    /** One turn, as time: so often a fast link wakes up. */
    private static final long TURN_NANOS = 2_000_000;

    /** The least turn: a full frame. */
    static final int MIN_TURN = Frame.HEADER_LENGTH + Frame.MAX_DATA;

    static final int MAX_TURN = FairWriter.MAX_PER_TURN;

    private static final long BIT_NANOS_PER_BYTE = 8_000_000_000L;

    private final long bitsPerSecond;
    private final int turn;
    private final long burstNanos;
    private final LongAdder waits;

    /** Up to this moment all is given away. */
    private final AtomicLong spent;

    /**
     * An empty bucket: who comes anew has no burst, or coming again and again would be a way round.
     *
     * @param bitsPerSecond more than 0
     * @param nowNanos by the clock of the event loops that will ask
     * @param waits counts the turns that have to wait
     */
    public Bandwidth(long bitsPerSecond, long nowNanos, LongAdder waits) {
        if (bitsPerSecond <= 0) {
            throw new IllegalArgumentException("bandwidth of " + bitsPerSecond + " bit/s");
        }
        this.bitsPerSecond = bitsPerSecond;
        this.waits = waits;
        double bytes = (double) bitsPerSecond * TURN_NANOS / BIT_NANOS_PER_BYTE;
        this.turn = (int) Math.max(MIN_TURN, Math.min(MAX_TURN, bytes));
        this.burstNanos = Math.max(BURST_NANOS, cost(turn));
        this.spent = new AtomicLong(nowNanos);
    }

    /** The same bucket at another rate: what was given away already is waited for, at the new rate. */
    public Bandwidth at(long otherBitsPerSecond, long nowNanos) {
        Bandwidth other = new Bandwidth(otherBitsPerSecond, nowNanos, waits);
        long owedNanos = spent.get() - nowNanos;
        if (owedNanos > 0) {
            other.spent.set(nowNanos + (long) ((double) owedNanos * bitsPerSecond / otherBitsPerSecond));
        }
        return other;
    }

    public long bitsPerSecond() {
        return bitsPerSecond;
    }

    /** Bytes that a link should reserve at once. */
    int turn() {
        return turn;
    }

    /** Most bytes that may go at once. */
    long burst() {
        return (long) ((double) burstNanos * bitsPerSecond / BIT_NANOS_PER_BYTE);
    }

    /**
     * Gives bytes away.
     *
     * @return when they may be sent, in nanoseconds of the given clock; not after {@code nowNanos} for at once
     */
    long reserve(long bytes, long nowNanos) {
        long cost = cost(bytes);
        while (true) {
            long before = spent.get();
            long from = Math.max(before - nowNanos, -burstNanos);
            if (spent.compareAndSet(before, nowNanos + from + cost)) {
                if (from > 0) {
                    waits.increment();
                }
                return nowNanos + from;
            }
        }
    }

    /** How long these bytes take, rounded up: never faster than allowed. */
    private long cost(long bytes) {
        return (bytes * BIT_NANOS_PER_BYTE + bitsPerSecond - 1) / bitsPerSecond;
    }
}
