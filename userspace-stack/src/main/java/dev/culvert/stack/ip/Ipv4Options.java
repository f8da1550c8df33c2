package dev.culvert.stack.ip;

import dev.culvert.stack.wire.Icmp;
import io.netty.buffer.ByteBuf;

/**
 * Which IPv4 options a packet may carry, by the defaults that RFC 7126 section 4 gives a security gateway. None is acted on and
 * none goes further: what leaves the agent is a datagram of its own. So what asks for something on the way (a route, a
 * record of it, timestamps) is dropped rather than answered as if it had been done; what hosts and routers may overlook
 * (RFC 1122 section 3.2.1.8) is overlooked.
 */
final class Ipv4Options {
    private static final int END = 0;
    private static final int NO_OPERATION = 1;

    private Ipv4Options() {}

    /**
     * Looks at the options from {@code from} to {@code to}.
     *
     * @param into is told of an ICMP error for options that contradict their length (RFC 1122 section 3.2.2.5)
     * @return whether the packet may pass
     */
    static boolean accept(ByteBuf buffer, int from, int to, IpPacket into) {
        int i = from;
        while (i < to) {
            int type = buffer.getUnsignedByte(i);
            if (type == END) {
                return true;
            }
            if (type == NO_OPERATION) {
                i++;
                continue;
            }
            int length = i + 1 < to ? buffer.getUnsignedByte(i + 1) : 0;
            if (length < 2 || i + length > to) {
                into.error(Icmp.V4_PARAMETER_PROBLEM, 0, i - into.header << 24);
                return false;
            }
            if (isDropped(type)) {
                return false;
            }
            i += length;
        }
        return true;
    }

    /** By the whole octet, with its "copied" bit, as the assigned numbers have them. */
    private static boolean isDropped(int type) {
        return switch (type) {
            // Loose and strict source route, sections 4.3 and 4.4: a way past filters, and back to where it came from.
            case 131, 137 -> true;
            // Record route and Internet timestamp, 4.5 and 4.7: nobody on the way would write into them.
            case 7, 68 -> true;
            // Obsolete: stream identifier, MTU probe and reply, traceroute, VISA, extended Internet protocol, address
            // extension, sender directed multi-destination, dynamic packet state, upstream multicast.
            case 136, 11, 12, 82, 142, 145, 147, 149, 151, 152 -> true;
            // For experiments (RFC 4727 section 3.3), whose meaning cannot be known.
            case 30, 94, 158, 222 -> true;
            default -> false;
        };
    }
}
