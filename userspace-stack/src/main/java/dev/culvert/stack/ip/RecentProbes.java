package dev.culvert.stack.ip;

import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * The beginnings of the last packets that may be meant to end on the way, as traceroute sends them: an ICMP error that comes
 * back much later is to quote the very packet (RFC 792, RFC 4443 section 2.4 (c)), for some programs know their probes by
 * identification, checksum or payload. A ring of fixed size; takes no memory until the first probe.
 */
public final class RecentProbes {
    /** Packets that are remembered: traceroute has 16 under way, mtr one a hop; this is for a dozen of them at a time. */
    static final int PACKETS = 256;

    /** Bytes kept of each: IPv6 and UDP headers and 80 of data. Of that, RFC 792 promises 8 to those who read quotes. */
    static final int KEPT = 128;

    private static final int TRANSPORT_HEADER = 8;

    private @Nullable ByteBuf ring;
    private final short[] lengths = new short[PACKETS];
    private final short[] transports = new short[PACKETS];
    private final short[] protocols = new short[PACKETS];
    private int next;

    /** Nothing remembered yet. */
    public RecentProbes() {}

    /** Remembers a UDP datagram or echo request that {@link IpParser} has found good; the packet stays the caller's. */
    public void remember(ByteBuf buffer, IpPacket packet) {
        int transport = packet.payload() - packet.header();
        int length = Math.min(packet.end() - packet.header(), KEPT);
        if (transport + TRANSPORT_HEADER > length) {
            return;
        }
        ByteBuf to = ring;
        if (to == null) {
            to = Unpooled.buffer(PACKETS * KEPT);
            ring = to;
        }
        to.setBytes(next * KEPT, buffer, packet.header(), length);
        lengths[next] = (short) length;
        transports[next] = (short) transport;
        protocols[next] = (short) packet.protocol();
        next = (next + 1) % PACKETS;
    }

    /**
     * Finds the newest packet that these say.
     *
     * @param word both ports of UDP, or identifier and sequence number of an echo request
     * @param about the beginning of its payload, as much as is known, perhaps nothing
     * @return a copy of the packet's beginning, which the caller releases; null if it is not (or no longer) remembered
     */
    public @Nullable ByteBuf find(
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int protocol,
            int word,
            ByteBuf about) {
        ByteBuf from = ring;
        if (from == null) {
            return null;
        }
        boolean ipv4 = IpAddresses.isIpv4(sourceHigh, sourceLow);
        for (int back = 1; back <= PACKETS; back++) {
            int i = (next + PACKETS - back) % PACKETS;
            int at = i * KEPT;
            int transport = at + transports[i];
            if (lengths[i] != 0
                    && protocols[i] == protocol
                    && Ipv4.version(from, at) == (ipv4 ? 4 : 6)
                    && from.getInt(transport + (protocol == IpProtocol.UDP ? 0 : 4)) == word
                    && (ipv4
                            ? isIpv4(from, at, sourceLow, destinationLow)
                            : isIpv6(from, at, sourceHigh, sourceLow, destinationHigh, destinationLow))
                    && beginsWith(from, transport + TRANSPORT_HEADER, at + lengths[i], about)) {
                return Unpooled.copiedBuffer(from.slice(at, lengths[i]));
            }
        }
        return null;
    }

    private static boolean isIpv4(ByteBuf from, int at, long source, long destination) {
        return Ipv4.source(from, at) == (int) source && Ipv4.destination(from, at) == (int) destination;
    }

    private static boolean isIpv6(
            ByteBuf from, int at, long sourceHigh, long sourceLow, long destinationHigh, long destinationLow) {
        return Ipv6.sourceHigh(from, at) == sourceHigh
                && Ipv6.sourceLow(from, at) == sourceLow
                && Ipv6.destinationHigh(from, at) == destinationHigh
                && Ipv6.destinationLow(from, at) == destinationLow;
    }

    private static boolean beginsWith(ByteBuf from, int payload, int end, ByteBuf about) {
        int known = Math.min(end - payload, about.readableBytes());
        for (int i = 0; i < known; i++) {
            if (from.getByte(payload + i) != about.getByte(about.readerIndex() + i)) {
                return false;
            }
        }
        return true;
    }
}
