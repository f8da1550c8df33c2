package dev.culvert.gateway.web;

import dev.culvert.address.AddressText;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import java.net.Inet6Address;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** Which header fields go on, and which are ours. */
final class HeaderFields {
    /** They are of one connection (RFC 9110 7.6.1), or frame a message, which each side does by itself. */
    private static final Set<String> OF_CONNECTION = Set.of(
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authorization",
            "proxy-authenticate",
            "te",
            "transfer-encoding",
            "upgrade",
            "http2-settings");

    /** By which logs of both sides tell one request from another. */
    static final String REQUEST_ID = "x-request-id";

    private static final int MAX_REQUEST_ID = 128;

    /** What only we may say of a browser; also in the spelling that a CGI program cannot tell from it. */
    private static final Set<String> OURS = Set.of("forwarded", "x-real-ip", REQUEST_ID);

    /** Of these, what a trusted proxy says is kept. It passes other ones on from whoever sent them: who is logged in is not its to say. */
    private static final Set<String> OF_PROXIES = Set.of(
            "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", REQUEST_ID);

    /** What CGI programs take for their proxy (httpoxy), and frameworks for the path, which the site was found by. */
    private static final Set<String> MISTAKEN = Set.of("proxy", "x-original-url", "x-rewrite-url");

    private static final String FORWARDED_PREFIX = "x-forwarded-";

    /** They say what a message means: none of them may come behind it (RFC 9110 6.5.1). */
    private static final Set<String> NOT_IN_TRAILERS = Set.of(
            "host",
            "content-length",
            "content-encoding",
            "content-type",
            "content-range",
            "trailer",
            "authorization",
            "cookie",
            "set-cookie",
            "expect",
            "cache-control",
            "max-forwards",
            "range",
            "age",
            "date",
            "expires",
            "location",
            "retry-after",
            "vary");

    private HeaderFields() {}

    /**
     * Whether a request or an answer has to do with NTLM or Negotiate, which tell a target who speaks on a connection, not in a
     * request: all that came over it later would be that person's.
     */
    static boolean authenticatesConnection(HttpHeaders headers) {
        return headers.contains("Persistent-Auth")
                || isOfConnection(headers.getAll(HttpHeaderNames.AUTHORIZATION))
                || isOfConnection(headers.getAll(HttpHeaderNames.WWW_AUTHENTICATE));
    }

