package dev.culvert.agent;

import io.netty.channel.Channel;
import java.net.InetSocketAddress;

/** ICMP errors about datagrams that a UDP socket has sent. */
final class UdpErrors {
    /** Told of one error. */
    interface Sink {
        void error(InetSocketAddress remote, int errno);
    }

    private UdpErrors() {}

    static void drain(Channel socket, Sink sink) {}
}
