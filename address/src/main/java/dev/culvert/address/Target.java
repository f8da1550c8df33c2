package dev.culvert.address;

/** Where a grant leads: a range of addresses, or host names that the agent resolves. */
public sealed interface Target permits IpPrefix, HostPattern {
    /**
     * Reads a prefix, an address, a host name or {@code *.} and a domain; IPv6 without brackets.
     *
     * @throws IllegalArgumentException with one line that says what is wrong and shows the right form
     */
    static Target parse(String text) {
        if (text.equals("*")) {
            throw new IllegalArgumentException(
                    "target '*' is too wide to mean by accident; write 0.0.0.0/0, [::/0] or *.corp.example");
        }
        // A slash, a colon or a last label of digits can only be meant as addresses; so say what is wrong with those.
        int lastDot = text.lastIndexOf('.');
        boolean address = text.indexOf('/') >= 0
                || text.indexOf(':') >= 0
                || lastDot >= 0
                        && lastDot + 1 < text.length()
                        && text.chars().allMatch(c -> c >= '0' && c <= '9' || c == '.')
                        && text.charAt(lastDot + 1) != '.';
        return address ? IpPrefix.parse(text) : HostPattern.parse(text);
    }
}
