package dev.culvert.token;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PortRanges;
import dev.culvert.address.Target;
import dev.culvert.address.Transport;
import dev.culvert.text.Printable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One permission: through which agent, to which addresses or names, to which ports, over which transports.
 *
 * <p>Text form: {@code agent:target[:ports][/transport,...]}, for example
 *
 * <pre>
 * office:192.168.77.0/24
 * office:192.168.77.2:443/tcp
 * office:[fd77::/64]:53/udp
 * office:db.internal:5432/tcp
 * *:0.0.0.0/0
 * </pre>
 *
 * <p>Without ports all are allowed, without transports all three. Ports do not apply to ICMP. {@link #toString} writes the
 * text that {@link #parse} reads back.
 *
 * @param agent the agent's name, or {@code *} for every agent
 * @param target addresses or names
 * @param ports the ports, for TCP and UDP
 * @param transports what may be carried; never empty
 */
public record Grant(String agent, Target target, PortRanges ports, Set<Transport> transports) {
    /** The agent name that stands for every agent. */
    public static final String ANY_AGENT = "*";

    private static final String FORM = "write agent:target[:ports][/transport,...] like office:192.168.77.0/24,"
            + " office:192.168.77.2:443/tcp, office:[fd77::/64]:53/udp or office:db.internal:5432/tcp";

    /** A grant longer than this is refused before it is looked at: the longest host name and 256 port ranges fit. */
    static final int MAX_TEXT = 4096;

    private static final Set<Transport> ALL_TRANSPORTS = Collections.unmodifiableSet(EnumSet.allOf(Transport.class));

    /** Checks the agent name and freezes the set. */
    public Grant {
        if (!agent.equals(ANY_AGENT)) {
            HolderName.require("agent", agent);
        }
        if (transports.isEmpty()) {
            throw new IllegalArgumentException("grant for " + target + " names no transport: add tcp, udp or icmp");
        }
        transports = Collections.unmodifiableSet(EnumSet.copyOf(transports));
    }

    /** A grant of all ports and transports. */
    public Grant(String agent, Target target) {
        this(agent, target, PortRanges.ALL, ALL_TRANSPORTS);
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with one line that names the offending part and shows the right form
     */
    public static Grant parse(String text) {
        if (text.length() > MAX_TEXT) {
            throw new IllegalArgumentException("grant has " + text.length() + " characters: at most " + MAX_TEXT
                    + " are read; use several grants");
        }
        try {
            return parseParts(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("grant '" + Printable.shorten(text) + "': " + e.getMessage(), e);
        }
    }

    private static Grant parseParts(String text) {
        int colon = text.indexOf(':');
        if (colon <= 0 || colon == text.length() - 1) {
            throw new IllegalArgumentException("needs an agent and a target apart by ':'; " + FORM);
        }
        String agent = text.substring(0, colon);
        String rest = text.substring(colon + 1);
        String target;
        if (rest.charAt(0) == '[') {
            int close = rest.indexOf(']');
            if (close < 0) {
                throw new IllegalArgumentException("has '[' without ']'; write IPv6 like office:[fd77::/64]:53/udp");
            }
            target = rest.substring(1, close);
            rest = rest.substring(close + 1);
            if (target.indexOf(':') < 0) {
                throw new IllegalArgumentException("has '" + Printable.shorten(target)
                        + "' in brackets, which are for IPv6 only; write office:" + Printable.shorten(target));
            }
        } else {
            int end = endOfTarget(rest);
            target = rest.substring(0, end);
            rest = rest.substring(end);
        }
        PortRanges ports = PortRanges.ALL;
        Set<Transport> transports = ALL_TRANSPORTS;
        if (rest.startsWith(":")) {
            int slash = rest.indexOf('/');
            String list = slash < 0 ? rest.substring(1) : rest.substring(1, slash);
            if (list.indexOf(':') >= 0) {
                throw new IllegalArgumentException(
                        "has too many ':'; an IPv6 target stands in brackets, like office:[fd77::/64]:53/udp");
            }
            ports = PortRanges.parse(list);
            rest = slash < 0 ? "" : rest.substring(slash);
        }
        if (rest.startsWith("/")) {
            transports = EnumSet.noneOf(Transport.class);
            for (String name : rest.substring(1).split(",", -1)) {
                transports.add(Transport.parse(name));
            }
        } else if (!rest.isEmpty()) {
            throw new IllegalArgumentException("has '" + Printable.shorten(rest) + "' after the target; " + FORM);
        }
        return new Grant(agent, Target.parse(target), ports, transports);
    }

    /** A target without brackets ends at ':' or at the first '/' that no prefix length follows. */
    private static int endOfTarget(String rest) {
        int i = 0;
        while (i < rest.length() && rest.charAt(i) != ':') {
            if (rest.charAt(i) == '/' && !(i + 1 < rest.length() && isDigit(rest.charAt(i + 1)))) {
                return i;
            }
            i++;
        }
        return i;
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    /**
     * Reads grants apart by commas. Lists of ports and transports have commas too: a piece without ':' belongs to the grant
     * before it, for every grant has one.
     *
     * @throws IllegalArgumentException as {@link #parse} does
     */
    public static List<Grant> parseList(String text) {
        List<Grant> out = new ArrayList<>();
        StringBuilder open = new StringBuilder();
        for (String piece : text.split(",", -1)) {
            if (!open.isEmpty() && piece.indexOf(':') >= 0) {
                out.add(parse(open.toString()));
                open.setLength(0);
            } else if (!open.isEmpty()) {
                open.append(',');
            }
            open.append(open.isEmpty() ? piece.strip() : piece);
        }
        out.add(parse(open.toString()));
        return out;
    }

    /** True if the grant allows this transport to this port; the port does not matter for ICMP. */
    public boolean allows(Transport transport, int port) {
        return transports.contains(transport) && (transport == Transport.ICMP || ports.contains(port));
    }

    /** True if the grant speaks of this agent, by name or as {@code *}. */
    public boolean isFor(String agentName) {
        return agent.equals(ANY_AGENT) || agent.equals(agentName);
    }

    public static List<String> texts(Collection<?> values) {
        return values.stream().map(Object::toString).toList();
    }

    @Override
    public String toString() {
        StringBuilder out = new StringBuilder(agent).append(':');
        if (target instanceof IpPrefix p && p.isIpv6()) {
            out.append('[').append(p).append(']');
        } else {
            out.append(target);
        }
        if (!ports.isAll()) {
            out.append(':').append(ports);
        }
        if (transports.size() < ALL_TRANSPORTS.size()) {
            out.append('/').append(transports.stream().map(Transport::toString).collect(Collectors.joining(",")));
        }
        return out.toString();
    }
}
