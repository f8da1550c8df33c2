package dev.culvert.address;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which domains hold the names of a network's addresses: in-addr.arpa (RFC 1035 section 3.5) and ip6.arpa (RFC 3596 section 2.5). */
public final class ReverseZone {
    private static final String IPV4 = "in-addr.arpa";
    private static final String IPV6 = "ip6.arpa";

    /** Domains for one prefix whose length lies between two labels: as many as half an IPv4 label needs, or a whole IPv6 one. */
    private static final int MAX_ZONES = 16;

    private ReverseZone() {}

    /** The domains that make up the prefix: most 16; none when there would be more, or for the whole family. */
    public static List<String> of(IpPrefix prefix) {
        int step = prefix.isIpv6() ? 4 : 8;
        int length = (prefix.length() + step - 1) / step * step;
        int count = 1 << length - prefix.length();
        if (prefix.length() == 0 || count > MAX_ZONES) {
            return List.of();
        }
        List<String> zones = new ArrayList<>(count);
        List<IpPrefix> parts = List.of(prefix);
        for (int bits = prefix.length(); bits < length; bits++) {
            parts = parts.stream().flatMap(p -> p.halves().stream()).toList();
        }
        parts.forEach(part -> zones.add(zone(part, step)));
        return zones;
    }

    private static String zone(IpPrefix prefix, int step) {
        byte[] address = prefix.network().getAddress();
        StringBuilder name = new StringBuilder();
        for (int bit = prefix.length() - step; bit >= 0; bit -= step) {
            int octet = address[bit / 8] & 0xff;
            name.append(
                            step == 8
                                    ? Integer.toString(octet)
                                    : Integer.toHexString(bit % 8 == 0 ? octet >> 4 : octet & 0xf))
                    .append('.');
        }
        return name.append(prefix.isIpv6() ? IPV6 : IPV4).toString();
    }

    /**
     * The addresses whose names lie at or below such a domain.
     *
     * @param domain in lower case, without trailing dot
     * @return null when it is no such domain, or that of a whole family
     */
    public static @Nullable IpPrefix prefix(String domain) {
        boolean ipv6 = domain.endsWith("." + IPV6);
        if (!ipv6 && !domain.endsWith("." + IPV4)) {
            return null;
        }
        String[] labels = domain.substring(0, domain.length() - 1 - (ipv6 ? IPV6 : IPV4).length())
                .split("\\.", -1);
        byte[] address = new byte[ipv6 ? 16 : 4];
        int step = ipv6 ? 4 : 8;
        if (labels.length * step > address.length * 8) {
            return null;
        }
        for (int i = 0; i < labels.length; i++) {
            String label = labels[labels.length - 1 - i];
            int value = number(label, ipv6);
            if (value < 0) {
                return null;
            }
            int bit = i * step;
            address[bit / 8] |= (byte) (ipv6 && bit % 8 == 0 ? value << 4 : value);
        }
        try {
            return IpPrefix.of(InetAddress.getByAddress(address), labels.length * step);
        } catch (UnknownHostException | IllegalArgumentException e) {
            return null; // an IPv4-mapped one, whose addresses have their names elsewhere
        }
    }

    /** -1 for what is written otherwise than the one way in which such labels are. */
    private static int number(String label, boolean ipv6) {
        if (label.isEmpty() || label.length() > (ipv6 ? 1 : 3) || label.length() > 1 && label.charAt(0) == '0') {
            return -1;
        }
        int value = 0;
        for (char c : label.toCharArray()) {
            int digit = c >= '0' && c <= '9' ? c - '0' : ipv6 && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (digit < 0) {
                return -1;
            }
            value = value * 10 + digit;
        }
        return value > 0xff ? -1 : value;
    }
}
