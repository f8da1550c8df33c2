package dev.culvert.stack;

import dev.culvert.stack.ip.IcmpErrors;
import dev.culvert.stack.wire.Icmp;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * What a router or host on the way to a destination says of a packet, for the application to hear. Unreachable, time
 * exceeded, fragmentation needed and packet too big are passed on, with any code; other types are not.
 *
 * @param type the ICMP type, of the version that the flow's addresses have
 * @param code the ICMP code, 0 to 255
 * @param mtu of the next hop, for fragmentation needed and packet too big; else of no meaning
 * @param offender who says so; null, or an address of the other family, for the stack itself
 */
public record PathError(
        int type, int code, int mtu, @Nullable InetAddress offender) {
    /** RFC 791 section 3.2: every path carries so much; no router can mean less. */
    private static final int MIN_MTU_V4 = 68;

    /** Sends it about the packet whose beginning is quoted, or does nothing for a type or MTU that cannot be. */
    void send(IcmpErrors errors, ByteBuf quote) {
        int header = quote.readerIndex();
        boolean ipv4 = Ipv4.version(quote, header) == 4;
        boolean tooBig = ipv4
                ? type == Icmp.V4_UNREACHABLE && code == Icmp.V4_CODE_FRAGMENTATION_NEEDED
                : type == Icmp.V6_PACKET_TOO_BIG;
        boolean exceeded = type == (ipv4 ? Icmp.V4_TIME_EXCEEDED : Icmp.V6_TIME_EXCEEDED);
        boolean unreachable = type == (ipv4 ? Icmp.V4_UNREACHABLE : Icmp.V6_UNREACHABLE);
        if (!(tooBig || exceeded || unreachable)
                || code >>> 8 != 0
                || tooBig && (mtu < (ipv4 ? MIN_MTU_V4 : Ipv6.MIN_MTU) || mtu > Ipv4.MAX_LENGTH)) {
            return;
        }
        if (exceeded && ipv4) {
            // As the router had it: with nothing left.
            Ipv4.setTtl(quote, header, 1);
        } else if (exceeded) {
            Ipv6.setHopLimit(quote, header, 1);
        }
        errors.relay(quote, type, code, tooBig ? mtu : 0, offender);
    }
}
