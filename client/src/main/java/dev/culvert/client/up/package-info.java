/**
 * TUN mode, {@code client up} and {@code client down}: joins the TUN device and the stack to the
 * {@linkplain dev.culvert.client.uplink uplink}.
 *
 * <p>{@code UpCommand} opens the device and makes a {@code TunSession}: the one event loop on which TUN, stack and link live. A
 * new flow of the stack goes to {@code Splices}, and {@code TcpSplice}, {@code UdpSplice} or {@code EchoSplice} opens the flow
 * on the link and joins the two; {@code Refusals} and {@code PathErrors} say what the application hears. {@code HostRoutes}
 * changes the host, on a thread of its own, with {@code LeakGuard} saying what must not leave past the tunnel; {@code
 * ClientJournal} and {@code RunningClients} are how {@code DownCommand} finds a client, or what one has left.
 */
@NullMarked
package dev.culvert.client.up;

import org.jspecify.annotations.NullMarked;
