/**
 * What keeps one peer from taking everybody's: {@link dev.culvert.tunnel.limit.Quota} bounds how much is held at once,
 * {@link dev.culvert.tunnel.limit.RateLimit} how often something happens, {@link
 * dev.culvert.tunnel.limit.LineLimit} how many lines of a log somebody causes, {@link dev.culvert.tunnel.limit.IdTable} finds
 * what a peer has numbered in the same time whatever numbers it picks, {@link dev.culvert.tunnel.limit.EndpointKey}
 * what it has given an address, and {@link dev.culvert.tunnel.limit.RecentMap} keeps what was asked for last. Every limit of the programs on what a peer may cost
 * is one of these, with a named constant.
 */
@NullMarked
package dev.culvert.tunnel.limit;

import org.jspecify.annotations.NullMarked;
