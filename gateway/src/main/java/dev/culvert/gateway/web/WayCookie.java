package dev.culvert.gateway.web;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The cookie by which a browser comes back by the same way (RFC 6265). It is between us and the browser: targets do not see it. */
final class WayCookie {
    static final String NAME = "culvert-instance";

    /** Values that are looked at: a browser has one for each path that is published. */
    static final int MAX_VALUES = 8;

    private static final String PREFIX = NAME + "=";

    private WayCookie() {}

    /** What a browser says, up to {@link #MAX_VALUES}. */
    static List<String> values(HttpHeaders request) {
        List<String> values = new ArrayList<>();
        for (String field : request.getAll(HttpHeaderNames.COOKIE)) {
            if (!field.contains(PREFIX)) {
                continue;
            }
            for (String pair : field.split(";", -1)) {
                String cookie = pair.strip();
                if (cookie.startsWith(PREFIX) && values.size() < MAX_VALUES) {
                    values.add(cookie.substring(PREFIX.length()));
                }
            }
        }
        return values;
    }

    /** The value of a field of cookies without this one; null when nothing is left. */
    static @Nullable String without(String field) {
        if (!field.contains(PREFIX)) {
            return field;
        }
        StringBuilder left = new StringBuilder(field.length());
        for (String pair : field.split(";", -1)) {
            String cookie = pair.strip();
            if (!cookie.startsWith(PREFIX) && !cookie.isEmpty()) {
                left.append(left.isEmpty() ? "" : "; ").append(cookie);
            }
        }
        return left.isEmpty() ? null : left.toString();
    }

    /**
     * The field that sets it, until the browser is closed.
     *
     * @param path for which it is
     * @param secure whether the browser is to send it over https only
     */
    static String set(String value, String path, boolean secure) {
        return PREFIX + value + "; Path=" + path + "; HttpOnly; SameSite=Lax" + (secure ? "; Secure" : "");
    }
}
