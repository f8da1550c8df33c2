package dev.culvert.gateway.audit;

import dev.culvert.gateway.lines.LineQueue;
import dev.culvert.text.Printable;
import java.time.Clock;
import java.util.function.Consumer;
import tools.jackson.databind.json.JsonMapper;

/** The audit log's lines. */
final class AuditLines implements LineQueue.Form<AuditRecord> {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Clock clock;
    private final Consumer<Consumer<AuditRecord>> unasked;

    /** @param unasked adds what there is to say without a record */
    AuditLines(Clock clock, Consumer<Consumer<AuditRecord>> unasked) {
        this.clock = clock;
        this.unasked = unasked;
    }

    @Override
    public String line(AuditRecord record) {
        return Printable.escape(JSON.writeValueAsString(record.line()));
    }

    @Override
    public String lost(long records) {
        return line(new AuditRecord.Lost(clock.instant(), records));
    }

    @Override
    public void unasked(Consumer<AuditRecord> out) {
        unasked.accept(out);
    }
}
