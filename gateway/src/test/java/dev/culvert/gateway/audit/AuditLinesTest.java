package dev.culvert.gateway.audit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.lines.LineQueue;
import dev.culvert.gateway.lines.LineSink;
import dev.culvert.gateway.lines.LineThread;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;

final class AuditLinesTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-11-22T12:00:00Z"), ZoneOffset.UTC);

    /** A thread that had no turn until the log was closed writes all at once, and still in the order in which it happened. */
    @Test
    void whatIsSaidUnaskedStandsBehindTheRecordsBeforeIt() {
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        LineSink sink = new LineSink() {
            @Override
            public void write(ByteBuffer lines) {
                written.write(lines.array(), lines.arrayOffset() + lines.position(), lines.remaining());
            }

            @Override
            public void close() {}
        };
        boolean[] said = {false};
        AuditLines lines = new AuditLines(CLOCK, out -> {
            if (!said[0]) {
                said[0] = true;
                out.accept(new AuditRecord.Unreported(CLOCK.instant(), "client", "laptop", "flows", 7));
            }
        });
        LineQueue<AuditRecord> queue = new LineQueue<>("the audit log", new ConcurrentLinkedQueue<>(), lines, sink);
        queue.add(new AuditRecord.Gateway(CLOCK.instant(), true, null));
        LineThread writer = new LineThread("audit");
        writer.add(queue);
        writer.start();
        writer.close();
        assertThat(written.toString(StandardCharsets.UTF_8).lines().toList())
                .satisfiesExactly(
                        first -> assertThat(first).contains("\"gateway"),
                        second -> assertThat(second).contains("\"unreported\""));
    }
}
