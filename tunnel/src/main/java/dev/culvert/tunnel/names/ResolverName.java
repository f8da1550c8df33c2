package dev.culvert.tunnel.names;

import dev.culvert.tunnel.frame.Destination;
import org.jspecify.annotations.Nullable;

/**
 * The destination that means "your own resolver, for names at or below this domain": the name {@code DOMAIN.resolver.culvert.invalid}
 * with port 53, or without the domain for names of all kinds; docs/protocol.md section 4. For an agent or a gateway that does not
 * know it, it is a name that does not exist.
 */
public final class ResolverName {
    /** In a top-level domain that does not exist and never will (RFC 6761): nobody grants names in it, and no name server is asked. */
    public static final String SUFFIX = "resolver.culvert.invalid";

    /** Of DNS, over UDP and TCP. */
    public static final int PORT = 53;

    /** All names. */
    public static final String ROOT = "";

    /** Longest domain that fits before the suffix. */
    public static final int MAX_DOMAIN = Destination.MAX_NAME - SUFFIX.length() - 1;

    private ResolverName() {}

    /**
     * The destination for questions about a domain.
     *
     * @param protocol {@link Destination#UDP} or {@link Destination#TCP}
     * @param domain in its compared form, without trailing dot, at most {@link #MAX_DOMAIN} characters; {@link #ROOT} for all
     */
    public static Destination of(int protocol, String domain) {
        return Destination.ofName(protocol, domain.isEmpty() ? SUFFIX : domain + "." + SUFFIX, PORT);
    }

    /** Of which domain questions may be asked there; null when it is an ordinary destination. */
    public static @Nullable String domain(Destination destination) {
        String name = destination.name();
        if (name == null || destination.port() != PORT || destination.protocol() == Destination.ICMP) {
            return null;
        }
        if (name.equals(SUFFIX)) {
            return ROOT;
        }
        return name.endsWith("." + SUFFIX) ? name.substring(0, name.length() - SUFFIX.length() - 1) : null;
    }
}
