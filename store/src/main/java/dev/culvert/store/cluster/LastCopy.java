package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import dev.culvert.store.StateFiles;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one gateway has seen of the store last: documents and bindings, closed as they are in the engine, so that the disk learns no more
 * than that one does. In memory, and in a file that only its owner may read, a line for each value that is added:
 *
 * <pre>
 * culvert-store-copy-1
 * KEY BASE64
 * </pre>
 *
 * Of two lines of a key the later counts; a line that a crash has cut is none. Once half of the lines count no more, the file is written
 * anew as a whole. From any thread; what writes blocks.
 */
final class LastCopy {
    private static final Logger log = LoggerFactory.getLogger(LastCopy.class);

    /** Its name in the state directory. */
    static final String FILE = "store.copy";

    private static final String HEAD = "culvert-store-copy-1";

    /** Of all values and their names: two documents of the largest kind, and a hundred thousand enrolled tokens. */
    static final long MAX_BYTES = 64L << 20;

    /** The file may be so much longer than what counts in it (in Base64), before it is written anew. */
    private static final long SLACK = 1 << 20;

    /** No file of ours is longer: what counts and as much that does not. */
    private static final long MAX_FILE = 4 * MAX_BYTES;

    /** How often the file says how late it is: whoever starts by it is told how old it is. */
    private static final Duration TOUCH = Duration.ofSeconds(10);

    private final @Nullable StateFiles files;
    private final Path file;
    private final boolean holds;
    private final Map<String, byte[]> values = new ConcurrentHashMap<>();
    private final AtomicLong bytes = new AtomicLong();
    private volatile boolean complete;
    private volatile @Nullable Instant confirmed;

    // Guarded by this.
    private final Set<String> unwritten = new LinkedHashSet<>();
    private long length;
    private boolean anew = true;
    private boolean full;
    private String complaint = "";
    private Instant touched = Instant.MIN;

    /** @param files null to keep it in memory only */
    private LastCopy(@Nullable StateFiles files, Path file, boolean holds) {
        this.files = files;
        this.file = file;
        this.holds = holds;
    }

    /** Of a command, which ends soon: holds nothing. */
    static LastCopy none() {
        return new LastCopy(null, Path.of(FILE), false);
    }

    /** Without a file. */
    static LastCopy inMemory() {
        return new LastCopy(null, Path.of(FILE), true);
    }

    /** Reads what there is; what is damaged is not served by. */
    static LastCopy in(Path directory, Seal seal) {
        LastCopy copy = new LastCopy(new StateFiles(directory, true), directory.resolve(FILE), true);
        try {
            copy.load(seal);
        } catch (NoSuchFileException e) {
            log.debug("{} has yet to be made", copy.file);
        } catch (IOException | RuntimeException e) {
            copy.complete = false;
            log.warn(
                    "{} cannot be used ({}): this gateway does not serve by it, and makes a new one from the store",
                    copy.file,
                    String.valueOf(e.getMessage()));
        }
        return copy;
    }

