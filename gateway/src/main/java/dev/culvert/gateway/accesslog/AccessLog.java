package dev.culvert.gateway.accesslog;

import dev.culvert.command.LineFile;
import dev.culvert.gateway.lines.LineQueue;
import dev.culvert.gateway.lines.LineSink;
import dev.culvert.gateway.lines.LineThread;
import dev.culvert.text.FileError;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A file of lines for each publication, in one directory. Takes records from any thread, never blocking it; one thread writes them. The
 * files are readable by their owner only, and put aside when they have grown, as the audit log's are.
 */
public final class AccessLog implements AutoCloseable {
    /** Lines of one publication that may wait: of a twentieth of a second, eighty thousand requests a second. */
    static final int QUEUE = 4_096;

    /** Files that are open at once; the one that was written longest ago is closed, and opened when it is written again. */
    static final int MAX_OPEN = 256;

    private final Path directory;
    private final AccessFormat format;
    private final Clock clock;
    private final LineThread writer = new LineThread("access-log");
    private final Map<String, LineQueue<AccessRecord>> publications = new ConcurrentHashMap<>();

    /** Of the writer's thread. */
    private final Map<Sink, LineFile> open = new LinkedHashMap<>(16, 0.75f, true);

    private AccessLog(Path directory, AccessFormat format, Clock clock) {
        this.directory = directory;
        this.format = format;
        this.clock = clock;
    }

    /**
     * Logs into a directory, which is made, for its owner only, if it is not there.
     *
     * @throws IOException with one line for people
     */
    public static AccessLog in(Path directory, AccessFormat format, Clock clock) throws IOException {
        try {
            if (!Files.isDirectory(directory)) {
                Files.createDirectory(
                        directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
            if (!Files.isWritable(directory)) {
                throw new IOException("it is not ours to write in");
            }
        } catch (IOException e) {
            throw new IOException(
                    "cannot write access logs into " + directory + " (" + FileError.reason(e)
                            + "): choose another directory with --access-log DIR",
                    e);
        }
        AccessLog log = new AccessLog(directory, format, clock);
        log.writer.start();
        return log;
    }

    /** The present, as records tell it. */
    public Clock clock() {
        return clock;
    }

    /** Takes a record. Never blocks. */
    public void add(AccessRecord record) {
        LineQueue<AccessRecord> queue = publications.get(record.publication());
        if (queue == null) {
            queue = publications.computeIfAbsent(record.publication(), this::queue);
        }
        queue.add(record);
    }

    private LineQueue<AccessRecord> queue(String publication) {
        Path file = directory.resolve(AccessFileName.of(publication));
        LineQueue<AccessRecord> queue = new LineQueue<>(
                "the access log " + file, PlatformDependent.newMpscQueue(QUEUE), format, new Sink(file));
        writer.add(queue);
        return queue;
    }

    /** Closes the files of all others. What is still said of one of those opens its file again, until the next change. */
    public void follow(Collection<String> published) {
        Set<String> now = Set.copyOf(published);
        for (Iterator<Map.Entry<String, LineQueue<AccessRecord>>> i =
                        publications.entrySet().iterator();
                i.hasNext(); ) {
            Map.Entry<String, LineQueue<AccessRecord>> each = i.next();
            if (!now.contains(each.getKey())) {
                i.remove();
                writer.remove(each.getValue());
            }
        }
    }

    /** Writes what is left, for some seconds at most. */
    @Override
    public void close() {
        writer.close();
    }

    /** A file, which is opened when there is something to write. */
    private final class Sink implements LineSink {
        private final Path file;

        Sink(Path file) {
            this.file = file;
        }

        @Override
        public void write(ByteBuffer lines) throws IOException {
            LineFile out = open.get(this);
            if (out == null) {
                makeRoom();
                out = new LineFile(file);
                open.put(this, out);
            }
            out.write(lines);
        }

        private void makeRoom() throws IOException {
            while (open.size() >= MAX_OPEN) {
                open.keySet().iterator().next().close();
            }
        }

        @Override
        public void close() throws IOException {
            LineFile out = open.remove(this);
            if (out != null) {
                out.close();
            }
        }
    }
}