    private static boolean isOfConnection(List<String> credentials) {
        for (String value : credentials) {
            for (String one : value.toLowerCase(Locale.ROOT).split(",", -1)) {
                String scheme = one.strip();
                if (scheme.startsWith("ntlm") || scheme.startsWith("negotiate")) {
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * The request as the target is sent it.
     *
     * @param user who has shown us who it is, whose password is for us alone; empty for nobody
     */
    static HttpRequest toTarget(HttpRequest from, Asked asked, SiteOptions options, Browser browser, String user) {
        HttpHeaders in = from.headers();
        HttpHeaders out = new DefaultHttpHeaders();
        Set<String> named = named(in);
        String host = options.host();
        out.add(HttpHeaderNames.HOST, host == null ? asked.authority() : host);
        for (Map.Entry<String, String> field : in) {
            String name = field.getKey().toLowerCase(Locale.ROOT);
            if (!name.equals("host")
                    && !name.equals("content-length")
                    && !name.equals("expect")
                    && !named.contains(name)
                    && (user.isEmpty() || !name.equals("authorization"))
                    && passes(name, browser.trustedProxy())) {
                String value = name.equals("cookie") ? WayCookie.without(field.getValue()) : field.getValue();
                if (value != null) {
                    out.add(field.getKey(), value);
                }
            }
        }
        if (asked.length() < 0) {
            out.set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
        } else if (in.contains(HttpHeaderNames.CONTENT_LENGTH)) {
            out.set(HttpHeaderNames.CONTENT_LENGTH, asked.length());
        }
        if (asked.continues() && asked.hasBody()) {
            out.set(HttpHeaderNames.EXPECT, HttpHeaderValues.CONTINUE);
        }
        if (!asked.upgrade().isEmpty()) {
            out.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
            out.set(HttpHeaderNames.UPGRADE, asked.upgrade());
        } else if (in.containsValue(HttpHeaderNames.TE, HttpHeaderValues.TRAILERS, true)) {
            out.set(HttpHeaderNames.CONNECTION, HttpHeaderNames.TE);
            out.set(HttpHeaderNames.TE, HttpHeaderValues.TRAILERS);
        }
        forwarded(from, out, asked, options, browser);
        requestId(out);
        if (!user.isEmpty()) {
            out.set("X-Forwarded-User", user);
        }
        return new DefaultHttpRequest(HttpVersion.HTTP_1_1, from.method(), rewritten(asked, options), out);
    }

    private static boolean passes(String name, boolean trusted) {
        if (OF_CONNECTION.contains(name)) {
            return false;
        }
        String plain = name.replace('_', '-');
        if (OF_CONNECTION.contains(plain)
                || plain.equals("content-length")
                || plain.equals("host")
                || MISTAKEN.contains(plain)) {
            return false; // only ever sent to be mistaken for those
        }
        boolean ours = OURS.contains(plain) || plain.startsWith(FORWARDED_PREFIX);
        return !ours || trusted && OF_PROXIES.contains(name);
    }

    /** Fields that the sender calls fields of the connection. */
    private static Set<String> named(HttpHeaders headers) {
        List<String> values = headers.getAll(HttpHeaderNames.CONNECTION);
        if (values.isEmpty()) {
            return Set.of();
        }
        Set<String> named = new HashSet<>();
        for (String value : values) {
            for (String token : value.split(",", -1)) {
                named.add(token.strip().toLowerCase(Locale.ROOT));
            }
        }
        return named;
    }

    private static void forwarded(
            HttpRequest from, HttpHeaders out, Asked asked, SiteOptions options, Browser browser) {
        HttpHeaders in = from.headers();
        String address = AddressText.of(browser.address());
        String scheme = browser.secure() ? "https" : "http";
        boolean trusted = browser.trustedProxy();
        append(out, "X-Forwarded-For", address, trusted);
        if (!trusted || !in.contains("X-Forwarded-Proto")) {
            out.set("X-Forwarded-Proto", scheme);
        }
        if (!asked.authority().isEmpty() && (!trusted || !in.contains("X-Forwarded-Host"))) {
            out.set("X-Forwarded-Host", asked.authority());
        }
        if (!options.publicPath().isEmpty()) {
            out.set("X-Forwarded-Prefix", options.publicPath());
        }
        out.set("X-Real-IP", AddressText.of(browser.visitor(from)));
        // RFC 7239: an IPv6 address is in brackets, and what has a colon in quotes.
        String node = browser.address() instanceof Inet6Address && address.indexOf(':') >= 0
                ? "\"[" + address + "]\""
                : address;
        String host = asked.authority().isEmpty() ? "" : ";host=\"" + asked.authority() + "\"";
        append(out, "Forwarded", "for=" + node + host + ";proto=" + scheme, trusted);
    }

    /** One of ours, unless a trusted proxy has said one that is fit for any log. */
    private static void requestId(HttpHeaders out) {
        List<String> said = out.getAll(REQUEST_ID);
        String one = said.size() == 1 ? said.get(0) : "";
        if (one.isEmpty()
                || one.length() > MAX_REQUEST_ID
                || !one.chars().allMatch(c -> c > ' ' && c <= '~' && c != '"' && c != '\\')) {
            ThreadLocalRandom random = ThreadLocalRandom.current(); // it need only be another each time
            out.set(
                    "X-Request-Id",
                    HexFormat.of().toHexDigits(random.nextLong())
                            + HexFormat.of().toHexDigits(random.nextLong()));
        }
    }

    private static void append(HttpHeaders out, String name, String value, boolean toWhatIsThere) {
        List<String> before = toWhatIsThere ? out.getAll(name) : List.of();
        out.set(name, before.isEmpty() ? value : String.join(", ", before) + ", " + value);
    }

    private static String rewritten(Asked asked, SiteOptions options) {
        String target = asked.target();
        String published = options.publicPath();
        if (target.equals("*")
                || published.isEmpty() && options.targetPath().isEmpty()
                || !target.startsWith(published)) {
            return target;
        }
        String rest = target.substring(published.length());
        if (!rest.isEmpty() && rest.charAt(0) != '/' && rest.charAt(0) != '?') {
            return target; // of another path that begins with the same letters
        }
        int start = 0;
        while (start < rest.length() && (rest.charAt(start) == '/' || rest.charAt(start) == '\\')) {
            start++; // two at the beginning would be a host to whoever resolves it
        }
        return options.targetPath() + "/" + rest.substring(start);
    }

    /** The head of an answer as the browser is sent it; framing is left to its side. */
    static HttpResponse toBrowser(HttpResponse from, SiteOptions options, boolean secure) {
        HttpHeaders in = from.headers();
        HttpHeaders out = new DefaultHttpHeaders();
        Set<String> named = named(in);
        for (Map.Entry<String, String> field : in) {
            String name = field.getKey().toLowerCase(Locale.ROOT);
            // Alt-Svc leads browsers to ports of the target's machine.
            if (!OF_CONNECTION.contains(name) && !named.contains(name) && !name.equals("alt-svc")) {
                out.add(field.getKey(), field.getValue());
            }
        }
        if (secure && options.hstsSeconds() > 0) {
            out.set("Strict-Transport-Security", "max-age=" + options.hstsSeconds());
        }
        return new DefaultHttpResponse(HttpVersion.HTTP_1_1, from.status(), out);
    }

    /** Takes out of trailers what must not be there. */
    static void cleanTrailers(HttpHeaders trailers) {
        if (!trailers.isEmpty()) {
            for (String name : Set.copyOf(trailers.names())) {
                String plain = name.toLowerCase(Locale.ROOT).replace('_', '-');
                if (NOT_IN_TRAILERS.contains(plain)
                        || OURS.contains(plain)
                        || MISTAKEN.contains(plain)
                        || plain.startsWith(FORWARDED_PREFIX)
                        || OF_CONNECTION.contains(plain)) {
                    trailers.remove(name);
                }
            }
        }
    }
}
