package dev.culvert.client.proxy;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Which header fields go on (RFC 9110 sections 7.6.1 and 7.6.3). */
final class ProxyHeaders {
    /** They are of one connection. */
    private static final Set<String> OF_CONNECTION = Set.of(
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authorization",
            "proxy-authenticate",
            "proxy-authentication-info",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings");

    /** By what we are known to those who look for loops. */
    private static final String VIA = "1.1 culvert";

    private ProxyHeaders() {}

    /** What goes on, of a request or a response; framing is each side's own, but for the length, which stays. */
    static HttpHeaders forwarded(HttpHeaders from) {
        Set<String> named = new HashSet<>();
        for (String value : from.getAll(HttpHeaderNames.CONNECTION)) {
            for (String one : value.split(",", -1)) {
                named.add(one.strip().toLowerCase(Locale.ROOT));
            }
        }
        named.remove("content-length"); // nobody can talk a message out of its framing
        HttpHeaders out = new DefaultHttpHeaders();
        for (Map.Entry<String, String> field : from) {
            String name = field.getKey().toLowerCase(Locale.ROOT);
            if (!OF_CONNECTION.contains(name) && !named.contains(name)) {
                out.add(field.getKey(), field.getValue());
            }
        }
        out.add(HttpHeaderNames.VIA, VIA);
        return out;
    }
}
