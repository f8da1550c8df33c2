package dev.culvert.gateway.accesslog;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Names of files by public sides: {@code app.example.com_api.log} for {@code app.example.com/api}, {@code tcp_2222.log} for {@code tcp:2222},
 * {@code wildcard.apps.example.com.log} for {@code *.apps.example.com}. No two public sides have one name, and none has a slash or begins with
 * a dot.
 */
final class AccessFileName {
    private static final String WILDCARD = "wildcard.";

    /** File systems take 255 bytes, and {@code .log.7} comes on top. */
    private static final int MAX = 200;

    private static final int HASH_BYTES = 16;

    private AccessFileName() {}

    static String of(String publicSide) {
        String safe = safe(publicSide);
        if (safe.length() > MAX) { // a tilde is in no other name
            safe = safe.substring(0, MAX - 2 * HASH_BYTES - 1) + "~" + hash(publicSide);
        }
        return safe + ".log";
    }

    private static String safe(String publicSide) {
        if (publicSide.startsWith("tcp:") || publicSide.startsWith("udp:")) {
            return publicSide.replace(':', '_');
        }
        StringBuilder out = new StringBuilder();
        String name = publicSide;
        if (name.startsWith("*.")) {
            out.append(WILDCARD);
            name = name.substring(2);
        } else if (name.startsWith(WILDCARD) || name.startsWith("tcp/") || name.startsWith("udp/")) {
            escape(out, name.charAt(0)); // it is not what would be called so
            name = name.substring(1);
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == '/') {
                out.append('_');
            } else if (c >= 'a' && c <= 'z'
                    || c >= 'A' && c <= 'Z'
                    || c >= '0' && c <= '9'
                    || c == '-'
                    || c == '.' && out.length() > 0) {
                out.append(c);
            } else {
                escape(out, c);
            }
        }
        return out.toString();
    }

    private static void escape(StringBuilder out, char c) {
        for (byte b : String.valueOf(c).getBytes(StandardCharsets.UTF_8)) {
            out.append('%').append(Integer.toHexString(0x100 | b & 0xff), 1, 3);
        }
    }

    private static String hash(String text) {
        try {
            byte[] sum = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(sum, 0, HASH_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
