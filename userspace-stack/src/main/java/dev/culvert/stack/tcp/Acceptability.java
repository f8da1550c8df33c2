package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpConnection.State;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import java.util.concurrent.TimeUnit;

/**
 * What a segment has to pass before it changes anything in its connection: PAWS (RFC 7323 section 5.3), the acceptability test
 * of RFC 9293 section 3.10.7.4, and what RFC 5961 has against blind attackers. A segment that does not pass is answered
 * here, and so is the peer's question whether this end is there.
 */
final class Acceptability {
    /** RFC 5961 section 7 asks for a limit; it is per connection, for a shared one is a side channel (CVE-2016-5696). */
    private static final long CHALLENGE_SPACING = TimeUnit.MILLISECONDS.toNanos(100);

    /** No kernel asks sooner after it was heard of; the last byte sent again, because its ACK was late, looks alike. */
    private static final long LEAST_KEEP_ALIVE = TimeUnit.SECONDS.toNanos(1);

    private final TcpConnection connection;
    private final TcpEndpoint endpoint;
    private final Receiver receiver;
    private final Timestamps timestamps;

    private long lastChallenge;
    /** The peer has asked whether this end is there, and has not been answered. */
    private boolean keepAliveOpen;

    Acceptability(TcpConnection connection, TcpEndpoint endpoint, Receiver receiver, Timestamps timestamps, long now) {
        this.connection = connection;
        this.endpoint = endpoint;
        this.receiver = receiver;
        this.timestamps = timestamps;
        this.lastChallenge = now - CHALLENGE_SPACING;
    }

    /** Trims {@code segment} to the window. Returns false if nothing of it is to be processed; it has been answered then. */
    boolean passes(Segment segment, long now) {
        return checkTimestamp(segment, now) && trim(segment, now);
    }

    /** RFC 5961 section 3.2: only the exact sequence number resets; anything else in the window is challenged. */
    boolean isReset(Segment segment, long now) {
        if (segment.sequence == receiver.next) {
            endpoint.counters.count(Counter.RESETS_IN);
            return true;
        }
        if (!Sequence.before(segment.sequence, receiver.next) && Sequence.before(segment.sequence, receiver.edge)) {
            challenge(now);
        } else {
            endpoint.counters.count(Counter.DROPPED_UNACCEPTABLE);
        }
        return false;
    }

    /** An ACK in answer to something odd, at most one per {@link #CHALLENGE_SPACING}. */
    void challenge(long now) {
        if (now - lastChallenge < CHALLENGE_SPACING) {
            return;
        }
        lastChallenge = now;
        endpoint.counters.count(Counter.CHALLENGE_ACKS);
        connection.acknowledge();
    }

    /** The peer has asked whether this end is there: it is. */
    void answerKeepAlive() {
        if (keepAliveOpen && !connection.isGone()) {
            keepAliveOpen = false;
            connection.acknowledge();
        }
    }

    private boolean checkTimestamp(Segment segment, long now) {
        if (!timestamps.enabled) {
            return true;
        }
        if (!segment.timestamps) {
            endpoint.counters.count(Counter.DROPPED_NO_TIMESTAMP);
            return false;
        }
        if (timestamps.isOld(segment, now)) {
            endpoint.counters.count(Counter.DROPPED_PAWS);
            if (segment.length() > 0) {
                connection.acknowledge();
            } else {
                challenge(now);
            }
            return false;
        }
        return true;
    }

    private boolean trim(Segment segment, long now) {
        if (receiver.isKeepAlive(segment) && askKeepAlive(segment, now)) {
            return false;
        }
        switch (receiver.trim(segment)) {
            case Receiver.WHOLE -> {
                return true;
            }
            case Receiver.TRIMMED -> {
                // Something came twice, or beyond the window; a probe of a closed one (section 3.8.6.1) is left without
                // payload here, but its ACK counts.
                connection.acknowledgeLater();
                return true;
            }
            case Receiver.EMPTY_OUTSIDE -> {
                endpoint.counters.count(Counter.DROPPED_UNACCEPTABLE);
                challenge(now);
            }
            case Receiver.DUPLICATE -> {
                endpoint.counters.count(Counter.DUPLICATE_SEGMENTS);
                answer(now);
            }
            default -> {
                endpoint.counters.count(Counter.DROPPED_UNACCEPTABLE);
                answer(now);
            }
        }
        return false;
    }

    private void answer(long now) {
        if (connection.state() == State.SYN_RECEIVED) {
            challenge(now);
        } else {
            connection.acknowledge();
        }
    }

    /** Returns false when it is not for the channel's holder to answer. */
    private boolean askKeepAlive(Segment segment, long now) {
        TcpFlow asked = connection.flow();
        if (asked == null
                || connection.state() == State.SYN_RECEIVED
                || segment.payloadLength > 0 && now - connection.lastReceived() < LEAST_KEEP_ALIVE
                || !asked.hearsKeepAlive()) {
            return false;
        }
        if (now - lastChallenge >= CHALLENGE_SPACING) {
            lastChallenge = now;
            endpoint.counters.count(Counter.KEEPALIVES_IN);
            keepAliveOpen = true;
            asked.fireKeepAlive();
        }
        return true;
    }
}
