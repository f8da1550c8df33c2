package dev.culvert.client.uplink;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.text.Printable;
import dev.culvert.token.HolderName;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import io.netty.channel.ChannelHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * Where a flow shall lead, as people name it.
 *
 * @param agent through which; null for the one that the destination is routed to
 */
public record FlowTarget(@Nullable String agent, Destination destination) {
    private static final String FORM = "write [AGENT:]HOST:PORT, an IPv6 address in brackets";

    /**
     * Reads {@code [AGENT:]HOST:PORT}. An IPv6 address needs no brackets where it cannot be mistaken, as ssh's {@code %h} has none; a name
     * may have some.
     *
     * @param protocol see {@link Destination}
     * @throws IllegalArgumentException saying in one line what is wrong
     */
    public static FlowTarget parse(int protocol, String text) {
        int colon = text.lastIndexOf(':');
        if (colon < 0) {
            throw new IllegalArgumentException("'" + Printable.shorten(text) + "' has no port: " + FORM);
        }
        String hosts = text.substring(0, colon);
        String agent = null;
        int first = hosts.indexOf(':');
        if (first >= 0 && !hosts.startsWith("[") && IpLiteral.parse(hosts) == null) {
            agent = hosts.substring(0, first);
            hosts = hosts.substring(first + 1);
            if (!HolderName.isValid(agent)) {
                throw new IllegalArgumentException("'" + Printable.shorten(agent) + "' is no agent's name: " + FORM);
            }
        }
        if (hosts.startsWith("[") && hosts.endsWith("]")) {
            hosts = hosts.substring(1, hosts.length() - 1);
        }
        return new FlowTarget(agent, destination(protocol, hosts, port(text.substring(colon + 1))));
    }

    /**
     * Of a host that somebody has written, an address or a name, never one that some resolver would take for another.
     *
     * @throws IllegalArgumentException if it is neither
     */
    public static Destination destination(int protocol, String host, int port) {
        InetAddress address = IpLiteral.parse(host);
        if (address != null) {
            return Destination.of(protocol, address, port);
        }
        String name = HostPattern.normalize(host);
        if (name == null) {
            throw new IllegalArgumentException(
                    "'" + Printable.shorten(host) + "' is neither an IP address nor a host's name");
        }
        return Destination.ofName(protocol, name, port);
    }

    /**
     * Reads a port, 1 to 65535.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static int port(String text) {
        boolean digits = !text.isEmpty() && text.length() <= 5 && text.chars().allMatch(c -> c >= '0' && c <= '9');
        int port = digits ? Integer.parseInt(text) : 0;
        if (port < 1 || port > 0xffff) {
            throw new IllegalArgumentException("'" + Printable.shorten(text) + "' is no port, 1 to 65535");
        }
        return port;
    }

    /**
     * Opens a flow there.
     *
     * @param source the application; null when it has no address
     */
    public LinkFlow open(Uplink uplink, @Nullable InetSocketAddress source, ChannelHandler handler)
            throws FlowException {
        return agent == null
                ? uplink.open(destination, source, handler)
                : uplink.open(agent, destination, source, handler);
    }

    /** Why there is no flow there, for people; what an agent says mostly names the host. */
    public String why(Throwable cause) {
        String message = String.valueOf(cause.getMessage());
        return message.contains(destination.hostText()) ? message : this + ": " + message;
    }

    /** {@code office 192.168.77.10:5432}, or without the agent. */
    @Override
    public String toString() {
        String host = destination.hostText();
        String where = (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + destination.port();
        return agent == null ? where : agent + " " + where;
    }
}
