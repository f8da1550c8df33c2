/**
 * The formats on the wire, and nothing else: field accessors for IPv4, IPv6, TCP, UDP and ICMP headers, the internet checksum
 * and the {@code virtio_net_hdr} that precedes each packet.
 *
 * <p>A header is a {@link io.netty.buffer.ByteBuf} and the absolute index at which it starts; there is no view object, so
 * reading a field allocates nothing. Accessors do not move reader or writer indices and do not check lengths: the caller has
 * made sure that the header lies within the readable bytes. No method here retains or releases a buffer. Everything is
 * stateless and safe on any thread.
 */
@NullMarked
package dev.culvert.stack.wire;

import org.jspecify.annotations.NullMarked;
