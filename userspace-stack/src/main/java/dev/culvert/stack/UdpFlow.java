package dev.culvert.stack;

import dev.culvert.stack.ip.IpAddresses;
import dev.culvert.stack.ip.IpOutput;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Udp;
import io.netty.buffer.ByteBuf;
import io.netty.channel.socket.DatagramPacket;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * One UDP endpoint of the client and all that it talks to (endpoint-independent mapping, RFC 4787 section 4.1).
 *
 * <p>Read: {@link DatagramPacket}s whose recipient is the destination that the application sent to, whose sender is the
 * client's endpoint, and {@link UdpProbe}s, whose hop limit matters. The reader releases them. Written: {@code DatagramPacket}s whose sender is the address that the
 * datagram shall come from, and which must be of the client's address family; the recipient is ignored, the client is meant.
 * A datagram longer than the MTU is fragmented; one longer than {@link IpOutput#maxPayload} fails its write.
 *
 * <p>Event loop only, apart from what every {@link io.netty.channel.Channel} allows on any thread.
 */
public final class UdpFlow extends PacketFlow {
    private static final int DNS_PORT = 53;

    private final PacketFlows<UdpFlow> flows;
    private final long clientHigh;
    private final long clientLow;
    private final InetSocketAddress client;

    // The destination of the datagram before, for most flows have one destination: saves two objects a packet.
    private long lastHigh;
    private long lastLow;
    private @Nullable InetSocketAddress lastDestination;
    // The same for what is written: an InetAddress gives its bytes only as a copy.
    private @Nullable InetAddress lastSender;
    private long lastSenderHigh;
    private long lastSenderLow;

    private boolean onlyDns = true;
    private int unanswered;

    UdpFlow(PacketFlows<UdpFlow> flows, long clientHigh, long clientLow, int clientPort) {
        super(flows);
        this.flows = flows;
        this.clientHigh = clientHigh;
        this.clientLow = clientLow;
        this.client = IpAddresses.socketAddress(clientHigh, clientLow, clientPort);
    }

    /** The client's endpoint. */
    @Override
    public InetSocketAddress clientAddress() {
        return client;
    }

    /**
     * Tells the application that what it sent to {@code destination} did not arrive: an ICMP error that quotes such a
     * datagram's headers, for the datagram itself is long gone. Rate-limited with all other ICMP errors; silence for
     * {@link Refusal#TIMED_OUT}. Event loop only.
     *
     * @throws IllegalArgumentException if {@code destination} is unresolved or of the other address family
     */
    public void unreachable(InetSocketAddress destination, Refusal reason) {
        InetAddress address = checkAddress(destination, "destination");
        if (!isOpen() || !reason.isAnswered()) {
            return;
        }
        sendError(
                quote(IpAddresses.high(address), IpAddresses.low(address), destination.getPort()),
                (errors, quote) -> errors.unreachable(quote, reason));
    }

    /**
     * Tells the application what a router or host on the way says of a datagram that it sent to {@code destination}: an ICMP
     * error from that router. It quotes the datagram itself if that was a {@link UdpProbe} not long ago, else headers such as
     * it had. Rate-limited with all other ICMP errors. Event loop only.
     *
     * @param about the beginning of the datagram, as much as is known; stays the caller's
     * @throws IllegalArgumentException if {@code destination} is unresolved or of the other address family
     */
    public void error(InetSocketAddress destination, ByteBuf about, PathError error) {
        InetAddress address = checkAddress(destination, "destination");
        if (!isOpen()) {
            return;
        }
        long high = IpAddresses.high(address);
        long low = IpAddresses.low(address);
        int ports = client.getPort() << 16 | destination.getPort();
        ByteBuf quote = flows.port().probes().find(clientHigh, clientLow, high, low, IpProtocol.UDP, ports, about);
        sendError(quote != null ? quote : quote(high, low, destination.getPort()), error::send);
    }

    private ByteBuf quote(long high, long low, int port) {
        ByteBuf quote =
                flows.port().output().quote(clientHigh, clientLow, high, low, IpProtocol.UDP, Udp.HEADER_LENGTH);
        Udp.write(quote, client.getPort(), port, Udp.HEADER_LENGTH, 0);
        return quote;
    }

    /** Takes ownership of a datagram's content. */
    void receive(long high, long low, int port, ByteBuf content, int hopLimit) {
        if (!isOpen()) {
            // The listener has refused the flow; a closed flow must not be put among those that expire.
            content.release();
            return;
        }
        if (port != DNS_PORT) {
            onlyDns = false;
        }
        unanswered++;
        flows.refresh(this, false);
        InetSocketAddress destination = destination(high, low, port);
        deliver(
                hopLimit == 0
                        ? new DatagramPacket(content, destination, client)
                        : new UdpProbe(destination, hopLimit, content));
    }

    private InetSocketAddress destination(long high, long low, int port) {
        InetSocketAddress last = lastDestination;
        if (last == null || low != lastLow || high != lastHigh || port != last.getPort()) {
            last = IpAddresses.socketAddress(high, low, port);
            lastDestination = last;
            lastHigh = high;
            lastLow = low;
        }
        return last;
    }

    @Override
    protected Object filterOutboundMessage(Object message) {
        if (!(message instanceof DatagramPacket datagram)) {
            throw new UnsupportedOperationException(
                    "write to " + this + ": type=" + message.getClass().getName() + ", write a DatagramPacket");
        }
        checkAddress(datagram.sender(), "sender");
        int length = datagram.content().readableBytes();
        int limit = IpOutput.maxPayload(IpAddresses.isIpv4(clientHigh, clientLow));
        if (length > limit) {
            throw new IllegalArgumentException(
                    "write to " + this + ": datagram too long, length=" + length + ", at most " + limit);
        }
        return message;
    }

    @Override
    void send(Object message) {
        DatagramPacket datagram = (DatagramPacket) message;
        InetSocketAddress sender = datagram.sender();
        InetAddress address = sender.getAddress();
        if (!address.equals(lastSender)) {
            lastSenderHigh = IpAddresses.high(address);
            lastSenderLow = IpAddresses.low(address);
            lastSender = address;
        }
        flows.port()
                .output()
                .udp(
                        lastSenderHigh,
                        lastSenderLow,
                        sender.getPort(),
                        clientHigh,
                        clientLow,
                        client.getPort(),
                        datagram.content());
        if (unanswered > 0) {
            unanswered--;
        }
        flows.refresh(this, onlyDns && unanswered == 0);
    }

    private InetAddress checkAddress(@Nullable InetSocketAddress remote, String role) {
        InetAddress address = remote == null ? null : remote.getAddress();
        if (address == null) {
            throw new IllegalArgumentException(role + " of a datagram of " + this + " has no address: " + role + "="
                    + remote + ", resolve it first");
        }
        if ((address instanceof Inet4Address) != IpAddresses.isIpv4(clientHigh, clientLow)) {
            throw new IllegalArgumentException(role + " of a datagram of " + this + " is of the other address family: "
                    + role + "=" + remote + ", use one of the family of " + client);
        }
        return address;
    }

    @Override
    void forget() {
        flows.forget(clientHigh, clientLow, client.getPort(), 0, 0);
    }
}
