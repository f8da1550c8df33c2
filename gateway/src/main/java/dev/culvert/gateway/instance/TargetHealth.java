package dev.culvert.gateway.instance;

import dev.culvert.policy.publication.PublicationOptions.HealthCheck;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * How the target of a publication is, seen through one instance: by looks at it, where they are asked for, and by connections that
 * visitors needed. From any thread.
 */
final class TargetHealth {
    /** Connections that could not be made, or that the target ended without an answer, in a row, after which it is passed over. */
    static final int FAILS = 3;

    /** For how long: then a visitor tries it again, who has other instances if that fails. */
    static final long PASSED_OVER_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** What looks have found. */
    enum State {
        /** Nobody looks, or has looked yet: it is taken for well. */
        UNKNOWN("not checked"),
        WELL("well"),
        UNWELL("unwell");

        private final String text;

        State(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * What there is to say of it.
     *
     * @param since when it became so; null while unknown
     * @param error of the last look that failed, if it is unwell or the last look failed
     * @param passedOver whether connections to it fail, or bring no answer
     */
    record Seen(
            State state, @Nullable Instant since, @Nullable String error, boolean passedOver) {}

    private State state = State.UNKNOWN;
    private @Nullable Instant since;
    private @Nullable String error;

    /** Looks in a row that say otherwise than the state. */
    private int against;

    private int connectFails;
    private int unanswered;
    private long passedOverSince;

    /**
     * Somebody has looked. The first look decides alone: an instance that has just come has no past to be trusted for.
     *
     * @param why it failed; null when it is well
     * @return whether the state is another now
     */
    synchronized boolean looked(HealthCheck check, @Nullable String why, Instant now) {
        State found = why == null ? State.WELL : State.UNWELL;
        if (why != null || state != State.UNWELL) {
            error = why;
        }
        if (found == state) {
            against = 0;
            return false;
        }
        against++;
        int needed = state == State.UNKNOWN ? 1 : found == State.WELL ? check.passes() : check.fails();
        if (against < needed) {
            return false;
        }
        against = 0;
        state = found;
        since = now;
        error = why;
        return true;
    }

    /** A visitor's connection to it was made. */
    synchronized void connected() {
        connectFails = 0;
    }

    /** A visitor's connection to it could not be made. */
    synchronized void failed(long nowNanos) {
        connectFails++;
        passedOverSince = nowNanos;
    }

    /** It has answered a visitor. */
    synchronized void answered() {
        unanswered = 0;
    }

    /** It has ended a visitor's new connection without an answer. */
    synchronized void unanswered(long nowNanos) {
        unanswered++;
        passedOverSince = nowNanos;
    }

    synchronized boolean isUnwell() {
        return state == State.UNWELL;
    }

    /** Whether others go before it. */
    synchronized boolean isPassedOver(long nowNanos) {
        return Math.max(connectFails, unanswered) >= FAILS && nowNanos - passedOverSince < PASSED_OVER_NANOS;
    }

    synchronized Seen seen(long nowNanos) {
        return new Seen(state, since, error, isPassedOver(nowNanos));
    }
}
