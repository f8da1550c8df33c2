package dev.culvert.gateway;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.Revocations;
import dev.culvert.tunnel.Link;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Cuts the links of tokens that have been revoked. Used by one thread, which may block. */
final class RevocationWatch {
    private static final Logger log = LoggerFactory.getLogger(RevocationWatch.class);

    /** How often to look; the goal is a second, from the command to the last flow. One stat(2) each. */
    static final long PERIOD_MILLIS = 200;

    private final Revocations revocations;
    private final LinkRegistry registry;
    private final AuditLog audit;
    private final Set<Revocations.Entry> known;
    private String trouble = "";

    RevocationWatch(Revocations revocations, LinkRegistry registry, AuditLog audit) {
        this.revocations = revocations;
        this.registry = registry;
        this.audit = audit;
        this.known = new HashSet<>(revocations.entries());
    }

    void look() {
        try {
            boolean changed = revocations.refresh();
            if (!trouble.isEmpty()) {
                trouble = "";
                log.info("revocations can be read again");
            }
            if (changed) {
                cut();
            }
        } catch (IOException e) {
            String said = String.valueOf(e.getMessage());
            if (!said.equals(trouble)) {
                trouble = said;
                log.error("revocations cannot be read, those known stay in force: {}", said);
            }
        } catch (RuntimeException e) {
            log.error("looking for revoked links failed", e); // and is tried again: a scheduled task that throws is not
        }
    }

    private void cut() {
        Set<Revocations.Entry> now = new HashSet<>(revocations.entries());
        java.util.Map<Revocations.Entry, Integer> cut = new java.util.LinkedHashMap<>();
        now.stream().filter(e -> !known.contains(e)).forEach(e -> cut.put(e, 0));
        for (SwitchedLink link : registry.links()) {
            Revocations.Entry why = revocations.of(link.token);
            if (why != null) {
                cut.merge(why, 1, Integer::sum);
                link.run(() -> link.link().close(Link.CLOSE_TOKEN_ENDED, Authenticator.REVOKED));
            }
        }
        cut.forEach((entry, links) -> {
            log.info("revoked: {}; links cut: {}", entry.fields(), links);
            audit.add(new AuditRecord.TokenRevoked(audit.clock().instant(), entry.fields(), links));
        });
        known.clear();
        known.addAll(now);
    }
}
