package dev.culvert.policy;

import dev.culvert.text.Printable;
import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A bandwidth as people write it: {@code 20 Mbit/s}. Thousands are decimal, as everywhere with bits in a second.
 *
 * @param bitsPerSecond {@link #LEAST} to {@link #MOST}
 */
public record BitRate(long bitsPerSecond) {
    /** One full frame of a link, 16 KiB, takes 1.3 s with this; with less a client could not be worked with. */
    public static final long LEAST = 100_000;

    /** More than any gateway carries. */
    public static final long MOST = 100_000_000_000L;

    private static final Pattern SYNTAX = Pattern.compile("([0-9]{1,15}(?:\\.[0-9]{1,9})?) ?([^0-9. ].*)?");
    private static final Pattern UNIT = Pattern.compile("([kmg]?)bit/s");
    private static final Pattern BYTES = Pattern.compile("([kmg]?)i?(?:b|bytes?)(?:/s|ps)?");
    private static final String PREFIXES = "kMG";
    private static final String KNOWN = "bit/s, kbit/s, Mbit/s, Gbit/s";

    /** Checks the bounds. */
    public BitRate {
        if (bitsPerSecond < LEAST) {
            throw new IllegalArgumentException("bandwidth " + text(bitsPerSecond)
                    + " is too little: a single frame of a link takes more than a second with less than " + text(LEAST)
                    + "; write more, or deny what shall not be used");
        }
        if (bitsPerSecond > MOST) {
            throw new IllegalArgumentException("bandwidth " + text(bitsPerSecond) + " is more than a gateway carries ("
                    + text(MOST) + "); leave it out for no limit");
        }
    }

    /**
     * Reads a number and its unit.
     *
     * @throws IllegalArgumentException saying what is wrong and how to write it
     */
    public static BitRate parse(String text) {
        Matcher m = SYNTAX.matcher(text.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException(
                    "'" + Printable.shorten(text) + "' is no bandwidth; write a number and a unit, like 20 Mbit/s");
        }
        BigDecimal number = new BigDecimal(m.group(1));
        if (m.group(2) == null) {
            throw new IllegalArgumentException("bandwidth '" + Printable.shorten(text) + "' has no unit (" + KNOWN
                    + "); did you mean '" + m.group(1) + " Mbit/s'?");
        }
        String unit = m.group(2).strip();
        Matcher known = UNIT.matcher(unit.toLowerCase(Locale.ROOT));
        if (!known.matches()) {
            throw new IllegalArgumentException(notAUnit(number, unit));
        }
        BigDecimal bits = number.scaleByPowerOfTen(power(known.group(1)));
        // Fractions of a bit cannot be meant; and a number of any length fits into the message of the bounds.
        return new BitRate(bits.min(BigDecimal.valueOf(Long.MAX_VALUE)).longValue());
    }

    private static String notAUnit(BigDecimal number, String unit) {
        String lower = unit.toLowerCase(Locale.ROOT);
        Matcher bytes = BYTES.matcher(lower);
        // "Mb/s" and "Mbps" are bits by custom, "MB/s" and "MBps" bytes.
        if (bytes.matches() && (unit.indexOf('B') >= 0 || lower.contains("byte"))) {
            BigDecimal bits = number.scaleByPowerOfTen(power(bytes.group(1))).multiply(BigDecimal.valueOf(8));
            return "'" + Printable.shorten(unit) + "' is bytes, and bandwidth is written in bits; did you mean '"
                    + text(bits.min(BigDecimal.valueOf(Long.MAX_VALUE)).longValue()) + "'?";
        }
        int prefix = PREFIXES.toLowerCase(Locale.ROOT).indexOf(lower.charAt(0));
        String cure = prefix >= 0 ? "did you mean '" + PREFIXES.charAt(prefix) + "bit/s'?" : "known: " + KNOWN;
        return "unit '" + Printable.shorten(unit) + "' of a bandwidth is not known; " + cure;
    }

    private static int power(String prefix) {
        return prefix.isEmpty() ? 0 : 3 * (1 + PREFIXES.toLowerCase(Locale.ROOT).indexOf(prefix));
    }

    /** In the largest unit of which it is one or more. */
    private static String text(long bits) {
        int thousands = bits >= 1_000_000_000 ? 3 : bits >= 1_000_000 ? 2 : bits >= 1_000 ? 1 : 0;
        return BigDecimal.valueOf(bits, 3 * thousands).stripTrailingZeros().toPlainString() + ' '
                + (thousands == 0 ? "" : PREFIXES.charAt(thousands - 1)) + "bit/s";
    }

    @Override
    public String toString() {
        return text(bitsPerSecond);
    }
}
