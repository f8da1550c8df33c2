package dev.culvert.stack.ip;

import dev.culvert.stack.wire.Icmp;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.Ticker;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * Sends ICMP errors to the source of a packet, never about an ICMP error, about a fragment other than the first, or about a
 * packet to or from an address that is not one host's (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)); all together at a
 * limited rate (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 (f)). What is passed on for others has a rate of its own, so
 * that whoever floods us with it does not silence what this stack has to say.
 *
 * <p>What a host says of itself comes from the packet's destination, for this stack is every host beyond the link. What a
 * router says comes from that router where it is known ({@link #relay}), else from the stack's own addresses, and where it
 * has none of that family, from the packet's destination too.
 */
public final class IcmpErrors {
    /** Bytes of an ICMPv4 error at most, IP header included (RFC 1812 section 4.3.2.3). */
    private static final int MAX_V4 = 576;

    private final IpOutput output;
    private final IpCounters counters;
    private final Ticker ticker;
    private final TokenBucket own;
    private final TokenBucket relayed;
    private final @Nullable InetAddress router4;
    private final @Nullable InetAddress router6;

    /**
     * Errors that leave through {@code output}.
     *
     * @param perSecond errors a second, of the stack itself, and as many that are passed on
     * @param burst errors at once, likewise
     * @param router4 the stack's own IPv4 address, as a router; null for none
     * @param router6 its IPv6 address
     */
    public IcmpErrors(
            IpOutput output,
            IpCounters counters,
            Ticker ticker,
            int perSecond,
            int burst,
            @Nullable InetAddress router4,
            @Nullable InetAddress router6) {
        this.output = output;
        this.counters = counters;
        this.ticker = ticker;
        this.own = new TokenBucket(perSecond, burst, ticker.nanoTime());
        this.relayed = new TokenBucket(perSecond, burst, ticker.nanoTime());
        this.router4 = router4;
        this.router6 = router6;
    }

    /**
     * Says destination unreachable, or nothing for {@link Refusal#TIMED_OUT}: a closed port in the host's name, all else as
     * the router that the stack is.
     *
     * @param original the beginning of the packet; the readable bytes begin with its IP header and may end before the packet
     *     does. Neither its indices nor its reference count change.
     */
    public void unreachable(ByteBuf original, Refusal reason) {
        if (!reason.isAnswered() || !original.isReadable()) {
            return;
        }
        boolean ipv4 = Ipv4.version(original, original.readerIndex()) == 4;
        int type = ipv4 ? Icmp.V4_UNREACHABLE : Icmp.V6_UNREACHABLE;
        int code = ipv4 ? reason.icmpv4Code() : reason.icmpv6Code();
        if (reason == Refusal.CONNECTION_REFUSED) {
            send(original, type, code, 0);
        } else {
            say(original, type, code, 0, null, own);
        }
    }

    /** The packet's hop limit ends here (RFC 1812 section 5.3.1, RFC 4443 section 3.3); for {@code original} see above. */
    public void hopLimitExceeded(ByteBuf original) {
        boolean ipv4 = Ipv4.version(original, original.readerIndex()) == 4;
        say(original, ipv4 ? Icmp.V4_TIME_EXCEEDED : Icmp.V6_TIME_EXCEEDED, Icmp.CODE_HOP_LIMIT, 0, null, own);
    }

    /**
     * Passes on what a router says about {@code original}, for which see {@link #unreachable}.
     *
     * @param router the address that the error comes from, null for the stack's own; one of the other family, or that no
     *     packet may come from, counts as null
     */
    public void relay(ByteBuf original, int type, int code, int rest, @Nullable InetAddress router) {
        say(original, type, code, rest, router, relayed);
    }

    private void say(ByteBuf original, int type, int code, int rest, @Nullable InetAddress router, TokenBucket limit) {
        boolean ipv4 = original.isReadable() && Ipv4.version(original, original.readerIndex()) == 4;
        InetAddress source = isSource(router, ipv4) ? router : ipv4 ? router4 : router6;
        if (source == null) {
            send(original, type, code, rest, limit);
        } else {
            send(original, type, code, rest, IpAddresses.high(source), IpAddresses.low(source), limit);
        }
    }

    private static boolean isSource(@Nullable InetAddress address, boolean ipv4) {
        return address != null
                && (address.getAddress().length == 4) == ipv4
                && !IpAddresses.isImpossibleSource(IpAddresses.high(address), IpAddresses.low(address));
    }

    /** Sends an error of any type about {@code original}, for which see {@link #unreachable}, in the destination's name. */
    public void send(ByteBuf original, int type, int code, int rest) {
        send(original, type, code, rest, own);
    }

    private void send(ByteBuf original, int type, int code, int rest, TokenBucket limit) {
        int header = original.readerIndex();
        int length = original.readableBytes();
        if (length >= Ipv4.HEADER_LENGTH && Ipv4.version(original, header) == 4) {
            send(original, type, code, rest, 0, IpAddresses.ofIpv4(Ipv4.destination(original, header)), limit);
        } else if (length >= Ipv6.HEADER_LENGTH) {
            long high = Ipv6.destinationHigh(original, header);
            send(original, type, code, rest, high, Ipv6.destinationLow(original, header), limit);
        }
    }

    private void send(ByteBuf original, int type, int code, int rest, long fromHigh, long fromLow, TokenBucket limit) {
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
                    fromHigh,
                    fromLow,
                    0,
                    IpAddresses.ofIpv4(Ipv4.source(original, header)),
                    type,
                    code,
                    rest,
                    original.slice(header, quoted));
        } else {
            int quoted = Math.min(length, Ipv6.MIN_MTU - Ipv6.HEADER_LENGTH - Icmp.HEADER_LENGTH);
            output.icmp(
                    fromHigh,
                    fromLow,
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
