package dev.culvert.stack.wire;

/** Protocol and next-header numbers (IANA "Assigned Internet Protocol Numbers"). */
public final class IpProtocol {
    /** IPv6 hop-by-hop options (RFC 8200 section 4.3). */
    public static final int HOP_BY_HOP = 0;
    /** ICMP for IPv4. */
    public static final int ICMP = 1;
    /** IGMP. */
    public static final int IGMP = 2;
    /** TCP. */
    public static final int TCP = 6;
    /** UDP. */
    public static final int UDP = 17;
    /** IPv6 routing header (RFC 8200 section 4.4). */
    public static final int ROUTING = 43;
    /** IPv6 fragment header (RFC 8200 section 4.5). */
    public static final int FRAGMENT = 44;
    /** Encapsulating security payload (RFC 4303). */
    public static final int ESP = 50;
    /** Authentication header (RFC 4302). */
    public static final int AH = 51;
    /** ICMP for IPv6. */
    public static final int ICMPV6 = 58;
    /** Nothing follows (RFC 8200 section 4.7). */
    public static final int NO_NEXT_HEADER = 59;
    /** IPv6 destination options (RFC 8200 section 4.6). */
    public static final int DESTINATION_OPTIONS = 60;

    private IpProtocol() {}
}
