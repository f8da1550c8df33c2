package dev.culvert.gateway.audit;

import dev.culvert.command.LineFile;
import dev.culvert.gateway.lines.LineQueue;
import dev.culvert.gateway.lines.LineSink;
import dev.culvert.gateway.lines.LineThread;
import dev.culvert.text.FileError;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Takes records from any thread, never blocking it. What is said of flows goes into files of its own, of which each client
 * gets no more than its share ({@link AuditShares}): nobody who may open flows, or be denied them, can make the others be
 * forgotten, and least of all what became of links, tokens and policy.
 */
public final class AuditLog implements AutoCloseable {
    /** Records that may wait: some hundred bytes each, and two thirds of a second of a hundred thousand flows each. */
    private static final int QUEUE = 65_536;

    private final @Nullable LineQueue<AuditRecord> events;
    private final @Nullable LineQueue<AuditRecord> flows;
    private final LineThread eventWriter = new LineThread("audit");
    private final LineThread flowWriter = new LineThread("audit-flows");
    private final AuditShares shares;
    private final Clock clock;
    private volatile @Nullable Consumer<AuditRecord> listener;

    /** @param flowSink null for the same as {@code sink}; both null for a log that keeps nothing */
    private AuditLog(@Nullable LineSink sink, @Nullable LineSink flowSink, int capacity, Clock clock) {
        this.clock = clock;
        shares = new AuditShares(clock, System::nanoTime);
        events = sink == null ? null : queue(sink, capacity, new AuditLines(clock, shares::tell));
        flows = flowSink == null ? events : queue(flowSink, capacity, new AuditLines(clock, out -> {}));
    }

    private static LineQueue<AuditRecord> queue(LineSink sink, int capacity, AuditLines lines) {
        return new LineQueue<>("the audit log", PlatformDependent.newFixedMpscQueue(capacity), lines, sink);
    }

    private AuditLog start() {
        if (events != null) {
            eventWriter.add(events);
            eventWriter.start();
        }
        if (flows != null && flows != events) {
            flowWriter.add(flows);
            flowWriter.start();
        }
        return this;
    }

    /** A log that keeps nothing. */
    public static AuditLog none() {
        return new AuditLog(null, null, 2, Clock.systemUTC());
    }

    /**
     * A log in a file, and flows in one beside it, as {@link #flows} names it; they are made readable by their owner only,
     * and put aside when they have grown.
     *
     * @throws IOException with one line for people
     */
    public static AuditLog to(Path file) throws IOException {
        return new AuditLog(open(file), open(flows(file)), QUEUE, Clock.systemUTC()).start();
    }

    /** {@code audit-flows.jsonl} beside {@code audit.jsonl}. */
    static Path flows(Path file) {
        String name = Objects.toString(file.getFileName(), "");
        int dot = name.lastIndexOf('.');
        return file.resolveSibling(dot > 0 ? name.substring(0, dot) + "-flows" + name.substring(dot) : name + "-flows");
    }

    private static LineSink open(Path file) throws IOException {
        try {
            LineFile lines = new LineFile(file);
            return new LineSink() {
                @Override
                public void write(ByteBuffer text) throws IOException {
                    try {
                        lines.write(text);
                    } catch (IOException e) {
                        throw new IOException(file + ": " + FileError.reason(e), e);
                    }
                }

                @Override
                public void close() throws IOException {
                    lines.close();
                }
            };
        } catch (IOException e) {
            throw new IOException(
                    "cannot write the audit log " + file + " (" + FileError.reason(e)
                            + "): choose another file with --audit FILE",
                    e);
        }
    }

    /** A log to a stream, such as standard output, which is flushed and not closed. */
    public static AuditLog to(OutputStream stream) {
        return start(
                new LineSink() {
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

    static AuditLog start(LineSink sink, int capacity, Clock clock) {
        return new AuditLog(sink, null, capacity, clock).start();
    }

    /** Whether records are kept: when not, nobody need make them. */
    public boolean isOn() {
        return events != null || listener != null;
    }

    /** One more is told of every record, from now on, by whoever adds it; it must not block. */
    public void listen(Consumer<AuditRecord> to) {
        listener = to;
    }

    /** Takes a record. Never blocks. */
    public void add(AuditRecord record) {
        Consumer<AuditRecord> to = listener;
        if (to != null) {
            to.accept(record);
        }
        LineQueue<AuditRecord> queue = record instanceof AuditRecord.Flow ? flows : events;
        if (queue != null && shares.takes(record)) {
            queue.add(record);
        }
    }

    /** The present, as records tell it. */
    public Clock clock() {
        return clock;
    }

    /** Writes what is left, for some seconds at most. */
    @Override
    public void close() {
        if (flows != null && flows != events) {
            flowWriter.close();
        }
        if (events != null) {
            shares.hurry();
            eventWriter.close();
        }
    }
}
