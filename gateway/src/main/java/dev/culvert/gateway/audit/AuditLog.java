package dev.culvert.gateway.audit;

import dev.culvert.command.Printable;
import io.netty.util.internal.PlatformDependent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * Takes records from any thread, never blocking it, and writes them on a thread of its own. When more come than can be
 * written, or the disk is full, records are lost and counted, and a line says how many as soon as one can be written.
 */
public final class AuditLog implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(AuditLog.class);

    /** Records that may wait: some hundred bytes each, and two thirds of a second of a hundred thousand flows each. */
    private static final int QUEUE = 65_536;

    /** How often the thread looks for records when it has none: nobody has to wake it, which would cost the loops. */
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /** Bytes that are written at once. */
    private static final int CHUNK = 128 << 10;

    /** A full disk is complained of once in so long. */
    private static final long COMPLAINT_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** How long {@link #close} waits for a disk that does not take what is left. */
    private static final Duration CLOSE = Duration.ofSeconds(2);

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final @Nullable AuditSink sink;
    private final Queue<AuditRecord> queue;
    private final Clock clock;
    private final AtomicLong lost = new AtomicLong();
    private final Thread writer;
    private volatile boolean closed;
    private volatile long closedNanos;
    private long complained;
    private boolean complaining;

    AuditLog(@Nullable AuditSink sink, int capacity, Clock clock) {
        this.sink = sink;
        this.clock = clock;
        this.queue = PlatformDependent.newFixedMpscQueue(capacity);
        this.writer = new Thread(this::write, "audit");
        writer.setDaemon(true);
    }

    private AuditLog start() {
        writer.start();
        return this;
    }

    /** A log that keeps nothing. */
    public static AuditLog none() {
        return new AuditLog(null, 2, Clock.systemUTC());
    }

    /**
     * A log in a file, which is made readable by its owner only, and put aside when it has grown.
     *
     * @throws IOException with one line for people
     */
    public static AuditLog to(Path file) throws IOException {
        try {
            return start(new AuditFile(file), QUEUE, Clock.systemUTC());
        } catch (IOException e) {
            throw new IOException(
                    "cannot write the audit log " + file + ": " + e + "; choose another file with --audit FILE", e);
        }
    }

    /** A log to a stream, such as standard output, which is flushed and not closed. */
    public static AuditLog to(OutputStream stream) {
        return start(
                new AuditSink() {
                    @Override
                    public void write(ByteBuffer lines) throws IOException {
                        stream.write(lines.array(), lines.arrayOffset() + lines.position(), lines.remaining());
                        stream.flush();
                    }

                    @Override
                    public void close() {}
                },
                QUEUE,
                Clock.systemUTC());
    }

    static AuditLog start(AuditSink sink, int capacity, Clock clock) {
        return new AuditLog(sink, capacity, clock).start();
    }

    /** Whether records are kept: when not, nobody need make them. */
    public boolean isOn() {
        return sink != null;
    }

    /** Takes a record. Never blocks. */
    public void add(AuditRecord record) {
        if (sink != null && !queue.offer(record)) {
            lost.incrementAndGet();
        }
    }

    /** The present, as records tell it. */
    public Clock clock() {
        return clock;
    }

    private void write() {
        ByteArrayOutputStream chunk = new ByteArrayOutputStream(CHUNK);
        while (true) {
            boolean last = closed;
            int lines = 0;
            AuditRecord record;
            long missing = lost.getAndSet(0);
            if (missing > 0) {
                append(chunk, new AuditRecord.Lost(clock.instant(), missing));
            }
            while (chunk.size() < CHUNK && (record = queue.poll()) != null) {
                append(chunk, record);
                lines++;
            }
            boolean written = chunk.size() == 0 || flush(chunk, lines + missing);
            if (last && (chunk.size() == 0 || !written && System.nanoTime() - closedNanos > CLOSE.toNanos())) {
                return;
            }
            if (chunk.size() == 0 || !written) {
                LockSupport.parkNanos(POLL_NANOS);
            }
            chunk.reset();
        }
    }

    private static void append(ByteArrayOutputStream chunk, AuditRecord record) {
        chunk.writeBytes(
                Printable.escape(JSON.writeValueAsString(record.line())).getBytes(StandardCharsets.UTF_8));
        chunk.write('\n');
    }

    private boolean flush(ByteArrayOutputStream chunk, long lines) {
        AuditSink to = sink;
        if (to == null) {
            return true;
        }
        try {
            to.write(ByteBuffer.wrap(chunk.toByteArray()));
            if (complaining) {
                complaining = false;
                log.info("the audit log can be written again");
            }
            return true;
        } catch (IOException | RuntimeException e) {
            lost.addAndGet(lines);
            long now = System.nanoTime();
            if (!complaining || now - complained > COMPLAINT_NANOS) {
                complaining = true;
                complained = now;
                log.warn("the audit log cannot be written, lines are lost: {}; is the disk full?", e.toString());
            }
            return false;
        }
    }

    /** Writes what is left, for two seconds at most. */
    @Override
    public void close() {
        if (sink == null) {
            return;
        }
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
            log.warn("the audit log could not be closed: {}", e.toString());
        }
    }
}
