package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Tcp;

/**
 * The opening of one connection, from the accepted request to the ACK of our SYN (RFC 9293 section 3.10.7.4, SYN-RECEIVED):
 * what the two sides have agreed on, and SYN+ACK until it is answered.
 */
final class Handshake {
    /** SYN+ACK goes out six times: 1, 2, 4, 8, 16 and 32 s apart, 63 s in all. */
    private static final int SYN_ACK_RETRIES = 5;
    /** The least MSS that is believed, as in kernels: with less, headers outweigh data many times over. */
    static final int MIN_MSS = 48;
    /** RFC 9293 section 3.7.1, MUST-15: without the option. */
    private static final int DEFAULT_MSS_IPV4 = 536;

    private static final int DEFAULT_MSS_IPV6 = 1220;

    private final TcpConnection connection;
    private final TcpEndpoint endpoint;
    private final int irs;
    private final int mss;
    /** Whether windows are scaled, and selective acknowledgements sent. */
    final boolean scaling;

    final boolean sack;
    private int retries;

    Handshake(TcpConnection connection, TcpEndpoint endpoint, PendingRequest request) {
        this.connection = connection;
        this.endpoint = endpoint;
        this.irs = request.irs;
        this.scaling = request.windowScale >= 0;
        this.sack = request.sackPermitted;
        boolean ipv4 = connection.isIpv4();
        int offered = request.mss != 0 ? request.mss : ipv4 ? DEFAULT_MSS_IPV4 : DEFAULT_MSS_IPV6;
        this.mss = Math.min(Math.max(offered, MIN_MSS), endpoint.config.mtu() - headers());
    }

    /** Bytes of the headers without options. */
    int headers() {
        return (connection.isIpv4() ? Ipv4.HEADER_LENGTH : Ipv6.HEADER_LENGTH) + Tcp.HEADER_LENGTH;
    }

    /** Payload bytes of a segment without options. */
    int mss() {
        return mss;
    }

    /** Sends SYN+ACK; again each time the timer fires. */
    void sendSynAck(long now) {
        Sender sender = connection.sender;
        SegmentWriter writer = endpoint.writer;
        writer.mss = endpoint.config.mtu() - headers();
        writer.windowScale = scaling ? connection.receiver.shift : -1;
        writer.sackPermitted = sack;
        connection.timestamps.write(writer, now);
        writer.write(
                connection, Tcp.SYN | Tcp.ACK, sender.iss, connection.receiver.next, connection.receiver.synWindow());
        sender.next = sender.iss + 1;
        sender.max = sender.next;
        endpoint.output.scheduleFlush();
        endpoint.timers.arm(connection.retransmissionTimer, now, sender.roundTripTime.timeout());
    }

    /** Whether the peer's SYN has come again, our answer being late or lost; it is then answered again. */
    boolean answersRepeatedSyn(Segment segment, long now) {
        if (!segment.has(Tcp.SYN) || segment.sequence != irs || segment.has(Tcp.RST | Tcp.ACK)) {
            return false;
        }
        endpoint.counters.count(Counter.SYN_RETRANSMITS_IN);
        sendSynAck(now);
        return true;
    }

    /** Whether this is the ACK of our SYN; any other is answered by a reset. */
    boolean isCompletedBy(Segment segment) {
        if (segment.acknowledgment == connection.sender.iss + 1) {
            return true;
        }
        endpoint.counters.count(Counter.RESETS_OUT);
        endpoint.writer.write(connection, Tcp.RST, segment.acknowledgment, 0, 0);
        endpoint.output.scheduleFlush();
        return false;
    }

    /** The ACK of our SYN has come. */
    void complete(Segment segment, long now) {
        Sender sender = connection.sender;
        endpoint.counters.count(Counter.FLOWS_ESTABLISHED);
        endpoint.timers.cancel(connection.retransmissionTimer);
        sender.roundTripTime.progress();
        if (retries > 0) {
            sender.roundTripTime.handshakeWasRetransmitted();
        }
        sender.established(segment, now);
    }

    /** The timer has fired: ends the connection, or sends SYN+ACK again. */
    void timeout(long now) {
        if (++retries > SYN_ACK_RETRIES) {
            connection.timedOut("handshake not completed after " + SYN_ACK_RETRIES + " retransmissions");
            return;
        }
        endpoint.counters.count(Counter.RETRANSMITTED_SEGMENTS);
        connection.sender.roundTripTime.backOff();
        sendSynAck(now);
    }
}
