package dev.culvert.gateway.audit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

final class AuditWriterTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-11-22T12:00:00Z"), ZoneOffset.UTC);

    /** A thread that had no turn until the log was closed writes all at once, and still in the order in which it happened. */
    @Test
    void whatIsSaidUnaskedStandsBehindTheRecordsBeforeIt() {
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        AuditSink sink = new AuditSink() {
            @Override
            public void write(ByteBuffer lines) {
                written.write(lines.array(), lines.arrayOffset() + lines.position(), lines.remaining());
            }

            @Override
            public void close() {}
        };
        boolean[] said = {false};
        AuditWriter writer = new AuditWriter(sink, 16, CLOCK, out -> {
            if (!said[0]) {
                said[0] = true;
                out.accept(new AuditRecord.Unreported(CLOCK.instant(), "client", "laptop", "flows", 7));
            }
        });
        writer.add(new AuditRecord.Gateway(CLOCK.instant(), true, null));
        writer.start();
        writer.close();
        assertThat(written.toString(StandardCharsets.UTF_8).lines().toList())
                .satisfiesExactly(
                        first -> assertThat(first).contains("\"gateway"),
                        second -> assertThat(second).contains("\"unreported\""));
    }
}
