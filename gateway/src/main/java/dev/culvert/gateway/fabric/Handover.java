package dev.culvert.gateway.fabric;

import dev.culvert.gateway.access.FileWatch;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.store.StateException;
import dev.culvert.store.Watch;
import dev.culvert.token.Token;
import dev.culvert.token.state.Renewals;
import dev.culvert.token.state.Revocations;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands renewed tokens over to their holders, each once on a link, until its holder says that it has it. Used by one thread. */
public final class Handover implements FileWatch.Watched {
    private static final Logger log = LoggerFactory.getLogger(Handover.class);

    private final Renewals renewals;
    private final Revocations revocations;
    private final Watch<List<Renewals.Entry>> waiting;
    private final Links links;
    private final AuditLog audit;

    /** Which token each link was given. */
    private Map<PresentLink, String> given = Map.of();

    /** @throws StateException if what waits cannot be read */
    public Handover(Renewals renewals, Revocations revocations, Links links, AuditLog audit) throws StateException {
        this.renewals = renewals;
        this.revocations = revocations;
        this.waiting = renewals.watch();
        this.links = links;
        this.audit = audit;
    }

    /** Looks for those that are here, or have answered; nothing depends on it. */
    @Override
    public boolean refresh() throws StateException {
        waiting.refresh();
        List<Renewals.Entry> all = waiting.current();
        if (all.isEmpty()) {
            given = Map.of();
            return false;
        }
        Map<PresentLink, String> now = new HashMap<>();
        StateException failed = null;
        for (PresentLink link : links.all()) {
            Token token = link.token();
            for (Renewals.Entry entry : all) {
                if (token != null && entry.isFor(token, link.key()) && !entry.isRevoked(revocations)) {
                    if (entry.id().equals(link.hasRenewed())) {
                        try {
                            taken(entry);
                        } catch (StateException e) {
                            failed = e; // the others do not wait for it
                        }
                    } else if (!entry.id().equals(given.get(link))) {
                        link.renewed(entry.jwt());
                    }
                    now.put(link, entry.id());
                }
            }
        }
        given = now;
        if (failed != null) {
            throw failed;
        }
        return false;
    }

    private void taken(Renewals.Entry entry) throws StateException {
        if (!renewals.remove(entry.id())) {
            return; // another gateway has heard of it, too
        }
        log.info("{} is with its holder; it is valid until {}", entry, entry.expires());
        audit.add(new AuditRecord.TokenHandedOver(
                audit.clock().instant(), entry.kind().toString(), entry.name(), entry.id(), entry.expires()));
    }
}
