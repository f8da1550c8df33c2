package dev.culvert.token;

import dev.culvert.address.HostPattern;
import dev.culvert.address.PortRanges;
import dev.culvert.address.Transport;
import dev.culvert.text.Printable;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Under what a service behind an agent may be published on the gateway: a host name of the web, or ports.
 *
 * <p>Text form: {@code app.example} or {@code *.apps.example} for names (HTTP and TLS, told apart by name, so that many
 * share the gateway's port), {@code :2200-2299/tcp} or {@code :53/udp} for ports of the gateway's own. Without a transport
 * ports are TCP's. Immutable.
 *
 * @param host the names, or null for ports
 * @param ports the ports, or null for names
 * @param transports of the ports; empty for names, TCP or UDP or both for ports
 */
public record PublishRight(
        @Nullable HostPattern host, @Nullable PortRanges ports, Set<Transport> transports) {
    /** The longest name with a wildcard is 255; a list of ports is as long as in a {@link Grant}. */
    private static final int MAX_TEXT = 4096;

    private static final String FORM = "write app.example, *.apps.example, :8443 or :2200-2299/tcp,udp";

    /** Checks that it is one of the two. */
    public PublishRight {
        if ((host == null) == (ports == null)
                || (ports == null) != transports.isEmpty()
                || transports.contains(Transport.ICMP)) {
            throw new IllegalArgumentException("needs a name, or ports of tcp or udp; " + FORM);
        }
        transports = transports.isEmpty()
                ? Set.of()
                : Collections.unmodifiableSet(EnumSet.copyOf(transports)); // in the order of the enum, for the text
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with one line that names the right and shows the form
     */
    public static PublishRight parse(String text) {
        if (text.length() > MAX_TEXT) {
            throw new IllegalArgumentException("publish right has " + text.length() + " characters: at most " + MAX_TEXT
                    + " are read; use several");
        }
        try {
            if (!text.startsWith(":")) {
                return new PublishRight(HostPattern.parse(text), null, Set.of());
            }
            int slash = text.indexOf('/');
            PortRanges ports = PortRanges.parse(slash < 0 ? text.substring(1) : text.substring(1, slash));
            Set<Transport> transports = EnumSet.noneOf(Transport.class);
            for (String name :
                    slash < 0 ? new String[] {"tcp"} : text.substring(slash + 1).split(",", -1)) {
                transports.add(Transport.parse(name));
            }
            return new PublishRight(null, ports, transports);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "publish right '" + Printable.shorten(text) + "': "
                            + (text.startsWith(":") ? e.getMessage() : "this is no host name; " + FORM),
                    e);
        }
    }

    /** True if a service may be published under this host name. */
    public boolean permits(String name) {
        return host != null && host.matches(name);
    }

    /** True if a service may be published under this name, or all names of this pattern. */
    public boolean permits(HostPattern name) {
        return host != null && host.covers(name);
    }

    /** True if a service may be published on this port. */
    public boolean permits(Transport transport, int port) {
        return ports != null && transports.contains(transport) && ports.contains(port);
    }

    @Override
    public String toString() {
        return ports == null
                ? String.valueOf(host)
                : ":" + ports + "/"
                        + transports.stream().map(Transport::toString).collect(Collectors.joining(","));
    }
}
