package dev.culvert.gateway.login;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A name and a password as a browser says them (RFC 7617 section 2).
 *
 * @param password in UTF-8, as we ask for (section 2.1)
 */
record BasicCredentials(String name, byte[] password) {
    private static final String SCHEME = "basic ";

    /**
     * Reads them.
     *
     * @param authorization the values of the field, of all its lines
     * @return null when there are none, or more than one, or others
     */
    static @Nullable BasicCredentials read(List<String> authorization) {
        String text = authorization.size() == 1 ? authorization.get(0).strip() : "";
        if (!text.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            return null;
        }
        byte[] both;
        try {
            both = Base64.getDecoder().decode(text.substring(SCHEME.length()).strip());
        } catch (IllegalArgumentException e) {
            return null;
        }
        int colon = 0;
        while (colon < both.length && both[colon] != ':') {
            colon++;
        }
        return colon == both.length
                ? null
                : new BasicCredentials(
                        new String(both, 0, colon, StandardCharsets.UTF_8),
                        Arrays.copyOfRange(both, colon + 1, both.length));
    }

    @Override
    public String toString() {
        return name;
    }
}
