package dev.culvert.gateway.access;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixTable;
import dev.culvert.tunnel.frame.AddressRanges;
import dev.culvert.tunnel.frame.OpenRequest.AddressRange;
import dev.culvert.tunnel.frame.OpenRequest.Restriction;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/** Restrictions of what names may be resolved to, made from prefixes and compared. */
public final class Restrictions {
    /** Those in use: thousands of flows hold the same few, whatever ports and links they were asked for on. */
    private static final Map<Restriction, WeakReference<Restriction>> SHARED = new WeakHashMap<>();

    private Restrictions() {}

    /**
     * @param only the only prefixes, or null for any
     * @param except prefixes that are denied
     * @return null for no restriction
     */
    static @Nullable Restriction of(@Nullable List<IpPrefix> only, List<IpPrefix> except) {
        return only == null && except.isEmpty()
                ? null
                : shared(new Restriction(only == null ? null : ranges(only), ranges(except)));
    }

    private static Restriction shared(Restriction restriction) {
        synchronized (SHARED) {
            WeakReference<Restriction> known = SHARED.get(restriction);
            Restriction same = known == null ? null : known.get();
            if (same == null) {
                SHARED.put(restriction, new WeakReference<>(restriction));
                return restriction;
            }
            return same;
        }
    }

    private static List<AddressRange> ranges(List<IpPrefix> prefixes) {
        return prefixes.stream()
                .map(p -> new AddressRange(p.network(), p.length()))
                .toList();
    }

    /** Whether both lists fit into an OPEN. */
    static boolean fit(@Nullable List<IpPrefix> only, List<IpPrefix> except) {
        return (only == null || only.size() <= AddressRanges.MAX) && except.size() <= AddressRanges.MAX;
    }

    /** Whether {@code now} certainly allows whatever {@code before} allowed. */
    public static boolean covers(@Nullable Restriction now, @Nullable Restriction before) {
        if (now == null || now == before || now.equals(before)) {
            return true;
        }
        if (before == null) {
            return false;
        }
        // What is denied now must have been denied before, or it may be just the address in use.
        if (!inside(now.except(), before.except())) {
            return false;
        }
        AddressRanges only = now.only();
        AddressRanges onlyBefore = before.only();
        return only == null || onlyBefore != null && inside(onlyBefore, only);
    }

    private static boolean inside(AddressRanges inner, AddressRanges outer) {
        PrefixTable<Boolean> table = new PrefixTable<>();
        outer.toList().forEach(o -> table.put(prefix(o), Boolean.TRUE));
        return inner.toList().stream().map(Restrictions::prefix).allMatch(table::covers);
    }

    private static IpPrefix prefix(AddressRange range) {
        return IpPrefix.of(range.network(), range.length());
    }
}
