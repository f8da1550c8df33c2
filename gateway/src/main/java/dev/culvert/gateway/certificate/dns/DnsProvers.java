package dev.culvert.gateway.certificate.dns;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which name is proved by which of several: the one whose zone holds it, the longest of those, else one without a zone. */
public final class DnsProvers {
    private record One(@Nullable String zone, DnsProver prover) {
        boolean isFor(String name) {
            return zone == null || name.equals(zone) || name.endsWith("." + zone);
        }
    }

    private final List<One> all = new ArrayList<>();

    /** @throws IOException with one line for people */
    public DnsProvers(List<DnsSettings> settings, DnsProver.Pause pause) throws IOException {
        for (DnsSettings each : settings) {
            all.add(new One(each.zone(), new DnsProver(each, pause)));
        }
        all.sort(Comparator.comparing(one -> one.zone == null ? 0 : -one.zone.length()));
    }

    /**
     * Who proves a name.
     *
     * @param name in the compared form, perhaps a wildcard
     * @return null when it cannot be proved in the DNS here
     */
    public @Nullable DnsProver of(String name) {
        String domain = name.startsWith("*.") ? name.substring(2) : name;
        return all.stream()
                .filter(one -> one.isFor(domain))
                .map(One::prover)
                .findFirst()
                .orElse(null);
    }
}
