package dev.culvert.stack.ip;

/**
 * Why a destination did not answer, and so what the application's kernel is told about it: each constant names the packet
 * that a host or router on the destination's own network would have sent (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443
 * section 3.1).
 */
public enum Refusal {
    /**
     * The destination host lives and nothing listens on the port. TCP answers RST+ACK (RFC 9293 section 3.10.7.1); UDP answers
     * port unreachable, 3/3 in ICMPv4 and 1/4 in ICMPv6.
     */
    CONNECTION_REFUSED(3, 4),
    /** No answer came. Silence here too: the application's own time-out is the only honest report. */
    TIMED_OUT(-1, -1),
    /** No such host on the last network: 3/1 in ICMPv4, address unreachable 1/3 in ICMPv6. */
    HOST_UNREACHABLE(1, 3),
    /** No route: 3/0 in ICMPv4, 1/0 in ICMPv6. */
    NETWORK_UNREACHABLE(0, 0),
    /** Policy forbids it: communication administratively prohibited, 3/13 in ICMPv4 and 1/1 in ICMPv6. */
    PROHIBITED(13, 1);

    private final int icmpv4Code;
    private final int icmpv6Code;

    Refusal(int icmpv4Code, int icmpv6Code) {
        this.icmpv4Code = icmpv4Code;
        this.icmpv6Code = icmpv6Code;
    }

    /** Whether this refusal is told to anyone at all; {@code false} means silence. */
    public boolean isAnswered() {
        return icmpv4Code >= 0;
    }

    /** The code of an ICMPv4 destination unreachable (type 3), or -1 for silence. */
    public int icmpv4Code() {
        return icmpv4Code;
    }

    /** The code of an ICMPv6 destination unreachable (type 1), or -1 for silence. */
    public int icmpv6Code() {
        return icmpv6Code;
    }
}
