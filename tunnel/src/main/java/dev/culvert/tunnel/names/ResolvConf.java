package dev.culvert.tunnel.names;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a resolv.conf(5) says.
 *
 * @param servers in order; none when the file names none: then the system asks 127.0.0.1
 * @param search domains in their compared form; often none
 */
public record ResolvConf(List<InetSocketAddress> servers, List<String> search) {
    /** The system's own library asks three; a few more do no harm. */
    private static final int MAX_SERVERS = 8;

    /** glibc before 2.26 took six, and no machine needs more than this. */
    private static final int MAX_SEARCH = 32;

    public ResolvConf {
        servers = List.copyOf(servers);
        search = List.copyOf(search);
    }

    /** Reads the text of one; what is no such line counts for nothing. */
    public static ResolvConf parse(String text) {
        List<InetSocketAddress> servers = new ArrayList<>();
        List<String> search = List.of();
        for (String line : text.split("\n", -1)) {
            String[] words = line.split("[ \t\r]+", -1);
            if (words[0].equals("nameserver") && words.length > 1 && servers.size() < MAX_SERVERS) {
                InetAddress address = address(words[1]);
                if (address != null) {
                    servers.add(new InetSocketAddress(address, ResolverName.PORT));
                }
            } else if (words[0].equals("search") || words[0].equals("domain")) { // the last one counts
                search = Arrays.stream(words)
                        .skip(1)
                        .map(HostPattern::normalize)
                        .filter(Objects::nonNull)
                        .distinct()
                        .limit(MAX_SEARCH)
                        .toList();
            }
        }
        return new ResolvConf(servers, search);
    }

    /** A link-local one names its interface, {@code fe80::1%eth0}. */
    private static @Nullable InetAddress address(String text) {
        int zone = text.indexOf('%');
        if (IpLiteral.parse(zone < 0 ? text : text.substring(0, zone)) == null) {
            return null;
        }
        try {
            return InetAddress.getByName(text); // a literal: nobody is asked
        } catch (UnknownHostException e) {
            return null; // there is no such interface
        }
    }
}
