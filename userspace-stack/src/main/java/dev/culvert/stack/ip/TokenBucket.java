package dev.culvert.stack.ip;

/** A rate limit: so many at once, and so many a second after that. */
public final class TokenBucket {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final long nanosPerToken;
    private final long capacityNanos;
    private long creditNanos;
    private long last;

    /**
     * A full bucket.
     *
     * @param perSecond tokens a second, 1 to 10^9
     * @param burst tokens that a full bucket holds
     */
    public TokenBucket(int perSecond, int burst, long nowNanos) {
        this.nanosPerToken = NANOS_PER_SECOND / perSecond;
        this.capacityNanos = nanosPerToken * burst;
        this.creditNanos = capacityNanos;
        this.last = nowNanos;
    }

    /** Takes a token if there is one. */
    public boolean take(long nowNanos) {
        long passed = nowNanos - last;
        last = nowNanos;
        // Compared before added: an idle spell of centuries must not overflow.
        creditNanos = passed >= capacityNanos - creditNanos ? capacityNanos : creditNanos + passed;
        if (creditNanos < nanosPerToken) {
            return false;
        }
        creditNanos -= nanosPerToken;
        return true;
    }
}
