package dev.culvert.gateway.lines;

import dev.culvert.text.FileError;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records on their way to one sink. What cannot be written waits; when more come than may wait, records are lost and counted, and a
 * line says how many as soon as one can be written. Records from any thread; all else on that of a {@link LineThread}.
 *
 * @param <R> what a line is made of
 */
public final class LineQueue<R> {
    private static final Logger log = LoggerFactory.getLogger(LineQueue.class);

    /** Bytes that are written at once. */
    private static final int CHUNK = 128 << 10;

    /** A full disk is complained of once in so long. */
    private static final long COMPLAINT_NANOS = TimeUnit.MINUTES.toNanos(1);

    /**
     * What lines say.
     *
     * @param <R> what a line is made of
     */
    public interface Form<R> {
        /** A line, without its end, and with none in it. */
        String line(R record);

        /** The line that says how many records are missing. */
        String lost(long records);

        /** Adds what there is to say without a record. */
        default void unasked(Consumer<R> out) {}
    }

    private final String name;
    private final Queue<R> queue;
    private final Form<R> form;
    private final LineSink sink;
    private final AtomicLong lost = new AtomicLong();
    private final ByteArrayOutputStream chunk = new ByteArrayOutputStream();
    private long complained;
    private boolean complaining;

    /**
     * @param name for people: {@code the audit log}
     * @param queue for many threads that offer and one that takes; it refuses what is more than may wait
     */
    public LineQueue(String name, Queue<R> queue, Form<R> form, LineSink sink) {
        this.name = name;
        this.queue = queue;
        this.form = form;
        this.sink = sink;
    }

    /** Takes a record. Never blocks. */
    public void add(R record) {
        if (!queue.offer(record)) {
            lost.incrementAndGet();
        }
    }

    /** How a {@link #step()} went. */
    enum Step {
        WRITTEN,
        NOTHING_TO_WRITE,
        NOT_WRITTEN
    }

    /** Writes some of what waits. */
    Step step() {
        if (chunk.size() == 0) { // else it could not be written yet
            collect();
        }
        if (chunk.size() == 0) {
            return Step.NOTHING_TO_WRITE;
        }
        if (!flush()) {
            return Step.NOT_WRITTEN;
        }
        chunk.reset();
        return Step.WRITTEN;
    }

    private void collect() {
        long missing = lost.getAndSet(0);
        if (missing > 0) {
            append(form.lost(missing));
        }
        R record;
        while (chunk.size() < CHUNK && (record = queue.poll()) != null) {
            append(form.line(record));
        }
        form.unasked(more -> append(
                form.line(more))); // behind the records that were before it, also when all are written at the end
    }

    private void append(String line) {
        chunk.writeBytes(line.getBytes(StandardCharsets.UTF_8));
        chunk.write('\n');
    }

    private boolean flush() {
        try {
            sink.write(ByteBuffer.wrap(chunk.toByteArray()));
            if (complaining) {
                complaining = false;
                log.info("{} can be written again", name);
            }
            return true;
        } catch (IOException | RuntimeException e) {
            long now = System.nanoTime();
            if (!complaining || now - complained > COMPLAINT_NANOS) {
                complaining = true;
                complained = now;
                log.warn("{} cannot be written, what does not fit into memory is lost: {}", name, FileError.reason(e));
            }
            return false;
        }
    }

    void close() {
        try {
            sink.close();
        } catch (IOException e) {
            log.warn("{} could not be closed: {}", name, FileError.reason(e));
        }
    }
}
