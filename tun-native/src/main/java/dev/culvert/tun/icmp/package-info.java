/**
 * Pings, and what a network says of datagrams, without privilege. {@link dev.culvert.tun.icmp.PingSockets} opens sockets for ICMP
 * echo; {@link dev.culvert.tun.icmp.IcmpErrorQueue} reads the {@link dev.culvert.tun.icmp.IcmpError}s that a socket has been
 * sent; {@link dev.culvert.tun.icmp.DatagramSender} sends with a hop limit.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.icmp;
