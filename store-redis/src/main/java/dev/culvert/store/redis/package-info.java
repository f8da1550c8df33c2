/**
 * Redis or Valkey as the engine of a {@link dev.culvert.store.cluster.ClusterStore}: {@link dev.culvert.store.redis.RedisKind} is
 * what that finds, {@link dev.culvert.store.redis.Redis} what it speaks to.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.store.redis;
