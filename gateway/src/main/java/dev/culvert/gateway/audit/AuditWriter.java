package dev.culvert.gateway.audit;

import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import io.netty.util.internal.PlatformDependent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * Takes records from any thread, never blocking it, and writes them to one sink on a thread of its own. What cannot be
 * written waits; when more come than may wait, records are lost and counted, and a line says how many as soon as one can be
 * written.
 */
final class AuditWriter {
    private static final Logger log = LoggerFactory.getLogger(AuditWriter.class);

    /** How often the thread looks for records when it has none: nobody has to wake it, which would cost the loops. */
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /** Bytes that are written at once. */
    private static final int CHUNK = 128 << 10;

    /** A full disk is complained of once in so long. */
    private static final long COMPLAINT_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** How long {@link #close} waits for a disk that does not take what is left. */
    private static final Duration CLOSE = Duration.ofSeconds(2);

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final AuditSink sink;
    private final Queue<AuditRecord> queue;
    private final Clock clock;
    private final Consumer<Consumer<AuditRecord>> unasked;
    private final AtomicLong lost = new AtomicLong();
    private final Thread writer;
    private volatile boolean closed;
    private volatile long closedNanos;
    private long complained;
    private boolean complaining;

    /**
     * @param capacity records that may wait
     * @param unasked adds what there is to say without a record, on the writer's thread
     */
    AuditWriter(AuditSink sink, int capacity, Clock clock, Consumer<Consumer<AuditRecord>> unasked) {
        this.sink = sink;
        this.clock = clock;
        this.unasked = unasked;
        this.queue = PlatformDependent.newFixedMpscQueue(capacity);
        this.writer = new Thread(this::write, "audit");
        writer.setDaemon(true);
    }

    void start() {
        writer.start();
    }

    /** Takes a record. Never blocks. */
    void add(AuditRecord record) {
        if (!queue.offer(record)) {
            lost.incrementAndGet();
        }
    }

    private void write() {
        ByteArrayOutputStream chunk = new ByteArrayOutputStream(CHUNK);
        while (true) {
            boolean last = closed;
            if (chunk.size() == 0) { // else it could not be written yet
                collect(chunk);
            }
            boolean written = chunk.size() == 0 || flush(chunk);
            if (last && (chunk.size() == 0 || !written && System.nanoTime() - closedNanos > CLOSE.toNanos())) {
                return;
            }
            if (chunk.size() == 0 || !written) {
                LockSupport.parkNanos(POLL_NANOS);
            }
            if (written) {
                chunk.reset();
            }
        }
    }

    private void collect(ByteArrayOutputStream chunk) {
        long missing = lost.getAndSet(0);
        if (missing > 0) {
            append(chunk, new AuditRecord.Lost(clock.instant(), missing));
        }
        AuditRecord record;
        while (chunk.size() < CHUNK && (record = queue.poll()) != null) {
            append(chunk, record);
        }
        unasked.accept(more ->
                append(chunk, more)); // behind the records that were before it, also when all are written at the end
    }

    private static void append(ByteArrayOutputStream chunk, AuditRecord record) {
        chunk.writeBytes(
                Printable.escape(JSON.writeValueAsString(record.line())).getBytes(StandardCharsets.UTF_8));
        chunk.write('\n');
    }

    private boolean flush(ByteArrayOutputStream chunk) {
        try {
            sink.write(ByteBuffer.wrap(chunk.toByteArray()));
            if (complaining) {
                complaining = false;
                log.info("the audit log can be written again");
            }
            return true;
        } catch (IOException | RuntimeException e) {
            long now = System.nanoTime();
            if (!complaining || now - complained > COMPLAINT_NANOS) {
                complaining = true;
                complained = now;
                log.warn(
                        "the audit log cannot be written, what does not fit into memory is lost: {}",
                        FileError.reason(e));
            }
            return false;
        }
    }

    /** Writes what is left, for two seconds at most. */
    void close() {
        if (!closed) {
            closedNanos = System.nanoTime();
            closed = true;
        }
        LockSupport.unpark(writer);
        try {
            writer.join(CLOSE.toMillis());
            if (!writer.isAlive()) {
                sink.close();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            log.warn("the audit log could not be closed: {}", FileError.reason(e));
        }
    }
}
