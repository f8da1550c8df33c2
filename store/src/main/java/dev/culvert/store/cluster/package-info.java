/**
 * The store of several gateways. A {@link dev.culvert.store.cluster.ClusterStore} keeps what each
 * {@link dev.culvert.store.Store} keeps as values of an {@link dev.culvert.store.cluster.Engine} that others run, at a
 * {@link dev.culvert.store.cluster.StoreAddress}. It believes the engine nothing: what lies there is closed by a
 * {@link dev.culvert.store.cluster.Seal}, whose key comes from the {@link dev.culvert.store.cluster.ClusterKey} that the gateways
 * have. Whose turn it is to write is in {@link dev.culvert.store.cluster.Turns}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.store.cluster;
