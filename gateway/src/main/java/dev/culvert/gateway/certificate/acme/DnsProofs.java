package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.dns.DnsProver;
import dev.culvert.gateway.certificate.dns.DnsProver.Placed;
import dev.culvert.gateway.certificate.dns.DnsProvers;
import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/**
 * Records in the DNS that prove names. Each is noted in the store before it is made, so that whoever goes on after a crash takes
 * away what was left. Under the claim on orders, so one at a time.
 */
final class DnsProofs {
    private static final Logger log = LoggerFactory.getLogger(DnsProofs.class);

    /** What could not be taken away for so many proofs is forgotten, the oldest first. */
    private static final int MAX_KEPT = 50;

    private static final Document DOCUMENT = Document.secret("acme-dns.json");
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Store store;
    private final DnsProvers provers;

    /**
     * A record that is in the DNS, or may be.
     *
     * @param domain that it proves, by which its prover is found
     */
    private record Noted(String domain, Placed at, String value) {}

    DnsProofs(Store store, DnsProvers provers) {
        this.store = store;
        this.provers = provers;
    }

    /** Whether a name, in the compared form, can be proved so. */
    boolean serve(String name) {
        return provers.of(name) != null;
    }

    /** What is done while a record stands. */
    interface Proof {
        void run() throws Refusal, InterruptedException;
    }

    /**
     * Makes a record, has the proof done, and takes the record away.
     *
     * @param domain that is proved, without a wildcard's star
     * @param record its name
     */
    void during(String domain, String record, String value, Proof proof) throws Refusal, InterruptedException {
        DnsProver prover = provers.of(domain);
        if (prover == null) {
            throw new Refusal(Refusal.Kind.OURS, "dns-01: no server is named for " + domain, null);
        }
        try {
            Placed at = prover.place(record);
            Noted noted = new Noted(domain, at, value);
            change(all -> {
                all.remove(noted); // of an attempt before, that could not take it away
                all.add(noted);
                while (all.size() > MAX_KEPT) {
                    all.remove(0);
                }
            });
            boolean closing = false;
            try {
                prover.present(at, value);
                proof.run();
            } catch (InterruptedException e) {
                closing = true; // the next process goes on with it: the authority may be about to look
                throw e;
            } finally {
                if (!closing) {
                    cleanUp(prover, noted);
                }
            }
        } catch (IOException e) {
            throw new Refusal(Refusal.Kind.OURS, "dns-01: " + e.getMessage(), e);
        }
    }

    /**
     * Takes away what is left: of a process that was killed, or what could not be taken away then. By who has the claim on orders,
     * while nothing is proved.
     */
    void sweep() throws StateException, InterruptedException {
        Set<DnsProver> failing = new HashSet<>();
        for (Noted noted : parse(store.get(DOCUMENT))) {
            DnsProver prover = provers.of(noted.domain);
            // When one record cannot be taken away, the others of that prover most probably cannot either.
            if (prover != null && !failing.contains(prover) && !cleanUp(prover, noted)) {
                failing.add(prover);
            }
        }
    }

    /** What cannot be taken away now is tried again after the next attempt for any name: it proves nothing any more. */
    private boolean cleanUp(DnsProver prover, Noted noted) throws StateException, InterruptedException {
        try {
            prover.cleanUp(noted.at, noted.value);
            change(all -> all.remove(noted));
            return true;
        } catch (StateException e) {
            throw e;
        } catch (IOException e) {
            log.warn("the record at {} is not taken away yet: {}", noted.at.name(), e.getMessage());
            return false;
        }
    }

    private interface Change {
        void of(List<Noted> all);
    }

    private void change(Change change) throws StateException {
        store.update(DOCUMENT, text -> {
            List<Noted> all = parse(text);
            change.of(all);
            ArrayNode out = JSON.createArrayNode();
            all.forEach(n -> out.addObject()
                    .put("domain", n.domain)
                    .put("name", n.at.name())
                    .put("zone", n.at.zone())
                    .put("value", n.value));
            return JSON.writeValueAsString(out) + "\n";
        });
    }

    private List<Noted> parse(@Nullable String text) {
        List<Noted> out = new ArrayList<>();
        if (text == null) {
            return out;
        }
        try {
            for (JsonNode node : JSON.readTree(text)) {
                out.add(new Noted(
                        node.required("domain").stringValue(),
                        new Placed(
                                node.required("name").stringValue(),
                                node.required("zone").stringValue()),
                        node.required("value").stringValue()));
            }
            return out;
        } catch (RuntimeException e) {
            log.warn("{} cannot be understood, and is begun anew: {}", store.where(DOCUMENT), e.getMessage());
            return new ArrayList<>(); // a record that stays proves nothing any more
        }
    }
}
