package dev.culvert.client.forward;

import dev.culvert.address.AddressText;
import dev.culvert.address.ListenAddress;
import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.text.Printable;
import dev.culvert.tunnel.frame.Destination;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * What {@code client forward} is asked for: a local address that leads to a target.
 *
 * @param local an {@link InetSocketAddress}, of whose port 0 is any that is free; or a {@link UnixDomainSocketAddress}
 */
public record Forward(SocketAddress local, FlowTarget target) {
    private static final String FORM =
            "write [BIND:]PORT=[AGENT:]HOST:PORT, udp:[BIND:]PORT=[AGENT:]HOST:PORT or unix:PATH=[AGENT:]HOST:PORT";

    private static final String UNIX = "unix:";
    private static final String UDP = "udp:";
    private static final String TCP = "tcp:";

    /**
     * Reads one.
     *
     * @throws IllegalArgumentException saying in one line what is wrong
     */
    public static Forward parse(String text) {
        int equals = text.lastIndexOf('=');
        if (equals < 0) {
            throw new IllegalArgumentException("'" + Printable.shorten(text) + "' has no '=': " + FORM);
        }
        String local = text.substring(0, equals);
        String target = text.substring(equals + 1);
        if (local.startsWith(UNIX)) {
            return new Forward(path(local.substring(UNIX.length())), FlowTarget.parse(Destination.TCP, target));
        }
        boolean udp = local.startsWith(UDP);
        String at = udp || local.startsWith(TCP) ? local.substring(UDP.length()) : local;
        return new Forward(ListenAddress.parse(at), FlowTarget.parse(udp ? Destination.UDP : Destination.TCP, target));
    }

    private static UnixDomainSocketAddress path(String text) {
        try {
            if (!text.isEmpty()) {
                return UnixDomainSocketAddress.of(Path.of(text));
            }
        } catch (InvalidPathException e) {
            // None, either.
        }
        throw new IllegalArgumentException("'" + Printable.shorten(text) + "' is no path of a socket: " + FORM);
    }

    boolean isUdp() {
        return target.destination().protocol() == Destination.UDP;
    }

    /** Where it really listens, and where that leads: for people. */
    String lineAt(SocketAddress bound) {
        String where =
                bound instanceof InetSocketAddress inet ? (isUdp() ? UDP : "") + AddressText.of(inet) : UNIX + local;
        return where + " -> " + target;
    }
}
