package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import org.jspecify.annotations.Nullable;

/**
 * Which SYNs become requests: those between two hosts' addresses, and no more than the limits, in all and of each source, so
 * that one scanner of silent hosts does not keep everyone else out.
 */
final class Admission {
    private final TcpConfig config;
    private final TcpCounters counters;
    private final KeyedHash hash;
    /** How many requests of a source are pending; the address is the key. */
    private final FlowTable sources = new FlowTable();

    Admission(TcpConfig config, TcpCounters counters, KeyedHash hash) {
        this.config = config;
        this.counters = counters;
        this.hash = hash;
    }

    /** Whether a SYN may become a request, which is counted then until {@link #ended}. */
    boolean admit(FlowEntry key) {
        if (key.remotePort() == 0 || key.localPort() == 0) {
            counters.count(Counter.DROPPED_ADDRESS);
            return false;
        }
        long pending = counters.get(Counter.PENDING);
        if (pending >= config.maxPending()
                || pending + counters.get(Counter.OPEN) >= config.maxFlows()
                || !countSource(key)) {
            counters.count(Counter.DROPPED_SYN_LIMIT);
            return false;
        }
        counters.count(Counter.PENDING);
        return true;
    }

    /** A request is accepted, refused or abandoned. */
    void ended(FlowEntry request) {
        counters.add(Counter.PENDING, -1);
        Source source = source(request);
        if (source != null && --source.pending == 0) {
            sources.remove(source);
        }
    }

    private boolean countSource(FlowEntry key) {
        Source source = source(key);
        if (source == null) {
            sources.add(new Source(key, sourceHash(key)));
            return true;
        }
        if (source.pending >= config.maxPendingPerSource()) {
            return false;
        }
        source.pending++;
        return true;
    }

    private @Nullable Source source(FlowEntry key) {
        return (Source) sources.get(key.remoteHigh, key.remoteLow, 0, 0, FlowEntry.ports(0, 0, 0), sourceHash(key));
    }

    private int sourceHash(FlowEntry key) {
        return (int) hash.hash(key.remoteHigh, key.remoteLow, 0, 0, 0, TcpEndpoint.TABLE);
    }

    /** How many requests of one source are pending. */
    private static final class Source extends FlowEntry {
        int pending = 1;

        Source(FlowEntry key, int hash) {
            super(key.remoteHigh, key.remoteLow, 0, 0, FlowEntry.ports(0, 0, 0), hash);
        }
    }
}
