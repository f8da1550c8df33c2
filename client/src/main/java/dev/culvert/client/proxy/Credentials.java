package dev.culvert.client.proxy;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Who may use the proxy: one user and a password, compared without saying by the time that takes how much of it was right. */
final class Credentials {
    /** What RFC 1929 has room for, each. */
    private static final int MAX = 255;

    private final byte[] expected;

    private Credentials(byte[] expected) {
        this.expected = expected;
    }

    /**
     * Reads {@code USER:PASSWORD}.
     *
     * @throws IllegalArgumentException saying in one line what is wrong, and nothing of the password
     */
    static Credentials parse(String line) {
        int colon = line.indexOf(':');
        byte[] user = bytes(line.substring(0, Math.max(0, colon)));
        byte[] password = bytes(line.substring(colon + 1));
        if (colon < 1 || password.length == 0 || user.length > MAX || password.length > MAX) {
            throw new IllegalArgumentException(
                    "write USER:PASSWORD into its first line, neither empty nor longer than " + MAX + " bytes");
        }
        return new Credentials(bytes(line));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** As RFC 1929 says them. */
    boolean match(byte[] user, byte[] password) {
        byte[] both = new byte[user.length + 1 + password.length];
        System.arraycopy(user, 0, both, 0, user.length);
        both[user.length] = ':';
        System.arraycopy(password, 0, both, user.length + 1, password.length);
        return MessageDigest.isEqual(both, expected);
    }

    /** As RFC 7617 says them, in a {@code Proxy-Authorization}; null when there is none. */
    boolean match(@Nullable String header) {
        int space = header == null ? -1 : header.indexOf(' ');
        if (header == null
                || space < 0
                || !header.substring(0, space).toLowerCase(Locale.ROOT).equals("basic")) {
            return false;
        }
        try {
            return MessageDigest.isEqual(
                    Base64.getDecoder().decode(header.substring(space + 1).strip()), expected);
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
