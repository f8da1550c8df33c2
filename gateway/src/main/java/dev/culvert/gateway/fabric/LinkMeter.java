package dev.culvert.gateway.fabric;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.presence.LinkFacts;
import dev.culvert.tunnel.link.Carrier;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a link has carried, and since when. Counted on its event loop alone, so that a plain store does, and read from any thread,
 * so that whoever asks for the status costs no loop a turn.
 */
final class LinkMeter {
    private final Instant since;
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong sent = new AtomicLong();

    LinkMeter(Instant since) {
        this.since = since;
    }

    void received(int bytes) {
        received.lazySet(received.getPlain() + bytes);
    }

    void sent(int bytes) {
        sent.lazySet(sent.getPlain() + bytes);
    }

    LinkFacts facts(AuditRecord.Holder holder, Carrier carrier) {
        return new LinkFacts(
                holder.link(),
                holder.from(),
                since,
                carrier.version(),
                carrier.minRttMicros(),
                received.get(),
                sent.get());
    }
}
