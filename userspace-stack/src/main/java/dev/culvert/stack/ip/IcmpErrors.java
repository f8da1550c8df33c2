package dev.culvert.stack.ip;

import dev.culvert.stack.wire.Icmp;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.Ticker;

/**
 * Sends ICMP errors to the source of a packet, never about an ICMP error, about a fragment other than the first, or about a
 * packet to or from an address that is not one host's (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)); all together at a
 * limited rate (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 (f)).
 *
 * <p>The error's source is the packet's destination: this stack stands for every host and every router beyond the link, and
 * has no address of its own.
 */
public final class IcmpErrors {
    /** Bytes of an ICMPv4 error at most, IP header included (RFC 1812 section 4.3.2.3). */
    private static final int MAX_V4 = 576;

    private final IpOutput output;
    private final IpCounters counters;
    private final Ticker ticker;
    private final TokenBucket limit;

    /**
     * Errors that leave through {@code output}.
     *
     * @param perSecond errors a second
     * @param burst errors at once
     */
    public IcmpErrors(IpOutput output, IpCounters counters, Ticker ticker, int perSecond, int burst) {
        this.output = output;
        this.counters = counters;
        this.ticker = ticker;
        this.limit = new TokenBucket(perSecond, burst, ticker.nanoTime());
    }

    /**
     * Says destination unreachable, or nothing for {@link Refusal#TIMED_OUT}.
     *
     * @param original the beginning of the packet; the readable bytes begin with its IP header and may end before the packet
     *     does. Neither its indices nor its reference count change.
     */
    public void unreachable(ByteBuf original, Refusal reason) {
        if (!reason.isAnswered() || !original.isReadable()) {
            return;
        }
        if (Ipv4.version(original, original.readerIndex()) == 4) {
            send(original, Icmp.V4_UNREACHABLE, reason.icmpv4Code(), 0);
        } else {
            send(original, Icmp.V6_UNREACHABLE, reason.icmpv6Code(), 0);
        }
    }

    /** Sends an error of any type about {@code original}, for which see {@link #unreachable}. */
    public void send(ByteBuf original, int type, int code, int rest) {
        int header = original.readerIndex();
        int length = original.readableBytes();
        int version = length == 0 ? 0 : Ipv4.version(original, header);
        if (version == 4 ? !mayQuoteIpv4(original, header, length) : !mayQuoteIpv6(original, header, length)) {
            return;
        }
        if (!limit.take(ticker.nanoTime())) {
            counters.increment(IpCounter.ICMP_ERRORS_LIMITED);
            return;
        }
        if (version == 4) {
            int quoted = Math.min(length, MAX_V4 - Ipv4.HEADER_LENGTH - Icmp.HEADER_LENGTH);
            output.icmp(
                    0,
                    IpAddresses.ofIpv4(Ipv4.destination(original, header)),
                    0,
                    IpAddresses.ofIpv4(Ipv4.source(original, header)),
                    type,
                    code,
                    rest,
                    original.slice(header, quoted));
        } else {
            int quoted = Math.min(length, Ipv6.MIN_MTU - Ipv6.HEADER_LENGTH - Icmp.HEADER_LENGTH);
            output.icmp(
                    Ipv6.destinationHigh(original, header),
                    Ipv6.destinationLow(original, header),
                    Ipv6.sourceHigh(original, header),
                    Ipv6.sourceLow(original, header),
                    type,
                    code,
                    rest,
                    original.slice(header, quoted));
        }
        counters.increment(IpCounter.ICMP_ERRORS_OUT);
    }

    private static boolean mayQuoteIpv4(ByteBuf original, int header, int length) {
        if (length < Ipv4.HEADER_LENGTH || Ipv4.fragmentOffset(original, header) != 0) {
            return false;
        }
        long source = IpAddresses.ofIpv4(Ipv4.source(original, header));
        long destination = IpAddresses.ofIpv4(Ipv4.destination(original, header));
        if (IpAddresses.isImpossibleSource(0, source) || IpAddresses.isMulticastOrBroadcast(0, destination)) {
            return false;
        }
        if (Ipv4.protocol(original, header) != IpProtocol.ICMP) {
            return true;
        }
        int headerLength = Ipv4.headerLength(original, header);
        return length > headerLength && !Icmp.isV4Error(Icmp.type(original, header + headerLength));
    }

    private static boolean mayQuoteIpv6(ByteBuf original, int header, int length) {
        if (length < Ipv6.HEADER_LENGTH || Ipv6.version(original, header) != 6) {
            return false;
        }
        if (IpAddresses.isImpossibleSource(Ipv6.sourceHigh(original, header), Ipv6.sourceLow(original, header))
                || IpAddresses.isMulticastOrBroadcast(
                        Ipv6.destinationHigh(original, header), Ipv6.destinationLow(original, header))) {
            return false;
        }
        // The upper layer is needed to rule out errors; where it cannot be found, silence is the safe side.
        int at = header + Ipv6.HEADER_LENGTH;
        int end = header + length;
        int type = Ipv6.nextHeader(original, header);
        for (int i = 0; i <= IpParser.MAX_EXTENSION_HEADERS; i++) {
            switch (type) {
                case IpProtocol.HOP_BY_HOP, IpProtocol.DESTINATION_OPTIONS, IpProtocol.ROUTING -> {
                    if (at + 8 > end) {
                        return false;
                    }
                    type = original.getUnsignedByte(at);
                    at += (original.getUnsignedByte(at + 1) + 1) * 8;
                }
                case IpProtocol.FRAGMENT -> {
                    if (at + 8 > end || Ipv6.fragmentOffset(original, at) != 0) {
                        return false;
                    }
                    type = Ipv6.fragmentNextHeader(original, at);
                    at += Ipv6.FRAGMENT_HEADER_LENGTH;
                }
                case IpProtocol.ICMPV6 -> {
                    return at < end && !Icmp.isV6Error(Icmp.type(original, at));
                }
                default -> {
                    return true;
                }
            }
        }
        return false;
    }
}
