package dev.culvert.stack.tcp;

import dev.culvert.stack.wire.Icmp;

/** What an ICMP error about one of its segments means to a connection (RFC 9293 section 3.9.2.2, RFC 1122 section 4.2.3.9). */
enum IcmpMeaning {
    /** The path carries smaller packets than the segment was. */
    TOO_BIG,
    /** The peer's host has no such connection: ends one that is not synchronised yet, and is soft for others (RFC 5927). */
    HARD,
    /** May pass: told only if the connection times out. */
    SOFT;

    /** By type and code: any that are not known are soft. Source quench is dropped before (RFC 6633). */
    static IcmpMeaning of(int ipVersion, int type, int code) {
        if (ipVersion == 4) {
            if (type != Icmp.V4_UNREACHABLE) {
                return SOFT;
            }
            return switch (code) {
                case Icmp.V4_CODE_FRAGMENTATION_NEEDED -> TOO_BIG;
                case Icmp.V4_CODE_PROTOCOL, Icmp.V4_CODE_PORT -> HARD;
                default -> SOFT;
            };
        }
        return switch (type) {
            case Icmp.V6_PACKET_TOO_BIG -> TOO_BIG;
            case Icmp.V6_UNREACHABLE -> code == Icmp.V6_CODE_PORT ? HARD : SOFT;
            case Icmp.V6_PARAMETER_PROBLEM -> code == Icmp.V6_CODE_NEXT_HEADER ? HARD : SOFT;
            default -> SOFT;
        };
    }
}