    private void load(Seal seal) throws IOException {
        long size = Files.size(file);
        if (size > MAX_FILE) {
            throw new IOException(size + " bytes are more than any has");
        }
        boolean whole = true;
        Instant written = Files.getLastModifiedTime(file).toInstant();
        try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
            if (!HEAD.equals(in.readLine())) {
                throw new IOException("it does not begin with " + HEAD);
            }
            int number = 1;
            String line = in.readLine();
            while (line != null) {
                String next = in.readLine();
                number++;
                if (!take(line, seal)) {
                    if (next != null) { // else a crash has cut it
                        throw new IOException("line " + number + " was not written by who has this cluster key, or is"
                                + " damaged; what stands before it is kept");
                    }
                    whole = false;
                }
                line = next;
            }
        }
        length = size;
        anew = !whole || !endsALine();
        confirmed = written;
        complete = values.containsKey(ClusterStore.MARK);
    }

    private boolean endsALine() throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer last = ByteBuffer.allocate(1);
            return channel.read(last, channel.size() - 1) == 1 && last.get(0) == '\n';
        }
    }

    private boolean take(String line, Seal seal) {
        int space = line.indexOf(' ');
        if (space < 1) {
            return false;
        }
        String key = line.substring(0, space);
        byte[] closed;
        try {
            closed = Base64.getDecoder().decode(line.substring(space + 1));
        } catch (IllegalArgumentException e) {
            return false;
        }
        if (seal.open(key, closed) == null) {
            return false;
        }
        put(key, closed);
        return true;
    }

    /** What it holds of a name; null for nothing. Not to be changed. */
    byte @Nullable [] get(String key) {
        return values.get(key);
    }

    /** The names that begin so. */
    List<String> keys(String prefix) {
        return values.keySet().stream().filter(key -> key.startsWith(prefix)).toList();
    }

    /** Whether all that the store held at some time is in it: what is not, was not there then. */
    boolean isComplete() {
        return complete;
    }

    /** When it was last as the store is; null if it never was. */
    @Nullable
    Instant confirmed() {
        return confirmed;
    }

    /** Puts a value in that was opened, unless the one that is there goes before it; {@link #flush} writes it. */
    synchronized void keep(String key, byte[] closed) {
        byte[] held = values.get(key);
        if (!holds || held != null && !Merge.beats(key, closed, held)) {
            return;
        }
        int more = closed.length + (held == null ? key.length() : -held.length);
        // Of enrolments there may be any number; documents, of which a revocation is one, have room all the same.
        if (bytes.get() + more > (ClusterStore.isBinding(key) ? MAX_BYTES / 2 : MAX_BYTES)) {
            if (!full) {
                full = true;
                log.error(
                        "{} holds no more than {} bytes: {} and others are not in it, and are lost where the store"
                                + " loses them",
                        file,
                        MAX_BYTES,
                        key);
            }
            return;
        }
        put(key, closed);
        unwritten.add(key);
    }

    private void put(String key, byte[] closed) {
        byte[] before = values.put(key, closed);
        bytes.addAndGet(closed.length + (before == null ? key.length() : -before.length));
    }

    /** Takes out what has expired. */
    synchronized void forget(String key) {
        byte[] before = values.remove(key);
        if (before != null) {
            bytes.addAndGet(-key.length() - before.length);
            unwritten.remove(key);
        }
    }

    /**
     * It is as the store is, all of it.
     *
     * @param mark what says whose store it is
     */
    synchronized void confirm(Instant now, byte[] mark) {
        if (!complete) {
            keep(ClusterStore.MARK, mark);
            flush();
            complete = true;
        }
        confirmed = now;
        if (files != null && Duration.between(touched, now).compareTo(TOUCH) >= 0) {
            touched = now;
            try {
                Files.setLastModifiedTime(file, FileTime.from(now));
            } catch (IOException e) {
                log.debug("{}: {}", file, e.getMessage());
            }
        }
    }

    /** Has what was kept outlive a crash. Where that fails it is said once, and tried again with the next. */
    synchronized void flush() {
        StateFiles all = files;
        if (all == null || unwritten.isEmpty() && !anew) {
            unwritten.clear();
            return;
        }
        try {
            if (anew || length > 2 * (bytes.get() * 4 / 3) + SLACK || !Files.exists(file)) {
                StringBuilder text = new StringBuilder(HEAD).append('\n');
                byte[] mark = values.get(ClusterStore.MARK);
                values.forEach((key, closed) -> {
                    if (!key.equals(ClusterStore.MARK)) {
                        line(text, key, closed);
                    }
                });
                if (mark != null) {
                    line(text, ClusterStore.MARK, mark); // last: what is cut before it is not whole
                }
                all.write(FILE, text.toString(), true, true);
                length = text.length();
                anew = false;
            } else {
                append(all);
            }
            unwritten.clear();
            complaint = "";
        } catch (IOException e) {
            anew = true; // part of a line may be there
            String said = e instanceof StateException ? String.valueOf(e.getMessage()) : file + ": " + e.getMessage();
            if (!said.equals(complaint)) {
                complaint = said;
                log.error("the copy of the store is in memory only: {}", said);
            }
        }
    }

    private void append(StateFiles all) throws IOException {
        StringBuilder text = new StringBuilder();
        for (String key : unwritten) {
            byte[] closed = values.get(key);
            if (closed != null) {
                line(text, key, closed);
            }
        }
        ByteBuffer out = ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.ISO_8859_1));
        try (FileChannel channel = all.open(FILE, Set.of(StandardOpenOption.WRITE))) {
            long at = channel.size();
            if (at != length) {
                throw new IOException("somebody else has written " + file);
            }
            while (out.hasRemaining()) {
                at += channel.write(out, at);
            }
            channel.force(true);
            length = at;
        }
    }

    private static void line(StringBuilder text, String key, byte[] closed) {
        text.append(key)
                .append(' ')
                .append(Base64.getEncoder().encodeToString(closed))
                .append('\n');
    }
}
