package dev.culvert.tun.icmp;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * An ICMP error as a socket hears of it.
 *
 * @param ipv6 whether type and code are ICMPv6's (RFC 4443) or ICMP's (RFC 792)
 * @param type of the message
 * @param code of the message
 * @param errno what the kernel makes of it
 * @param mtu of the next hop, when the error is that a datagram was too large for it; else of no meaning
 * @param offender the router or host that says so; null if the kernel does not know
 */
public record IcmpError(
        boolean ipv6,
        int type,
        int code,
        int errno,
        int mtu,
        @Nullable InetAddress offender) {}
