package dev.culvert.stack.tcp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * What TCP has counted. One thread, the event loop, writes; every thread may read. So a count is a plain addition with an
 * opaque store: no lock prefix on the packet path, never a torn value, and soon visible elsewhere.
 */
public final class TcpCounters {
    /** What is counted; gauges say so. */
    public enum Counter {
        SEGMENTS_IN,
        SEGMENTS_OUT,
        BYTES_IN,
        BYTES_OUT,
        RETRANSMITTED_SEGMENTS,
        RETRANSMISSION_TIMEOUTS,
        FAST_RETRANSMITS,
        WINDOW_PROBES,
        KEEPALIVE_PROBES,
        /** Keep-alive probes of the peer that the channel's holder was asked to answer. */
        KEEPALIVES_IN,
        OUT_OF_ORDER_SEGMENTS,
        DUPLICATE_SEGMENTS,
        RESETS_IN,
        RESETS_OUT,
        CHALLENGE_ACKS,
        SYNS_IN,
        SYN_RETRANSMITS_IN,
        REQUESTS_ABANDONED,
        REQUESTS_REFUSED,
        FLOWS_ACCEPTED,
        FLOWS_ESTABLISHED,
        FLOWS_TIMED_OUT,
        /** Header or options malformed. */
        DROPPED_MALFORMED,
        /** SYN to or from port 0. Addresses that are no host's (RFC 9293 MUST-57) come no further than the IP parser. */
        DROPPED_ADDRESS,
        /** SYN beyond a cap on flows or pending requests. */
        DROPPED_SYN_LIMIT,
        /** Not acceptable by sequence number (RFC 9293 section 3.10.7.4). */
        DROPPED_UNACCEPTABLE,
        /** Older by its timestamp than what came before (PAWS, RFC 7323 section 5). */
        DROPPED_PAWS,
        /** Timestamps were negotiated and the segment has none (RFC 7323 section 3.2). */
        DROPPED_NO_TIMESTAMP,
        /** Acknowledges what was never sent, or is too old (RFC 5961 section 5). */
        DROPPED_BAD_ACK,
        /** Neither SYN, RST nor ACK where an ACK is required. */
        DROPPED_NO_ACK,
        /** The queue of out-of-order segments was full, or the budget of all queues used up. */
        DROPPED_QUEUE_FULL,
        /** Gauge: requests that wait for an answer. */
        PENDING,
        /** Gauge: connections with state, TIME-WAIT not included. */
        OPEN,
        /** Gauge: connections in TIME-WAIT. */
        TIME_WAIT,
        /** Gauge: received bytes that the applications have not read yet, those out of order included. */
        RECEIVE_QUEUED,
        /** Gauge: bytes that the peers have not acknowledged yet, those not sent included. */
        SEND_QUEUED
    }

    private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] cells = new long[Counter.values().length];

    TcpCounters() {}

    /** The value now; for a gauge the current level, otherwise the count since the endpoint was made. */
    public long get(Counter counter) {
        return (long) CELL.getOpaque(cells, counter.ordinal());
    }

    void count(Counter counter) {
        add(counter, 1);
    }

    void add(Counter counter, long n) {
        int cell = counter.ordinal();
        CELL.setOpaque(cells, cell, cells[cell] + n);
    }

    void segmentSent(int payload) {
        count(Counter.SEGMENTS_OUT);
        add(Counter.BYTES_OUT, payload);
    }
}
