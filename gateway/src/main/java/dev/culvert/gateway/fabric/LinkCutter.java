package dev.culvert.gateway.fabric;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.token.Token;
import dev.culvert.token.sign.Trust;
import dev.culvert.token.state.Revocations;
import dev.culvert.tunnel.link.Link;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Cuts the links of tokens that have been revoked, and of those whose key was retired. Used by one thread. */
public final class LinkCutter {
    private static final Logger log = LoggerFactory.getLogger(LinkCutter.class);

    /** What the holder of a token of a retired key is told on a live link. */
    private static final String RETIRED = "the key that signed your token was retired; ask for a new token";

    private final Revocations revocations;
    private final Links links;
    private final AuditLog audit;
    private final Set<Revocations.Entry> known;

    public LinkCutter(Revocations revocations, Links links, AuditLog audit) {
        this.revocations = revocations;
        this.links = links;
        this.audit = audit;
        this.known = new HashSet<>(revocations.entries());
    }

    /** After the revocations have changed. */
    public void cutRevoked() {
        Set<Revocations.Entry> now = new HashSet<>(revocations.entries());
        Map<Revocations.Entry, Integer> cut = new LinkedHashMap<>();
        now.stream().filter(e -> !known.contains(e)).forEach(e -> cut.put(e, 0));
        for (PresentLink link : links.all()) {
            Token token = link.token();
            Revocations.Entry why = token == null ? null : revocations.of(token);
            if (why != null) {
                cut.merge(why, 1, Integer::sum);
                link.close(Link.CLOSE_TOKEN_ENDED, LinkLife.REVOKED);
            }
        }
        cut.forEach((entry, ended) -> {
            log.info("revoked: {}; links cut: {}", entry.words(), ended);
            audit.add(new AuditRecord.TokenRevoked(audit.clock().instant(), entry.fields(), ended));
        });
        known.clear();
        known.addAll(now);
    }

    /** After the accepted keys have changed. What the gateway calls itself does not matter to links that are up. */
    public void cutRetired(Trust trust) {
        int ended = 0;
        for (PresentLink link : links.all()) {
            Token token = link.token();
            if (token != null && trust.key(token.keyId()) == null) {
                ended++;
                link.close(Link.CLOSE_TOKEN_ENDED, RETIRED);
            }
        }
        log.info(
                "accepting tokens of keys {}, for {}; links cut: {}",
                String.join(", ", trust.keys().keySet()),
                trust.audience(),
                ended);
        audit.add(new AuditRecord.Keys(
                audit.clock().instant(), trust.keys().keySet().stream().sorted().toList(), ended));
    }
}
