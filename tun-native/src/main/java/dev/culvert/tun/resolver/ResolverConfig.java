package dev.culvert.tun.resolver;

import java.net.InetAddress;
import java.util.List;

/**
 * What this machine's resolver shall do.
 *
 * @param ifName the interface that the servers are reached through
 * @param servers asked for names in the domains, on port 53; at least one
 * @param domains names at or below these; in their compared form
 * @param search domains that are tried for names without a dot
 * @param everything whether the servers are asked about all names, and nobody else about any
 */
public record ResolverConfig(
        String ifName, List<InetAddress> servers, List<String> domains, List<String> search, boolean everything) {
    /** Copies. */
    public ResolverConfig {
        servers = List.copyOf(servers);
        domains = List.copyOf(domains);
        search = List.copyOf(search);
        if (servers.isEmpty()) {
            throw new IllegalArgumentException("no name server");
        }
    }
}
