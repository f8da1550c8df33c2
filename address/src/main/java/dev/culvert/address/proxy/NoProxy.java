package dev.culvert.address.proxy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What is reached without the proxy of the environment: a list, apart by commas or blanks, of {@code *} (everything), names (with all
 * below them; with a dot before, those below only), addresses and CIDR prefixes, each perhaps with a port. What is none of these covers
 * nothing. {@code localhost} and loopback addresses are always covered.
 */
final class NoProxy {
    private static final String LOCAL = "localhost";

    private final List<Entry> entries;

    private NoProxy(List<Entry> entries) {
        this.entries = entries;
    }

    /**
     * One of the list.
     *
     * @param name in lower case; null for a prefix, empty for everything
     * @param port 0 for any
     */
    private record Entry(
            @Nullable String name,
            boolean belowOnly,
            @Nullable IpPrefix prefix,
            int port) {
        boolean covers(String host, @Nullable InetAddress address, int at) {
            if (port != 0 && port != at) {
                return false;
            }
            if (prefix != null) {
                return address != null && prefix.contains(address);
            }
            String suffix = name == null ? "" : name;
            return suffix.isEmpty()
                    || address == null && (host.endsWith("." + suffix) || !belowOnly && host.equals(suffix));
        }
    }

    static NoProxy parse(String list) {
        List<Entry> entries = new ArrayList<>();
        for (String one : list.toLowerCase(Locale.ROOT).split("[\\s,]+")) {
            Entry entry = entry(one);
            if (entry != null) {
                entries.add(entry);
            }
        }
        return new NoProxy(entries);
    }

    private static @Nullable Entry entry(String text) {
        String host = text;
        int port = 0;
        int colon = text.lastIndexOf(':');
        boolean bracketed = text.startsWith("[");
        if (colon > text.lastIndexOf(']') && (bracketed || text.indexOf(':') == colon)) {
            try {
                port = Integer.parseInt(text.substring(colon + 1));
            } catch (NumberFormatException e) {
                return null;
            }
            host = text.substring(0, colon);
        }
        if (bracketed && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        if (host.equals("*")) {
            return new Entry("", false, null, port);
        }
        IpPrefix prefix = prefix(host);
        if (prefix != null) {
            return new Entry(null, false, prefix, port);
        }
        String plain = host.startsWith("*.") ? host.substring(1) : host;
        boolean below = plain.startsWith(".");
        String name = normal(below ? plain.substring(1) : plain);
        return name.isEmpty() ? null : new Entry(name, below, null, port);
    }

    private static @Nullable IpPrefix prefix(String text) {
        InetAddress address = IpLiteral.parse(text);
        if (address != null) {
            return IpPrefix.of(address);
        }
        try {
            return text.indexOf('/') < 0 ? null : IpPrefix.parse(text);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static String normal(String name) {
        String normal = HostPattern.normalize(name);
        return normal == null ? "" : normal;
    }

    /** @param host a name or an address, without brackets */
    boolean covers(String host, int port) {
        InetAddress address = IpLiteral.parse(host);
        String name = address == null ? normal(host) : host;
        if (address == null ? name.equals(LOCAL) || name.endsWith("." + LOCAL) : address.isLoopbackAddress()) {
            return true;
        }
        return entries.stream().anyMatch(entry -> entry.covers(name, address, port));
    }
}
