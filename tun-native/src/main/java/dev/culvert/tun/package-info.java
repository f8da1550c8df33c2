/**
 * Everything that differs by operating system: the TUN device, interface addresses and routes, and
 * unprivileged ICMP sockets.
 *
 * <p>{@link dev.culvert.tun.TunDevice#open} makes or attaches to an interface and negotiates what the
 * kernel may leave unfinished ({@link dev.culvert.tun.TunOffloads}). {@link dev.culvert.tun.TunChannel}
 * puts that device on a Netty event loop as a channel of packets, each a {@link
 * dev.culvert.tun.VirtioNetHeader} followed by an IP packet, whatever the device can do: what it cannot,
 * {@link dev.culvert.tun.SoftwareOffload} does. {@link dev.culvert.tun.HostNetwork} gives the interface
 * its addresses and routes, and writes to an {@link dev.culvert.tun.UndoJournal} beforehand how to take
 * them away. {@link dev.culvert.tun.PingSockets} opens ICMP echo sockets without privilege.
 *
 * <p>Threads: a channel belongs to its event loop. Opening devices, host network changes and the journal
 * block and belong on a thread that may.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun;
