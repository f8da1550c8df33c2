/**
 * What is counted and bounded over all links, and given to every part of the gateway as {@link
 * dev.culvert.gateway.limit.Services}: {@link dev.culvert.gateway.limit.Counters}, the {@link
 * dev.culvert.gateway.limit.Backlog} of what waits for peers, {@link dev.culvert.gateway.limit.PeerLines} of the log. Visitors are counted by
 * {@link dev.culvert.gateway.limit.Network}, and have {@link dev.culvert.gateway.limit.NetworkRates}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.limit;
