/**
 * A client's way to its gateway and the agents behind it, without a device: what TUN mode, and whatever else opens flows, is
 * built on.
 *
 * <p>{@link dev.culvert.client.uplink.Uplink} keeps the link up, for the session of this process ({@link
 * dev.culvert.client.uplink.NotedSession}). What the gateway announces is read with care
 * ({@code Announced}), told in a few lines ({@code AgentNews}), and becomes the {@link dev.culvert.client.uplink.RouteTable}
 * ({@code RouteChoice}): by that, or by the name of an agent or a host, {@code Uplink} opens flows. Where the table shows a network
 * under other addresses than its own, {@code Uplink} is the place where one becomes the other.
 */
@NullMarked
package dev.culvert.client.uplink;

import org.jspecify.annotations.NullMarked;
