package dev.culvert.tun;

/**
 * An ICMP error as a socket hears of it.
 *
 * @param ipv6 whether type and code are ICMPv6's (RFC 4443) or ICMP's (RFC 792)
 * @param type of the message
 * @param code of the message
 * @param errno what the kernel makes of it
 */
public record IcmpError(boolean ipv6, int type, int code, int errno) {}
