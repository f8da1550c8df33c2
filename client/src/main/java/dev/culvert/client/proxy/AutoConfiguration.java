package dev.culvert.client.proxy;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import java.net.SocketAddress;
import java.util.Collection;
import java.util.StringJoiner;

/**
 * A script by which a browser asks the proxy for what lies behind agents, and for nothing else: networks that are routed, and names that the
 * token grants. Of names and addresses that are checked before it nothing can end a string of it.
 */
final class AutoConfiguration {
    /** Networks and names in it, each: as many as a token can grant. */
    private static final int MAX = 1_024;

    private static final int BITS_4 = 32;

    private AutoConfiguration() {}

    /**
     * Writes it.
     *
     * @param at where the proxy was reached
     * @param everything whether all is asked of the proxy
     */
    static String of(
            SocketAddress at, boolean everything, Collection<IpPrefix> networks, Collection<HostPattern> names) {
        StringBuilder out = new StringBuilder("function FindProxyForURL(url, host) {\n");
        out.append("  var proxy = \"PROXY ").append(AddressText.of(at)).append("\";\n");
        if (!everything) {
            StringJoiner four = new StringJoiner(", ");
            boolean six = false;
            for (IpPrefix network : networks.stream().sorted().limit(MAX).toList()) {
                if (network.isIpv6()) {
                    six = true;
                } else {
                    four.add("[\"" + AddressText.of(network.network()) + "\", \"" + mask(network.length()) + "\"]");
                }
            }
            StringJoiner hosts = new StringJoiner(", ");
            names.stream().limit(MAX).forEach(n -> hosts.add("\"" + (n.isWildcard() ? "." : "") + n.name() + "\""));
            out.append("  var networks = [").append(four).append("];\n");
            out.append("  var names = [").append(hosts).append("];\n");
            out.append("  var name = host.toLowerCase().replace(/\\.$/, \"\");\n");
            out.append("  if (/^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$/.test(name)) {\n");
            out.append("    for (var i = 0; i < networks.length; i++) {\n");
            out.append("      if (isInNet(name, networks[i][0], networks[i][1])) return proxy;\n");
            out.append("    }\n");
            out.append("    return \"DIRECT\";\n");
            out.append("  }\n");
            out.append("  if (name.indexOf(\":\") >= 0) return ")
                    .append(six ? "proxy" : "\"DIRECT\"")
                    .append(";\n");
            out.append("  for (var j = 0; j < names.length; j++) {\n");
            out.append(
                    "    if (names[j].charAt(0) == \".\" ? dnsDomainIs(name, names[j]) : name == names[j]) return proxy;\n");
            out.append("  }\n");
            out.append("  return \"DIRECT\";\n");
        } else {
            out.append("  return proxy;\n");
        }
        return out.append("}\n").toString();
    }

    private static String mask(int length) {
        int bits = length == 0 ? 0 : -1 << BITS_4 - length;
        return (bits >>> 24) + "." + (bits >>> 16 & 0xff) + "." + (bits >>> 8 & 0xff) + "." + (bits & 0xff);
    }
}
