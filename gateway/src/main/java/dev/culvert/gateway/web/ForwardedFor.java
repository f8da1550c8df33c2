package dev.culvert.gateway.web;

import dev.culvert.address.IpLiteral;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which visitor trusted proxies name. What stands left of the last address that is none of theirs anybody may have written. */
final class ForwardedFor {
    private ForwardedFor() {}

    /**
     * The rightmost address that is no trusted proxy's. A request that names no other is the leftmost proxy's own.
     *
     * @param from the connection of a trusted proxy
     */
    static InetAddress visitor(HttpHeaders headers, Browser from) {
        List<String> lists = headers.getAll("X-Forwarded-For");
        List<String> elements = headers.getAll("Forwarded");
        if (lists.isEmpty()) {
            return visitor(nodes(elements), from);
        }
        return visitor(split(lists), from);
    }

    static boolean contradicts(HttpHeaders headers, Browser from) {
        List<String> lists = headers.getAll("X-Forwarded-For");
        List<String> elements = headers.getAll("Forwarded");
        return !lists.isEmpty()
                && !elements.isEmpty()
                && !visitor(split(lists), from).equals(visitor(nodes(elements), from));
    }

    private static InetAddress visitor(List<String> hops, Browser from) {
        InetAddress last = from.address();
        for (int i = hops.size() - 1; i >= 0 && from.isTrusted(last); i--) {
            InetAddress hop = address(hops.get(i));
            if (hop == null) {
                break; // "unknown", or no address: whoever wrote it is the last that is known
            }
            last = hop;
        }
        return last;
    }

    private static List<String> split(List<String> values) {
        List<String> all = new ArrayList<>();
        for (String value : values) {
            for (String one : value.split(",", -1)) {
                all.add(one.strip());
            }
        }
        return all;
    }

    /** What {@code for=} says in each element of {@code Forwarded} (RFC 7239 section 4); empty where nothing does. */
    private static List<String> nodes(List<String> values) {
        List<String> all = new ArrayList<>();
        for (String element : split(values)) { // no address has a comma, and what has one in quotes is none of ours
            String node = "";
            for (String pair : element.split(";", -1)) {
                String text = pair.strip();
                if (text.regionMatches(true, 0, "for=", 0, 4)) {
                    node = text.substring(4);
                }
            }
            all.add(
                    node.length() > 1 && node.startsWith("\"") && node.endsWith("\"")
                            ? node.substring(1, node.length() - 1)
                            : node);
        }
        return all;
    }

    /** {@code 192.0.2.7}, {@code 192.0.2.7:4711}, {@code 2001:db8::7}, {@code [2001:db8::7]:4711}; null for anything else. */
    private static @Nullable InetAddress address(String text) {
        if (text.startsWith("[")) {
            int end = text.indexOf(']');
            return end < 0 || end + 1 < text.length() && text.charAt(end + 1) != ':'
                    ? null
                    : IpLiteral.parse(text.substring(1, end));
        }
        int colon = text.indexOf(':');
        boolean port = colon >= 0 && text.indexOf('.') >= 0 && text.indexOf(':', colon + 1) < 0;
        return IpLiteral.parse(port ? text.substring(0, colon) : text);
    }
}
