package dev.culvert.token;

import dev.culvert.text.Printable;

/** The names of agents and clients: one DNS label in lower case (RFC 1123 section 2.1), so that they fit into host names. */
public final class HolderName {
    /** RFC 1035 section 2.3.4. */
    public static final int MAX_LENGTH = 63;

    private HolderName() {}

    /** True for 1 to 63 letters a-z, digits and hyphens, with no hyphen at either end. */
    public static boolean isValid(String name) {
        int last = name.length() - 1;
        if (last < 0 || last >= MAX_LENGTH || name.charAt(0) == '-' || name.charAt(last) == '-') {
            return false;
        }
        for (int i = 0; i <= last; i++) {
            char c = name.charAt(i);
            if (!(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')) {
                return false;
            }
        }
        return true;
    }

    /**
     * Returns the name if it is valid.
     *
     * @param what whose name it is, for the message
     * @throws IllegalArgumentException if it is not
     */
    public static String require(String what, String name) {
        if (!isValid(name)) {
            throw new IllegalArgumentException(what + " '" + Printable.shorten(name)
                    + "' is not a valid name: use 1 to 63 of a-z, 0-9 and '-', with no '-' at either end");
        }
        return name;
    }
}
