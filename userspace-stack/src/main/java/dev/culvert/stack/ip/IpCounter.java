package dev.culvert.stack.ip;

/** What the internet layer, UDP and ICMP count. Every packet that is not delivered adds to exactly one {@code DROPPED_} counter. */
public enum IpCounter {
    /** Packets that arrived, super-packets counted once. */
    PACKETS_IN,
    /** Packets written, super-segments counted once. */
    PACKETS_OUT,
    /** A message in the packet channel that is no packet: shorter than its device header. */
    DROPPED_NO_HEADER,
    /** Version nibble neither 4 nor 6. */
    DROPPED_VERSION,
    /** Header or total length that contradicts itself or the bytes at hand. */
    DROPPED_LENGTH,
    /** IPv4 header checksum wrong. */
    DROPPED_HEADER_CHECKSUM,
    /** TTL or hop limit 0, or 1: that one ends here, and its sender is told. */
    DROPPED_TTL,
    /** Source or destination that no packet on this link can have. */
    DROPPED_MARTIAN,
    /** Source equal to destination: the "land" attack. */
    DROPPED_LAND,
    /** Multicast or broadcast destination: chatter meant for the link, not for us. */
    DROPPED_MULTICAST,
    /** An IPv4 option that is malformed, or that RFC 7126 has dropped: source routes, record route and their like. */
    DROPPED_OPTION,
    /** An IPv6 extension header that is malformed, too long, out of place, or asks to be discarded. */
    DROPPED_EXTENSION,
    /** No upper-layer protocol that we speak; answered by an ICMP error where allowed. */
    DROPPED_PROTOCOL,
    /** TCP, UDP or ICMP checksum wrong. */
    DROPPED_CHECKSUM,
    /** UDP header malformed: length, or port 0 as the destination. */
    DROPPED_UDP_MALFORMED,
    /** Datagram or echo request for a flow whose reader has fallen behind by more than its queue. */
    DROPPED_QUEUE_FULL,
    /** ICMP message that is malformed or of no use to anyone here. */
    DROPPED_ICMP,
    /** ICMP error about a flow that does not exist. */
    DROPPED_ICMP_NO_FLOW,
    /** Fragment malformed: length, or end beyond 65,535 bytes. */
    DROPPED_FRAGMENT_MALFORMED,
    /** Fragment that overlaps another, or belongs to a datagram in which some did. */
    DROPPED_FRAGMENT_OVERLAP,
    /** Fragment that an earlier one equals. */
    DROPPED_FRAGMENT_DUPLICATE,
    /** Fragment of a datagram with more pieces than the limit. */
    DROPPED_FRAGMENT_TOO_MANY,
    /** An exception in our own code or a listener's, while a packet was handled. */
    DROPPED_INTERNAL_ERROR,
    /** Fragments that arrived. */
    FRAGMENTS_IN,
    /** Datagrams made whole. */
    REASSEMBLED,
    /** Datagrams given up after the reassembly time-out. */
    REASSEMBLY_TIMED_OUT,
    /** Datagrams given up to stay within the reassembly limits. */
    REASSEMBLY_EVICTED,
    /** Datagrams that we cut into fragments. */
    FRAGMENTED_OUT,
    /** Fragments written. */
    FRAGMENTS_OUT,
    /** UDP datagrams that arrived. */
    UDP_IN,
    /** UDP datagrams written. */
    UDP_OUT,
    /** UDP flows opened. */
    UDP_FLOWS_OPENED,
    /** UDP flows closed because they were idle. */
    UDP_FLOWS_IDLE,
    /** UDP flows closed, oldest first, because the table was full. */
    UDP_FLOWS_EVICTED,
    /** Echo requests that arrived. */
    ECHO_IN,
    /** Echo replies written. */
    ECHO_OUT,
    /** Echo flows opened. */
    ECHO_FLOWS_OPENED,
    /** Echo flows closed because they were idle. */
    ECHO_FLOWS_IDLE,
    /** Echo flows closed, oldest first, because the table was full. */
    ECHO_FLOWS_EVICTED,
    /** ICMP errors that arrived and concerned a flow. */
    ICMP_ERRORS_IN,
    /** ICMP errors written. */
    ICMP_ERRORS_OUT,
    /** ICMP errors that the rate limit held back. */
    ICMP_ERRORS_LIMITED;

    private final boolean drop = name().startsWith("DROPPED_");

    /** Whether this counts packets that went nowhere. */
    public boolean isDrop() {
        return drop;
    }
}
