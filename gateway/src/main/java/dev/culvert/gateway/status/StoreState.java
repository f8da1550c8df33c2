package dev.culvert.gateway.status;

import dev.culvert.store.Store;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.StoreStatus;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * The store that several gateways share, as this one sees it.
 *
 * @param address without a password
 * @param state reachable or away
 * @param awaySince when it was found to be so
 * @param why in a line
 * @param copied when this gateway's copy was last as the store is; null as long as it has no whole one
 * @param documents of the copy
 * @param enrolments of the copy
 */
public record StoreState(
        String address,
        String state,
        @Nullable Instant awaySince,
        @Nullable String why,
        @Nullable Instant copied,
        int documents,
        int enrolments) {
    /** Null for a directory, which is not away. */
    static @Nullable StoreState of(Store store) {
        return store instanceof ClusterStore cluster ? of(cluster.status()) : null;
    }

    private static StoreState of(StoreStatus status) {
        return new StoreState(
                status.where(),
                status.awaySince() == null ? "reachable" : "away",
                seconds(status.awaySince()),
                status.why(),
                seconds(status.copied()),
                status.documents(),
                status.bindings());
    }

    private static @Nullable Instant seconds(@Nullable Instant at) {
        return at == null ? null : at.truncatedTo(ChronoUnit.SECONDS);
    }
}
