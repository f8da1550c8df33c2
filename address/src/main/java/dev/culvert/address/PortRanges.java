package dev.culvert.address;

import dev.culvert.text.Printable;
import java.util.Arrays;

/** A set of ports, like {@code *}, {@code 443} or {@code 80,443,8000-8100}. Immutable, sorted, without overlaps. */
public final class PortRanges {
    /** More ranges than any sane grant has; bounds what one line of a token can cost. */
    public static final int MAX_RANGES = 256;

    private static final int MAX_PORT = 65535;

    /** Every port, 1 to 65535. */
    public static final PortRanges ALL = new PortRanges(new int[] {1, MAX_PORT});

    /** No port at all; cannot be written in a grant. */
    public static final PortRanges NONE = new PortRanges(new int[0]);

    /** Pairs of first and last port, ascending, neither touching nor overlapping. */
    private final int[] bounds;

    private PortRanges(int[] bounds) {
        this.bounds = bounds;
    }

    /**
     * Reads {@code *} or a comma-separated list of ports and ranges.
     *
     * @throws IllegalArgumentException naming the part that is wrong
     */
    public static PortRanges parse(String text) {
        if (text.equals("*")) {
            return ALL;
        }
        String[] parts = text.split(",", -1);
        if (parts.length > MAX_RANGES) {
            throw new IllegalArgumentException("port list has " + parts.length + " ranges: write at most " + MAX_RANGES
                    + ", or use several grants");
        }
        int[] pairs = new int[parts.length * 2];
        for (int i = 0; i < parts.length; i++) {
            int dash = parts[i].indexOf('-');
            int first = port(dash < 0 ? parts[i] : parts[i].substring(0, dash), text);
            int last = dash < 0 ? first : port(parts[i].substring(dash + 1), text);
            if (first > last) {
                throw new IllegalArgumentException(
                        "port range '" + parts[i] + "' runs backwards: write " + last + "-" + first);
            }
            pairs[2 * i] = first;
            pairs[2 * i + 1] = last;
        }
        return merge(pairs);
    }

    private static int port(String text, String whole) {
        int value = 0;
        boolean valid = !text.isEmpty() && text.length() <= 5;
        for (int i = 0; valid && i < text.length(); i++) {
            char c = text.charAt(i);
            valid = c >= '0' && c <= '9';
            value = value * 10 + c - '0';
        }
        if (!valid || value < 1 || value > MAX_PORT) {
            throw new IllegalArgumentException("port '" + Printable.shorten(text) + "' in '" + Printable.shorten(whole)
                    + "' is not a port: write numbers from 1 to 65535 like 443, 80,443 or 8000-8100, or * for all");
        }
        return value;
    }

    private static PortRanges merge(int[] pairs) {
        long[] sorted = new long[pairs.length / 2];
        for (int i = 0; i < sorted.length; i++) {
            sorted[i] = (long) pairs[2 * i] << 32 | pairs[2 * i + 1];
        }
        Arrays.sort(sorted);
        int[] out = new int[pairs.length];
        int n = 0;
        for (long pair : sorted) {
            int first = (int) (pair >>> 32);
            int last = (int) pair;
            if (n > 0 && first <= out[n - 1] + 1) {
                out[n - 1] = Math.max(out[n - 1], last);
            } else {
                out[n++] = first;
                out[n++] = last;
            }
        }
        return new PortRanges(Arrays.copyOf(out, n));
    }

    /** The ports that are in either set. */
    public PortRanges union(PortRanges other) {
        if (equals(other) || other.bounds.length == 0) {
            return this;
        }
        int[] pairs = Arrays.copyOf(bounds, bounds.length + other.bounds.length);
        System.arraycopy(other.bounds, 0, pairs, bounds.length, other.bounds.length);
        return merge(pairs);
    }

    /** True if the set holds this port; false for anything outside 1 to 65535. */
    public boolean contains(int port) {
        int low = 0;
        int high = bounds.length / 2 - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (port < bounds[2 * middle]) {
                high = middle - 1;
            } else if (port > bounds[2 * middle + 1]) {
                low = middle + 1;
            } else {
                return true;
            }
        }
        return false;
    }

    /** How many ranges the set has when no two touch. */
    public int ranges() {
        return bounds.length / 2;
    }

    /** The first port of a range, counted from 0 in ascending order. */
    public int first(int range) {
        return bounds[2 * range];
    }

    /** The last port of a range, counted from 0 in ascending order. */
    public int last(int range) {
        return bounds[2 * range + 1];
    }

    /** One range alone. */
    public PortRanges range(int range) {
        return new PortRanges(new int[] {first(range), last(range)});
    }

    /** The ports that are in both sets. */
    public PortRanges intersection(PortRanges other) {
        int[] out = new int[bounds.length + other.bounds.length];
        int n = 0;
        for (int i = 0, j = 0; i < bounds.length && j < other.bounds.length; ) {
            int first = Math.max(bounds[i], other.bounds[j]);
            int last = Math.min(bounds[i + 1], other.bounds[j + 1]);
            if (first <= last) {
                out[n++] = first;
                out[n++] = last;
            }
            if (bounds[i + 1] < other.bounds[j + 1]) {
                i += 2;
            } else {
                j += 2;
            }
        }
        return n == 0 ? NONE : new PortRanges(Arrays.copyOf(out, n));
    }

    /** True if every port is in the set. */
    public boolean isAll() {
        return equals(ALL);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PortRanges p && Arrays.equals(bounds, p.bounds);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bounds);
    }

    /** The text form, which {@link #parse} reads back. */
    @Override
    public String toString() {
        if (isAll()) {
            return "*";
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < bounds.length; i += 2) {
            out.append(i == 0 ? "" : ",").append(bounds[i]);
            if (bounds[i + 1] != bounds[i]) {
                out.append('-').append(bounds[i + 1]);
            }
        }
        return out.toString();
    }
}
