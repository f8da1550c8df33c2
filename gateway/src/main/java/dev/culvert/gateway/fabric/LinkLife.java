package dev.culvert.gateway.fabric;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.gateway.limit.Services;
import dev.culvert.token.Token;
import dev.culvert.tunnel.link.Link;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life of one link: with what token it came, when that ends it, and what log and audit log say of its coming and going.
 * On the link's event loop.
 */
public final class LinkLife {
    private static final Logger log = LoggerFactory.getLogger(LinkLife.class);

    /** A timer stands still while the machine does, and a token's end is a date: so we look at the clock this often. */
    static final Duration CALENDAR_CHECK = Duration.ofSeconds(30);

    /** What the holder of a revoked token is told, at an upgrade and on a live link. */
    public static final String REVOKED = "your token was revoked; ask for a new one";

    /** What the holder of an expired one is told. */
    public static final String EXPIRED = "the token has expired; get a new one";

    private final Services services;
    private final @Nullable Token token;
    private final AuditRecord.Holder holder;
    private final Predicate<Token> revoked;
    private @Nullable ScheduledFuture<?> expiry;
    private long upNanos;
    private Duration length = Duration.ZERO;

    /**
     * @param token null of an end in the gateway itself, which nothing ends but the gateway
     * @param revoked whether a token is revoked, as known now; asked from every loop
     */
    LinkLife(Services services, @Nullable Token token, AuditRecord.Holder holder, Predicate<Token> revoked) {
        this.services = services;
        this.token = token;
        this.holder = holder;
        this.revoked = revoked;
    }

    @Nullable
    Token token() {
        return token;
    }

    AuditRecord.Holder holder() {
        return holder;
    }

    /** It is up. */
    void begins(LinkSide link) {
        upNanos = services.nanos();
        watchExpiry(link);
        String group = link.carrier().keyExchange();
        if (services.lines().takes(link.holderKey(), PeerLines.Kind.LINKS)) {
            log.info("{} connected{}", link, group.isEmpty() ? "" : ", keys by " + group);
        }
        services.audit().add(new AuditRecord.LinkUp(services.audit().clock().instant(), holder, group));
    }

    /** To be asked after the link can be found: whatever is revoked from then on finds it. */
    void endIfRevoked(LinkSide link) {
        if (token != null && revoked.test(token)) {
            link.close(Link.CLOSE_TOKEN_ENDED, REVOKED);
        }
    }

    private void watchExpiry(LinkSide link) {
        if (token == null) {
            return;
        }
        Duration left = Duration.between(services.clock().instant(), token.expires());
        if (left.isNegative() || left.isZero()) {
            // In a turn of its own: the link may only just be coming up.
            expiry = link.loop().schedule(() -> link.close(Link.CLOSE_TOKEN_ENDED, EXPIRED), 0, TimeUnit.NANOSECONDS);
            return;
        }
        long nanos = left.compareTo(CALENDAR_CHECK) < 0 ? left.toNanos() : CALENDAR_CHECK.toNanos();
        expiry = link.loop().schedule(() -> watchExpiry(link), nanos, TimeUnit.NANOSECONDS);
    }

    /** It is down; its flows are still there. */
    void ends(LinkSide link, String why) {
        if (expiry != null) {
            expiry.cancel(false);
        }
        if (services.lines().takes(link.holderKey(), PeerLines.Kind.LINKS)) {
            log.info("{} disconnected: {} ({} flows)", link, why, link.flowCount());
        }
        length = Duration.ofNanos(services.nanos() - upNanos);
    }

    /** Its flows have ended too. */
    void over(LinkSide link, String why) {
        services.audit()
                .add(new AuditRecord.LinkDown(
                        services.audit().clock().instant(), holder, why, link.flowsEver(), length));
    }
}
