/** The store that several gateways share, on Redis or Valkey. */
module dev.culvert.store.redis {
    requires dev.culvert.store;
    requires dev.culvert.text;
    requires lettuce.core;
    requires static org.jspecify;
    requires org.slf4j;

    provides dev.culvert.store.cluster.EngineKind with
            dev.culvert.store.redis.RedisKind;
}
