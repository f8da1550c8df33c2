package dev.culvert.stack;

import dev.culvert.stack.ip.IpAddresses;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpOutput;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.Icmp;
import dev.culvert.stack.wire.IpProtocol;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * One exchange of ICMP echoes: a client address, a destination and an identifier, such as one run of ping makes. Read: {@link
 * EchoMessage}s, requests, which the reader releases. Written: {@code EchoMessage}s, replies, sent from the destination.
 * Either may be longer than the MTU, up to {@link IpOutput#maxPayload} bytes.
 *
 * <p>Event loop only, apart from what every {@link io.netty.channel.Channel} allows on any thread.
 */
public final class EchoFlow extends PacketFlow {
    private final PacketFlows<EchoFlow> flows;
    private final long clientHigh;
    private final long clientLow;
    private final long destinationHigh;
    private final long destinationLow;
    private final int identifier;
    private final InetSocketAddress client;
    private final InetAddress destination;

    EchoFlow(
            PacketFlows<EchoFlow> flows,
            long clientHigh,
            long clientLow,
            long destinationHigh,
            long destinationLow,
            int identifier) {
        super(flows);
        this.flows = flows;
        this.clientHigh = clientHigh;
        this.clientLow = clientLow;
        this.destinationHigh = destinationHigh;
        this.destinationLow = destinationLow;
        this.identifier = identifier;
        this.client = IpAddresses.socketAddress(clientHigh, clientLow, 0);
        this.destination = IpAddresses.inetAddress(destinationHigh, destinationLow);
    }

    /** Who asks; the port is 0. */
    @Override
    public InetSocketAddress clientAddress() {
        return client;
    }

    /** Whom the client asks for an echo. */
    public InetAddress destination() {
        return destination;
    }

    /** The identifier of the client's requests, 0 to 65,535. */
    public int identifier() {
        return identifier;
    }

    /**
     * Tells the application that its request did not arrive: an ICMP error that quotes the request's headers. Rate-limited
     * with all other ICMP errors; silence for {@link Refusal#TIMED_OUT}. {@link Refusal#CONNECTION_REFUSED} has no meaning
     * for echoes and says host unreachable. Event loop only.
     *
     * @param sequence of the request, 0 to 65,535
     */
    public void unreachable(int sequence, Refusal reason) {
        if (!isOpen() || !reason.isAnswered()) {
            return;
        }
        Refusal said = reason == Refusal.CONNECTION_REFUSED ? Refusal.HOST_UNREACHABLE : reason;
        sendError(quote(sequence), (errors, quote) -> errors.unreachable(quote, said));
    }

    /**
     * Tells the application what a router or host on the way says of one of its requests; see {@link UdpFlow#error}. Event
     * loop only.
     *
     * @param sequence of the request, 0 to 65,535
     * @param about the beginning of the request's data, as much as is known; stays the caller's
     */
    public void error(int sequence, ByteBuf about, PathError error) {
        if (!isOpen()) {
            return;
        }
        boolean ipv4 = IpAddresses.isIpv4(clientHigh, clientLow);
        ByteBuf quote = flows.port()
                .probes()
                .find(
                        clientHigh,
                        clientLow,
                        destinationHigh,
                        destinationLow,
                        ipv4 ? IpProtocol.ICMP : IpProtocol.ICMPV6,
                        identifier << 16 | sequence & 0xffff,
                        about);
        sendError(quote != null ? quote : quote(sequence), error::send);
    }

    private ByteBuf quote(int sequence) {
        boolean ipv4 = IpAddresses.isIpv4(clientHigh, clientLow);
        int type = ipv4 ? Icmp.V4_ECHO_REQUEST : Icmp.V6_ECHO_REQUEST;
        int protocol = ipv4 ? IpProtocol.ICMP : IpProtocol.ICMPV6;
        ByteBuf quote = flows.port()
                .output()
                .quote(clientHigh, clientLow, destinationHigh, destinationLow, protocol, Icmp.HEADER_LENGTH);
        int at = quote.writerIndex();
        Icmp.write(quote, type, 0, identifier << 16 | sequence & 0xffff);
        long sum = Checksum.sum(quote, at, Icmp.HEADER_LENGTH);
        if (!ipv4) {
            sum = Checksum.add(
                    sum,
                    IpOutput.pseudoHeader(
                            clientHigh, clientLow, destinationHigh, destinationLow, protocol, Icmp.HEADER_LENGTH));
        }
        quote.setShort(at + Icmp.CHECKSUM, Checksum.finish(sum));
        return quote;
    }

    /** Takes ownership of a request's data. */
    void receive(int sequence, ByteBuf data, int hopLimit) {
        if (!isOpen()) {
            // As in UdpFlow: refused by the listener.
            data.release();
            return;
        }
        flows.refresh(this, false);
        deliver(new EchoMessage(sequence, data, hopLimit));
    }

    @Override
    protected Object filterOutboundMessage(Object message) {
        if (!(message instanceof EchoMessage reply)) {
            throw new UnsupportedOperationException(
                    "write to " + this + ": type=" + message.getClass().getName() + ", write an EchoMessage");
        }
        int length = reply.content().readableBytes();
        int limit = IpOutput.maxPayload(IpAddresses.isIpv4(clientHigh, clientLow));
        if (length > limit) {
            throw new IllegalArgumentException(
                    "write to " + this + ": echo too long, length=" + length + ", at most " + limit);
        }
        return message;
    }

    @Override
    void send(Object message) {
        EchoMessage reply = (EchoMessage) message;
        boolean ipv4 = IpAddresses.isIpv4(clientHigh, clientLow);
        flows.port()
                .output()
                .icmp(
                        destinationHigh,
                        destinationLow,
                        clientHigh,
                        clientLow,
                        ipv4 ? Icmp.V4_ECHO_REPLY : Icmp.V6_ECHO_REPLY,
                        0,
                        identifier << 16 | reply.sequence(),
                        reply.content());
        flows.port().counters().increment(IpCounter.ECHO_OUT);
        flows.refresh(this, false);
    }

    @Override
    void forget() {
        flows.forget(clientHigh, clientLow, destinationHigh, destinationLow, identifier);
    }
}
