package dev.culvert.address;

import dev.culvert.text.Printable;
import java.net.IDN;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A host name, or all names below a domain ({@code *.corp.example}: one or more labels before it, never the domain itself).
 * Immutable.
 *
 * <p>Names are compared as IDNA A-labels in lower case without trailing dot (RFC 5890, RFC 4343). What any resolver could
 * read as an address ({@code 127.1}, {@code 0x7f.1}, {@code 2130706433}) is not a name: policy for addresses must not be
 * passed by writing the address strangely.
 */
public final class HostPattern implements Target {
    /** RFC 1035 section 2.3.4, without the root label. */
    private static final int MAX_NAME = 253;

    private static final int MAX_LABEL = 63;

    private final boolean wildcard;
    private final String name;

    private HostPattern(boolean wildcard, String name) {
        this.wildcard = wildcard;
        this.name = name;
    }

    /**
     * Reads a name or {@code *.} and a name.
     *
     * @throws IllegalArgumentException if it is not a host name
     */
    public static HostPattern parse(String text) {
        boolean wildcard = text.startsWith("*.");
        String name = normalize(wildcard ? text.substring(2) : text);
        if (name == null) {
            throw new IllegalArgumentException("host '" + Printable.shorten(text)
                    + "' is neither an IP prefix nor a host name: write 192.168.77.0/24, [fd77::/64], db.internal or"
                    + " *.corp.example");
        }
        return new HostPattern(wildcard, name);
    }

    /** True if the pattern stands for the names below a domain. */
    public boolean isWildcard() {
        return wildcard;
    }

    /** The name in its compared form; for a wildcard the domain without {@code *.}. */
    public String name() {
        return name;
    }

    /** True if the pattern holds this host, in any case, with or without trailing dot. */
    public boolean matches(String host) {
        String normal = normalize(host);
        if (normal == null) {
            return false;
        }
        return wildcard
                ? normal.length() > name.length() + 1
                        && normal.endsWith(name)
                        && normal.charAt(normal.length() - name.length() - 1) == '.'
                : normal.equals(name);
    }

    /** True if every name that the other stands for is one of this one's. */
    public boolean covers(HostPattern other) {
        return wildcard ? other.name.endsWith("." + name) || other.wildcard && other.name.equals(name) : equals(other);
    }

    /**
     * The form in which names are compared.
     *
     * @return A-labels in lower case without trailing dot, or null if this cannot be a host name
     */
    public static @Nullable String normalize(String host) {
        // U-labels are never longer than their A-labels by more than the dots allow; this bounds the work of IDN.
        if (host.isEmpty() || host.length() > MAX_NAME + 1) {
            return null;
        }
        String name = host;
        for (int i = 0; i < host.length(); i++) {
            if (host.charAt(i) >= 0x80) {
                try {
                    name = IDN.toASCII(host);
                } catch (IllegalArgumentException e) {
                    return null;
                }
                break;
            }
        }
        name = name.toLowerCase(Locale.ROOT);
        if (name.endsWith(".")) {
            name = name.substring(0, name.length() - 1);
        }
        return isName(name) ? name : null;
    }

    private static boolean isName(String name) {
        if (name.isEmpty() || name.length() > MAX_NAME) {
            return false;
        }
        int start = 0;
        while (true) {
            int dot = name.indexOf('.', start);
            int end = dot < 0 ? name.length() : dot;
            if (!isLabel(name, start, end)) {
                return false;
            }
            if (dot < 0) {
                return !isNumber(name, start, end);
            }
            start = dot + 1;
        }
    }

    /** RFC 1123 section 2.1, and the underscore, which many private networks use. */
    private static boolean isLabel(String name, int start, int end) {
        if (start == end || end - start > MAX_LABEL || name.charAt(start) == '-' || name.charAt(end - 1) == '-') {
            return false;
        }
        for (int i = start; i < end; i++) {
            char c = name.charAt(i);
            if (!(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')) {
                return false;
            }
        }
        return true;
    }

    /** What inet_aton(3) takes for a number, as the last label, would make an address of the whole. */
    private static boolean isNumber(String name, int start, int end) {
        boolean hex = name.startsWith("0x", start);
        for (int i = hex ? start + 2 : start; i < end; i++) {
            char c = name.charAt(i);
            if (!(c >= '0' && c <= '9' || hex && c >= 'a' && c <= 'f')) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HostPattern h && wildcard == h.wildcard && name.equals(h.name);
    }

    @Override
    public int hashCode() {
        return name.hashCode() * 2 + (wildcard ? 1 : 0);
    }

    @Override
    public String toString() {
        return wildcard ? "*." + name : name;
    }
}
