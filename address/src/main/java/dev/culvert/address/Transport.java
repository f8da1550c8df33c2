package dev.culvert.address;

import dev.culvert.text.Printable;

/** What a grant may carry. The text form is the name in lower case. */
public enum Transport {
    TCP("tcp"),
    UDP("udp"),
    /** Echo requests of ICMP and ICMPv6; has no ports. */
    ICMP("icmp");

    private final String text;

    Transport(String text) {
        this.text = text;
    }

    /**
     * Reads {@code tcp}, {@code udp} or {@code icmp}.
     *
     * @throws IllegalArgumentException if it is none of them
     */
    public static Transport parse(String text) {
        for (Transport t : values()) {
            if (t.text.equalsIgnoreCase(text)) {
                return t;
            }
        }
        throw new IllegalArgumentException(
                "transport '" + Printable.shorten(text) + "' is unknown: write tcp, udp or icmp, apart by commas");
    }

    @Override
    public String toString() {
        return text;
    }
}
