/**
 * {@code client up}: joins the TUN device, the stack and the link.
 *
 * <p>{@link dev.culvert.client.ClientSession} owns the one event loop on which TUN, stack and link live. A new flow of the
 * stack goes, by {@link dev.culvert.client.RouteTable}, to an agent: {@link dev.culvert.client.TcpSplice},
 * {@link dev.culvert.client.UdpSplice} and {@link dev.culvert.client.EchoSplice} open the flow on the link and join the
 * two. {@link dev.culvert.client.HostRoutes} changes the host, on a thread of its own.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.client;
