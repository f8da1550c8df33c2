/**
 * The gateways of one store know of each other: each keeps a lease there with what is attached to it ({@link
 * dev.culvert.gateway.cluster.Beat}), and looks at those of the others ({@link dev.culvert.gateway.cluster.Lookout}); {@link
 * dev.culvert.gateway.cluster.Cluster} has both done, and knows the outcome. Who they are is in a document, the {@link
 * dev.culvert.gateway.cluster.Roster}. Nothing that carries flows waits for any of it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.cluster;
