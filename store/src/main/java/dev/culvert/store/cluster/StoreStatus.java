package dev.culvert.store.cluster;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How it stands with a cluster's store, as one gateway sees it.
 *
 * @param where its address
 * @param awaySince since when it is not used; null while it is
 * @param why it is not used, in a line; null while it is
 * @param copied when the gateway's copy was last as the store is; null without a copy that can be served by
 * @param documents of the copy
 * @param bindings of the copy: enrolled tokens
 */
public record StoreStatus(
        String where,
        @Nullable Instant awaySince,
        @Nullable String why,
        @Nullable Instant copied,
        int documents,
        int bindings) {}
