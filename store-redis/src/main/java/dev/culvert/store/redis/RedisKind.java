package dev.culvert.store.redis;

import dev.culvert.store.StateException;
import dev.culvert.store.cluster.Engine;
import dev.culvert.store.cluster.EngineKind;
import dev.culvert.store.cluster.StoreAddress;
import java.util.Set;

/** Redis or Valkey: alone, behind sentinels, by TLS or by a socket. Not a Redis Cluster, which splits what belongs together. */
public final class RedisKind implements EngineKind {
    /** Used by the service loader. */
    public RedisKind() {}

    @Override
    public Set<String> schemes() {
        return Set.of("redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-socket");
    }

    @Override
    public Engine open(StoreAddress address) throws StateException {
        return new Redis(address);
    }
}
