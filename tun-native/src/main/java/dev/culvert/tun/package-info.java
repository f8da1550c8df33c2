/**
 * Everything that differs by operating system: the TUN device, interface addresses and routes, and
 * unprivileged ICMP sockets.
 *
 * <p>{@link dev.culvert.tun.TunDevice#open} makes or attaches to an interface and negotiates what the
 * kernel may leave unfinished ({@link dev.culvert.tun.TunOffloads}). {@link dev.culvert.tun.TunChannel}
 * puts that device on a Netty event loop as a channel of packets, each a {@link
 * dev.culvert.tun.VirtioNetHeader} followed by an IP packet, whatever the device can do: what it cannot,
 * {@link dev.culvert.tun.SoftwareOffload} does. The host's addresses and routes are the
 * package {@code host}'s. {@link dev.culvert.tun.PingSockets} opens ICMP echo sockets without privilege.
 *
 * <p>Threads: a channel belongs to its event loop. Opening devices blocks and belongs on a thread that may.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun;
