package dev.culvert.gateway.access;

import dev.culvert.policy.ClientLimits;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What clients use, by their names. From any thread. */
public final class ClientUsages {
    /** Clients whose usage is kept before it is looked who has none any more: some hundred bytes each. */
    private static final int CLIENTS_REMEMBERED = 1_024;

    private final Map<String, ClientUsage> usage = new ConcurrentHashMap<>();
    private final LongAdder waits;
    private final LongSupplier nanoTime;
    private volatile int forgetAt = CLIENTS_REMEMBERED;

    /** @param waits counts how often clients had to wait for their bandwidth */
    public ClientUsages(LongAdder waits, LongSupplier nanoTime) {
        this.waits = waits;
        this.nanoTime = nanoTime;
    }

    /** What a client uses, shared by the links of its name; each link {@linkplain #giveBack gives it back} when it goes. */
    public ClientUsage take(String client) {
        return usage.compute(client, (name, u) -> {
            ClientUsage shared = u == null ? new ClientUsage(waits) : u;
            shared.links++;
            return shared;
        });
    }

    /**
     * Counts an OPEN of one who has no link of its own; see {@link ClientUsage#asks}.
     *
     * @return null when it may be judged, else the limit that is reached, in words
     */
    public @Nullable String asks(String one, ClientLimits limits, long nowNanos) {
        ClientUsage its = take(one);
        try {
            return its.asks(limits, nowNanos);
        } finally {
            giveBack(one);
        }
    }

    /** How many are known. */
    int size() {
        return usage.size();
    }

    /** A link of the client is gone. */
    public void giveBack(String client) {
        usage.computeIfPresent(client, (name, u) -> {
            u.links--;
            return u;
        });
        // What one has asked for is remembered while it counts, so that connecting anew wins nothing.
        if (usage.size() > forgetAt) {
            long now = nanoTime.getAsLong();
            usage.keySet().forEach(n -> usage.computeIfPresent(n, (name, u) -> u.isForgettable(now) ? null : u));
            forgetAt = Math.max(CLIENTS_REMEMBERED, 2 * usage.size()); // so that looking costs little for each
        }
    }
}
