package dev.culvert.tunnel.limit;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;

/**
 * An endpoint that a peer has chosen, as the key of a {@link java.util.HashMap}. The hash of an address is no secret, and of
 * an IPv6 address the sum of its words, so a peer can choose thousands with one hash; keys that can be compared are found
 * among such ones by halving, and {@link InetSocketAddress} cannot.
 *
 * @param port 0 where any port is meant
 */
public record EndpointKey(InetAddress address, int port) implements Comparable<EndpointKey> {
    /** @param endpoint resolved */
    public static EndpointKey of(InetSocketAddress endpoint) {
        return new EndpointKey(endpoint.getAddress(), endpoint.getPort());
    }

    @Override
    public int compareTo(EndpointKey other) {
        int byPort = Integer.compare(port, other.port);
        return byPort != 0 ? byPort : Arrays.compareUnsigned(address.getAddress(), other.address.getAddress());
    }
}
