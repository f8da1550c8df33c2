/**
 * The store of several gateways. A {@link dev.culvert.store.cluster.ClusterStore} keeps what each
 * {@link dev.culvert.store.Store} keeps as values of an {@link dev.culvert.store.cluster.Engine} that others run, at a
 * {@link dev.culvert.store.cluster.StoreAddress}. It believes the engine nothing: what lies there is closed by a
 * {@link dev.culvert.store.cluster.Seal}, whose key comes from the {@link dev.culvert.store.cluster.ClusterKey} that the gateways
 * have, and {@link dev.culvert.store.cluster.CopiedValues} takes nothing back that was seen of it once: what a gateway has seen lies in its
 * {@link dev.culvert.store.cluster.LastCopy} too, which is {@linkplain dev.culvert.store.cluster.Merge merged} into an engine that lost something, by its
 * {@link dev.culvert.store.cluster.Follower}. Whose turn it is to write is in {@link dev.culvert.store.cluster.Turns}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.store.cluster;
