package dev.culvert.gateway.fabric;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.limit.FlowCounts;
import dev.culvert.gateway.limit.Services;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What the audit log will say of one flow: collected from its OPEN on, said when it has ended on both of its sides, and counted then.
 * From the event loops of both.
 */
final class FlowRecord {
    /** Who ended a flow, when neither of its sides did. */
    static final String GATEWAY = "gateway";

    private final AuditLog audit;
    private final FlowCounts counts;
    private final LongSupplier nanoTime;
    private final long startNanos;
    private final AuditRecord.Holder client;
    private final Destination destination;
    private final @Nullable InetSocketAddress source;
    private final @Nullable Long number;
    private final String agent;
    private AuditRecord.@Nullable Holder agentLink;
    private @Nullable String instance;
    private @Nullable String id;
    private @Nullable String rule;
    private @Nullable Reason end;
    private @Nullable String endedBy;
    private long bytesUp;
    private long bytesDown;
    private int openHalves = 2;

    /**
     * @param agent the name that the client asked for
     * @param number in the client's session; null when it has none
     */
    FlowRecord(
            Services services,
            AuditRecord.Holder client,
            String agent,
            Destination destination,
            @Nullable InetSocketAddress source,
            @Nullable Long number) {
        this.audit = services.audit();
        this.counts = services.counters().flows;
        this.nanoTime = services.nanoTime();
        this.startNanos = services.nanos();
        this.client = client;
        this.agent = agent;
        this.destination = destination;
        this.source = source;
        this.number = number;
    }

    /** Policy allows it; {@code rule} says what decided. */
    synchronized void allowed(String rule) {
        this.rule = rule;
        counts.allowed.increment();
    }

    /**
     * An instance takes it.
     *
     * @param id by which that knows it, too; null when it has none
     */
    synchronized void takenBy(AuditRecord.Holder link, @Nullable String instance, @Nullable String id) {
        this.agentLink = link;
        this.id = id;
        this.instance = instance;
    }

    /**
     * It is open.
     *
     * @param first whether it was not before, over another path
     */
    void opened(boolean first) {
        if (first) {
            counts.opened(destination, nanoTime.getAsLong() - startNanos);
        } else {
            counts.resumed.increment();
        }
    }

    /** Policy denies it; {@code rule} says what decided, null when nothing allows it. */
    synchronized void denied(@Nullable String rule) {
        this.rule = rule;
        counts.denied.increment();
        endedBy(GATEWAY, Reason.PROHIBITED);
        write(false);
    }

    /** The gateway refuses it for another reason. */
    synchronized void refused(Reason reason) {
        endedBy(GATEWAY, reason);
        write(true);
    }

    /** It ends, and this is why; what is said later is a consequence. */
    synchronized void endedBy(String who, Reason reason) {
        if (end == null) {
            end = reason;
            endedBy = who;
        }
    }

    /** One of its halves is gone. */
    synchronized void closed(FlowHalf half) {
        look(half);
        if (--openHalves == 0) {
            write(true);
        }
    }

    /** What one of its sides has sent until now. On that side's loop. */
    synchronized void look(FlowHalf half) {
        if (half.owner.accepts()) {
            bytesDown = half.bytes;
        } else {
            bytesUp = half.bytes;
        }
    }

    /**
     * As it is shown to people.
     *
     * @param id on its client's link
     * @param isOpen whether its agent has reached the destination
     * @return null when it has ended
     */
    synchronized @Nullable OpenFlow shown(int id, boolean isOpen) {
        return openHalves == 0 || end != null
                ? null
                : new OpenFlow(
                        client.link(),
                        Integer.toUnsignedLong(id),
                        client.name(),
                        source == null ? null : NetUtil.toSocketAddressString(source),
                        FlowCounts.protocol(destination),
                        host(),
                        destination.port(),
                        agent,
                        agentLink == null ? null : agentLink.link(),
                        instance,
                        rule,
                        isOpen,
                        bytesUp,
                        bytesDown,
                        startNanos);
    }

    private String host() {
        InetAddress address = destination.address();
        return address != null ? NetUtil.toAddressString(address) : Objects.requireNonNullElse(destination.name(), "");
    }

    private void write(boolean allowed) {
        counts.ended(destination, end);
        if (!audit.isOn()) {
            return;
        }
        audit.add(new AuditRecord.Flow(
                audit.clock().instant(),
                client.name(),
                client.link(),
                number,
                id,
                source == null ? null : NetUtil.toSocketAddressString(source),
                FlowCounts.protocol(destination),
                host(),
                destination.port(),
                agent,
                agentLink == null ? null : agentLink.link(),
                instance,
                allowed,
                rule,
                FlowCounts.end(end),
                endedBy,
                bytesUp,
                bytesDown,
                Duration.ofNanos(nanoTime.getAsLong() - startNanos)));
    }
}
