package dev.culvert.gateway.publish;

import dev.culvert.address.HostPattern;
import dev.culvert.address.Transport;
import dev.culvert.policy.publication.PublicSide;
import dev.culvert.policy.publication.PublicSide.Ports;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.token.Grant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * All that is published at one moment, to be asked by name and port. Immutable: {@link Publications} swaps one for the next.
 * No two entries are in each other's way; who is let in is decided there.
 */
public final class PublicationTable {
    /** Nothing is published. */
    public static final PublicationTable EMPTY = new PublicationTable();

    /** What becomes of connections for a name. */
    public enum NameUse {
        /** Nothing is published under it. */
        UNKNOWN,
        /** TLS ends at the gateway, which reads HTTP. */
        WEB,
        /** TLS goes to the target, unread. */
        PASSED_THROUGH
    }

    private final List<Published> all;

    /** By name, and by the domain of a wildcard, what is there: the longest path first. */
    private final Map<String, List<Published>> names = new HashMap<>();

    private final Map<String, List<Published>> wildcards = new HashMap<>();
    private final NavigableMap<PublicPort, Published> ports = new TreeMap<>();
    private final Map<Published, PublicationUsage> usages = new HashMap<>();
    private final Set<HostPattern> certificateNames;
    private final Set<String> own;

    private PublicationTable() {
        all = List.of();
        certificateNames = Set.of();
        own = Set.of();
    }

    /**
     * @param all none in another's way
     * @param unproven what no token's right has been seen for yet: no certificate is obtained for it
     * @param own names that are the gateway's, in their compared form: nothing is published under them, by a wildcard either
     * @param before the table that this one follows on: who is there already counts on
     */
    PublicationTable(
            Collection<Published> all,
            Set<Published> unproven,
            Set<String> own,
            PublicationTable before,
            LongSupplier nanoTime) {
        this.all = List.copyOf(all);
        this.own = Set.copyOf(own);
        Map<PublicSide, PublicationUsage> places = before.places();
        for (Published one : all) {
            PublicationUsage same = before.usage(one);
            usages.put(
                    one,
                    same != null
                            ? same
                            : new PublicationUsage(
                                    one, places.get(one.publication().at()), nanoTime));
        }
        for (Published one : all) {
            PublicSide at = one.publication().at();
            if (at instanceof WebName name) {
                (name.host().isWildcard() ? wildcards : names)
                        .computeIfAbsent(name.host().name(), h -> new ArrayList<>())
                        .add(one);
            } else {
                Ports range = (Ports) at;
                for (int port = range.first(); port <= range.last(); port++) {
                    ports.put(new PublicPort(range.transport(), port), one);
                }
            }
        }
        Comparator<Published> longestFirst = Comparator.comparingInt(
                p -> -((WebName) p.publication().at()).path().length());
        names.values().forEach(list -> list.sort(longestFirst));
        wildcards.values().forEach(list -> list.sort(longestFirst));
        certificateNames = all.stream()
                .filter(p -> p.publication().to().scheme().isHttp() && !unproven.contains(p))
                .map(p -> ((WebName) p.publication().at()).host())
                .collect(Collectors.toUnmodifiableSet());
    }

    /** In the order in which it came into force. */
    public List<Published> all() {
        return all;
    }

    /** How one of them is used; null when it is not in force. */
    public @Nullable PublicationUsage usage(Published one) {
        return usages.get(one);
    }

    /** How they are used, by their public sides. */
    Map<PublicSide, PublicationUsage> places() {
        Map<PublicSide, PublicationUsage> places = new HashMap<>();
        usages.values().forEach(u -> places.put(u.published().publication().at(), u));
        return places;
    }

    /** How they are used. */
    public Collection<PublicationUsage> usages() {
        return Collections.unmodifiableCollection(usages.values());
    }

    /** What flows to all of their targets need, each once. */
    public List<Grant> targets() {
        return all.stream().map(Published::grant).distinct().toList();
    }

    /** What becomes of connections for a name, of SNI or Host without its port, in any case. */
    public NameUse use(String host) {
        List<Published> there = at(host);
        return there.isEmpty()
                ? NameUse.UNKNOWN
                : there.get(0).publication().isPassedThrough() ? NameUse.PASSED_THROUGH : NameUse.WEB;
    }

    /** The public name, perhaps a wildcard, that a host is published under; the host itself when it is not. */
    public String placeOf(String host) {
        List<Published> there = at(host);
        return there.isEmpty() ? host : there.get(0).place();
    }

    /**
     * Who answers a request.
     *
     * @param host of SNI or Host without its port, in any case
     * @param path as the request has it, with or without its query
     * @return null when nothing of HTTP is published there, or when who decodes or tidies the path would find another one: its target may
     *     do that, and then would answer from where the other's limits and passwords stand
     */
    public @Nullable Published web(String host, String path) {
        List<Published> there = at(host);
        Published found = web(there, path);
        String tidied = found == null || there.size() < 2 ? path : TidyPath.of(path);
        return tidied.equals(path) || found == web(there, tidied) ? found : null;
    }

    private static @Nullable Published web(List<Published> there, String path) {
        for (Published one : there) {
            if (one.publication().to().scheme().isHttp()
                    && ((WebName) one.publication().at()).holds(path)) {
                return one;
            }
        }
        return null;
    }

    /** Where TLS for a name is passed through to; null when it is not. */
    public @Nullable Published passedThrough(String sni) {
        List<Published> there = at(sni);
        return there.isEmpty() || !there.get(0).publication().isPassedThrough() ? null : there.get(0);
    }

    /** Where connections, or datagrams, to a port go; null when nothing is published there. */
    public @Nullable Published port(Transport transport, int port) {
        return ports.get(new PublicPort(transport, port));
    }

    /** Ports that are to be open. */
    public SortedSet<PublicPort> ports() {
        return Collections.unmodifiableSortedSet(ports.navigableKeySet());
    }

    /** Names for which the gateway ends TLS, so wants a certificate: each a valid token has a right to. */
    public Set<HostPattern> certificateNames() {
        return certificateNames;
    }

    /** Whether whoever asks both gets the same answers. */
    boolean saysTheSame(PublicationTable other) {
        return all.equals(other.all) && certificateNames.equals(other.certificateNames) && own.equals(other.own);
    }

    /** What is published under a name itself, or else under the wildcard of its domain; a wildcard is one label. */
    private List<Published> at(String host) {
        String name = HostPattern.normalize(host);
        if (name == null || own.contains(name)) {
            return List.of();
        }
        List<Published> there = names.get(name);
        int dot = name.indexOf('.');
        if (there == null && dot > 0) {
            there = wildcards.get(name.substring(dot + 1));
        }
        return there == null ? List.of() : there;
    }
}
