package dev.culvert.gateway.audit;

import dev.culvert.tunnel.limit.LineLimit;
import java.time.Clock;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * How many lines each holder of a token may cause: so many at once, then some a second, and a line that says how many more
 * there were. The files hold 1.5 million lines of flows, and as many others: at these rates it takes one client four hours
 * to fill them with flows, eight days with denied ones, as long with wrong tokens from everywhere, and one holder weeks with its
 * links.
 */
final class AuditShares {
    /** Flows that were allowed: a scan of a host's well-known ports is told in full. */
    private static final int FLOWS = 10_000;

    private static final double FLOWS_PER_SECOND = 100;

    /** Flows that were refused: who is denied a thousand times has said what there is to know. */
    private static final int DENIALS = 1_000;

    private static final double DENIALS_PER_SECOND = 2;

    /** Links that come and go: 256 at once is what a holder may have. */
    private static final int LINKS = 1_024;

    private static final double LINKS_PER_SECOND = 1;

    /** Tokens that were refused, from all networks: each has a share of its own, and there are many networks. */
    private static final int REFUSED = 4_096;

    private static final double REFUSED_PER_SECOND = 2;

    /** What was left out is told so often at most, for each holder. */
    private static final long TELL_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final LineLimit<Share> shares;
    private final Clock clock;
    private final LongSupplier nanoTime;
    private long toldNanos;
    private volatile boolean hurried;

    /**
     * @param clock of what is said
     * @param nanoTime by which rates are measured
     */
    AuditShares(Clock clock, LongSupplier nanoTime) {
        this.clock = clock;
        this.nanoTime = nanoTime;
        this.shares = new LineLimit<>(nanoTime);
        this.toldNanos = nanoTime.getAsLong();
    }

    /** @param what what is counted, as the line says it */
    private record Share(String kind, String name, String what) {}

    /** Whether there is room for a line. From any thread. */
    boolean takes(AuditRecord record) {
        if (record instanceof AuditRecord.Flow flow) {
            boolean denied = !flow.allowed() || flow.endedBy() != null && flow.agentLink() == null;
            return denied
                    ? takes("client", flow.client(), "denied flows", DENIALS, DENIALS_PER_SECOND)
                    : takes("client", flow.client(), "flows", FLOWS, FLOWS_PER_SECOND);
        }
        if (record instanceof AuditRecord.TokenRefused) {
            return takes("network", "all", "refused tokens", REFUSED, REFUSED_PER_SECOND);
        }
        AuditRecord.Holder holder = record instanceof AuditRecord.LinkUp up
                ? up.holder()
                : record instanceof AuditRecord.LinkDown down ? down.holder() : null;
        return holder == null || takes(holder.kind(), holder.name(), "links", LINKS, LINKS_PER_SECOND);
    }

    private boolean takes(String kind, String name, String what, int burst, double perSecond) {
        return shares.takes(new Share(kind, name, what), burst, perSecond);
    }

    /** Says at the next {@link #tell} what there is to say: it is the last. */
    void hurry() {
        hurried = true;
    }

    /** Says what was left out, now and then, and forgets who has not been heard of for long. By one thread. */
    void tell(Consumer<AuditRecord> out) {
        long now = nanoTime.getAsLong();
        if (!hurried && now - toldNanos < TELL_NANOS) {
            return;
        }
        toldNanos = now;
        shares.tell((share, more) ->
                out.accept(new AuditRecord.Unreported(clock.instant(), share.kind, share.name, share.what, more)));
    }
}
