package dev.culvert.gateway.publish;

import dev.culvert.address.Transport;

/** A port of the gateway's that something is published on: TCP's or UDP's. */
public record PublicPort(Transport transport, int port) implements Comparable<PublicPort> {
    @Override
    public int compareTo(PublicPort other) {
        int byTransport = transport.compareTo(other.transport);
        return byTransport != 0 ? byTransport : Integer.compare(port, other.port);
    }

    @Override
    public String toString() {
        return transport + ":" + port;
    }
}
