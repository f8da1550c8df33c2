package dev.culvert.token;

import dev.culvert.text.Printable;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Checks of what tokens are made of. */
public final class TokenFields {
    public static final SecureRandom RANDOM = new SecureRandom();

    /** Grants or routes in one token: more than that belongs into wider prefixes; bounds the compiled policy. */
    public static final int MAX_ENTRIES = 1024;

    /** 9999-12-31T23:59:59Z, the last instant that ISO 8601 writes with four digits of year. */
    public static final long MAX_TIME = 253_402_300_799L;

    private static final Pattern ID = Pattern.compile("[A-Za-z0-9_-]{1,64}");
    private static final Pattern SHA256 = Pattern.compile("[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]");

    private TokenFields() {}

    public static boolean isId(String text) {
        return ID.matcher(text).matches();
    }

    /** True if a shell's user could not write the id as an argument: base64url may begin with a hyphen. */
    public static boolean looksLikeOption(String id) {
        return id.startsWith("-");
    }

    public static String id(String id) {
        if (!isId(id)) {
            throw new IllegalArgumentException(
                    "token id '" + Printable.shorten(id) + "' is not 1 to 64 of A-Z, a-z, 0-9, '-' and '_'");
        }
        return id;
    }

    static @Nullable String pin(@Nullable String pin) {
        if (pin != null) {
            sha256("pin", pin);
        }
        return pin;
    }

    public static void sha256(String what, String text) {
        if (!SHA256.matcher(text).matches()) {
            throw new IllegalArgumentException(what + " '" + Printable.shorten(text)
                    + "' is not a SHA-256 in base64url: 43 characters without padding are needed");
        }
    }

    static Instant seconds(String what, Instant time) {
        long seconds = time.getEpochSecond();
        if (seconds < 0 || seconds > MAX_TIME) {
            throw new IllegalArgumentException(what + " " + time + " is not between the years 1970 and 9999");
        }
        return Instant.ofEpochSecond(seconds);
    }

    static void lifetime(Instant notBefore, Instant expires) {
        if (!expires.isAfter(notBefore)) {
            throw new IllegalArgumentException("token would expire at " + expires + ", not after it begins at "
                    + notBefore + ": give it a longer life");
        }
    }

    public static void count(String what, int count) {
        if (count < 1 || count > MAX_ENTRIES) {
            throw new IllegalArgumentException("token has " + count + " " + what + ": give 1 to " + MAX_ENTRIES);
        }
    }

    static void atMost(String what, int count, int most) {
        if (count > most) {
            throw new IllegalArgumentException("token has " + count + " " + what + ": give at most " + most);
        }
    }
}
