package dev.culvert.policy;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.address.PortRanges;
import dev.culvert.address.Transport;
import dev.culvert.text.Printable;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * A destination that a test or a question names: {@code 192.168.77.2:443/tcp}, {@code [fd77::1]:53/udp},
 * {@code db.corp.example:5432} or {@code 192.168.77.2/icmp}. Without transport it is TCP.
 *
 * @param address null when {@code name} is set
 * @param name in its compared form, or null
 * @param port 1 to 65535; 0 for ICMP
 */
public record Flow(
        Transport transport,
        @Nullable InetAddress address,
        @Nullable String name,
        int port) {
    private static final String FORM =
            "write host:port/transport like 192.168.77.2:443/tcp, [fd77::1]:53/udp, db.corp.example:5432 or 10.0.0.7/icmp";

    /**
     * A destination in parts, before its host is understood.
     *
     * @param host without brackets
     */
    record Parts(String host, Transport transport, int port) {
        Flow to(InetAddress address) {
            return new Flow(transport, address, null, port);
        }

        Flow toName(String name) {
            return new Flow(transport, null, name, port);
        }
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with one line that shows the right form
     */
    public static Flow parse(String text) {
        Parts parts = parts(text);
        InetAddress address = IpLiteral.parse(parts.host());
        if (address != null) {
            return parts.to(address);
        }
        String name = HostPattern.normalize(parts.host());
        if (name == null) {
            throw new IllegalArgumentException("destination '" + Printable.shorten(text) + "' has no host; " + FORM);
        }
        return parts.toName(name);
    }

    static Parts parts(String text) {
        int slash = text.lastIndexOf('/');
        Transport transport = slash < 0 ? Transport.TCP : Transport.parse(text.substring(slash + 1));
        String host = slash < 0 ? text : text.substring(0, slash);
        if (transport == Transport.ICMP) {
            return new Parts(bare(host), transport, 0);
        }
        int colon = host.lastIndexOf(':');
        if (colon <= 0 || host.indexOf(':') != colon && host.charAt(0) != '[') {
            throw new IllegalArgumentException("destination '" + Printable.shorten(text) + "' has no port; " + FORM);
        }
        PortRanges port = PortRanges.parse(host.substring(colon + 1));
        if (port.ranges() != 1 || port.first(0) != port.last(0)) {
            throw new IllegalArgumentException("destination '" + Printable.shorten(text) + "' has many ports; " + FORM);
        }
        return new Parts(bare(host.substring(0, colon)), transport, port.first(0));
    }

    private static String bare(String host) {
        return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
    }

    /** The host as text, an IPv6 address in brackets. */
    public String host() {
        if (address == null) {
            return String.valueOf(name);
        }
        String text = AddressText.of(address);
        return text.indexOf(':') < 0 ? text : "[" + text + "]";
    }

    @Override
    public String toString() {
        return transport == Transport.ICMP ? host() + "/icmp" : host() + ":" + port + "/" + transport;
    }
}
