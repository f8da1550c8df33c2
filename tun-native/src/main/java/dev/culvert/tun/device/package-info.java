/**
 * The TUN device as a channel. A {@link dev.culvert.tun.device.TunDevice} is opened as a
 * {@link dev.culvert.tun.device.TunConfig} says, and what its kernel may leave unfinished is negotiated
 * ({@link dev.culvert.tun.device.TunOffloads}). Its {@link dev.culvert.tun.device.TunChannel} puts it on a Netty event loop as a
 * channel of packets, each a {@link dev.culvert.tun.device.VirtioNetHeader} followed by an IP packet, whatever the device can
 * do: what it cannot, {@code PacketWriter} has {@code SoftwareOffload} do. How packets are waited for and moved is the operating
 * system's, so there is a subclass for each.
 *
 * <p>Threads: a channel belongs to its event loop. Opening devices blocks and belongs on a thread that may.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.device;
