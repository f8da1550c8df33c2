package dev.culvert.tun.host;

import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What a host's network looks like at one moment.
 *
 * @param links all
 * @param addresses all
 * @param routes of all tables
 * @param rules which table is asked for what, in the order of their priority
 * @param system whose network it is
 */
public record HostState(
        List<Interface> links, List<Address> addresses, List<Route> routes, List<Rule> rules, HostKind system) {
    /** The table that {@code ip route} shows, and where our routes go. */
    public static final int MAIN_TABLE = 254;

    /** Asked last; empty on most machines. */
    static final int DEFAULT_TABLE = 253;

    /** What is for this machine itself. */
    public static final int LOCAL_TABLE = 255;

    /** Routes that the kernel makes for an address have this protocol (RTPROT_KERNEL). */
    public static final int KERNEL_PROTOCOL = 2;

    /** Those it makes of what routers advertise, this (RTPROT_RA). */
    static final int ADVERTISED_PROTOCOL = 9;

    /** Of a Linux. */
    public HostState(List<Interface> links, List<Address> addresses, List<Route> routes, List<Rule> rules) {
        this(links, addresses, routes, rules, HostKind.LINUX);
    }

    /** Copies. */
    public HostState {
        links = List.copyOf(links);
        addresses = List.copyOf(addresses);
        routes = List.copyOf(routes);
        rules = rules.stream().sorted(Comparator.comparingLong(Rule::priority)).toList();
    }

    /**
     * An interface.
     *
     * @param index the kernel's number of it
     * @param name unique at one moment
     * @param up whether it was brought up
     * @param carrier whether it has a line to others
     * @param loopback whether it is {@code lo}
     * @param ipv6 whether IPv6 is on for it
     * @param mtu bytes
     * @param txQueueLength packets, or {@link #NO_QUEUE}
     */
    public record Interface(
            int index,
            String name,
            boolean up,
            boolean carrier,
            boolean loopback,
            boolean ipv6,
            int mtu,
            int txQueueLength) {
        /** What is said of a queue whose length is none of the interface's settings. */
        public static final int NO_QUEUE = 0;
    }

    /**
     * An address of an interface.
     *
     * @param link the interface's index
     * @param address without scope
     * @param prefixLength bits
     */
    public record Address(int link, InetAddress address, int prefixLength) {}

    /** What a route does with a packet. */
    public enum Kind {
        /** Sends it on. */
        UNICAST,
        /** It is for this machine. */
        LOCAL,
        /** Drops it, with or without a word. */
        REJECT,
        /** Goes on with the next rule. */
        THROW,
        /** Broadcast, multicast and the like. */
        OTHER
    }

    /**
     * A route.
     *
     * @param table where it is
     * @param network to which packets
     * @param kind what happens to them
     * @param link through which interface, 0 for none
     * @param via the next hop, null when it is the destination itself
     * @param source the address that packets are sent from, null when that is left to the kernel
     * @param metric of routes to one network the lowest counts
     * @param protocol who made it
     * @param dead the kernel does not use it
     * @param linkDown its interface has no carrier
     */
    public record Route(
            int table,
            IpPrefix network,
            Kind kind,
            int link,
            @Nullable InetAddress via,
            @Nullable InetAddress source,
            long metric,
            int protocol,
            boolean dead,
            boolean linkDown) {}

    /**
     * A rule of policy routing.
     *
     * @param ipv6 its family
     * @param priority lowest first
     * @param everything whether it is for all that a program without marks sends; others are not judged here
     * @param table that it asks; 0 when it rejects
     * @param suppressed routes with prefixes up to this length are not taken from the table; -1 for all are
     */
    public record Rule(boolean ipv6, long priority, boolean everything, int table, int suppressed) {}

    /** The interface of that name. */
    @Nullable
    Interface link(String name) {
        for (Interface link : links) {
            if (link.name().equals(name)) {
                return link;
            }
        }
        return null;
    }

    /** The interface of that number. */
    public @Nullable Interface link(int index) {
        for (Interface link : links) {
            if (link.index() == index) {
                return link;
            }
        }
        return null;
    }

    /**
     * The route that packets to an address take, as rules and tables say, if the routes that {@code ignored} names were not
     * there; null when there is none. Where the kernel would try a line without carrier although another has one, this does not.
     */
    public @Nullable Route route(InetAddress to, Predicate<Route> ignored) {
        boolean ipv6 = to.getAddress().length == 16;
        for (Rule rule : rules) {
            if (rule.ipv6() != ipv6 || !rule.everything()) {
                continue;
            }
            if (rule.table() == 0) {
                return null;
            }
            Route best = best(rule.table(), to, ignored);
            if (best != null && best.kind() != Kind.THROW && best.network().length() > rule.suppressed()) {
                return best;
            }
        }
        return null;
    }

    private @Nullable Route best(int table, InetAddress to, Predicate<Route> ignored) {
        List<Route> candidates = new ArrayList<>();
        boolean carrier = false;
        for (Route route : routes) {
            if (route.table() == table && !route.dead() && route.network().contains(to) && !ignored.test(route)) {
                candidates.add(route);
                carrier |= !route.linkDown() && route.kind() != Kind.REJECT;
            }
        }
        if (carrier) {
            candidates.removeIf(Route::linkDown);
        }
        return candidates.stream()
                .min(Comparator.comparingInt((Route r) -> -r.network().length()).thenComparingLong(Route::metric))
                .orElse(null);
    }

    /** The networks that this machine is connected to, through other interfaces than {@code own}. */
    List<Connected> connected(int own) {
        List<Connected> networks = new ArrayList<>();
        for (Address address : addresses) {
            Interface link = link(address.link());
            if (link == null || link.index() == own || link.loopback() || !link.up() || address.prefixLength() == 0) {
                continue;
            }
            IpPrefix network = network(address);
            if (network.length() < network.network().getAddress().length * 8) {
                networks.add(new Connected(network, link.name()));
            }
        }
        for (Route route : routes) {
            if (route.link() == own
                    || route.table() != MAIN_TABLE
                    || route.kind() != Kind.UNICAST
                    || route.via() != null
                    || route.protocol() != KERNEL_PROTOCOL && route.protocol() != ADVERTISED_PROTOCOL
                    || route.network().length() == 0) {
                continue;
            }
            Interface link = link(route.link());
            if (link != null && !link.loopback()) {
                networks.add(new Connected(route.network(), link.name()));
            }
        }
        return networks;
    }

    /** The addresses at which this machine can be reached through other interfaces than {@code own}. */
    Set<InetAddress> reachable(int own) {
        Set<InetAddress> set = new LinkedHashSet<>();
        for (Address address : addresses) {
            Interface link = link(address.link());
            if (link != null && link.index() != own && link.up() && link.carrier()) {
                set.add(address.address());
            }
        }
        return set;
    }

    record Connected(IpPrefix network, String ifName) {}

    private static IpPrefix network(Address address) {
        byte[] bytes = address.address().getAddress();
        for (int bit = address.prefixLength(); bit < bytes.length * 8; bit++) {
            bytes[bit / 8] &= (byte) ~(0x80 >>> bit % 8);
        }
        return IpPrefix.of(IpLiteral.fromBytes(bytes), address.prefixLength());
    }
}
