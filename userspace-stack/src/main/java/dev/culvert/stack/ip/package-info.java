/**
 * The internet layer without flows: what an arriving packet must satisfy ({@link dev.culvert.stack.ip.IpParser}), how
 * fragments become packets again ({@link dev.culvert.stack.ip.Reassembler}), how datagrams are sent and cut
 * ({@link dev.culvert.stack.ip.IpOutput}) and which errors are reported to whom ({@link dev.culvert.stack.ip.IcmpErrors}).
 *
 * <p>Addresses are two longs, high and low; an IPv4 address is held in its IPv4-mapped form {@code ::ffff:a.b.c.d}, which the
 * parser refuses on the wire, so the two families never collide.
 *
 * <p>Thread rule: one instance belongs to one event loop and takes no locks. Only
 * {@link dev.culvert.stack.ip.IpCounters} may be read from elsewhere.
 */
@NullMarked
package dev.culvert.stack.ip;

import org.jspecify.annotations.NullMarked;
