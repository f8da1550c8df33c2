package dev.culvert.tun.undo;

import dev.culvert.text.FileError;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What must be undone for the host's network to be as it was, on disk before anything is changed, so that
 * a process killed at any point leaves enough behind for the next to repair.
 *
 * <p>The file is a log of JSON lines ({@link UndoRecords}): an owner, steps with numbers, numbers undone.
 * A last line torn by a crash describes a change that was not yet made, and is cut off. Steps from before
 * a reboot are dropped where what they would undo lived in the kernel.
 *
 * <p>Blocks on disk; one thread at a time (methods synchronise).
 */
public final class UndoJournal implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(UndoJournal.class);

    /** A journal of this size is not ours: a thousand routes make 100 kB. */
    static final long MAX_BYTES = 64L << 20;

    /**
     * A process counts as ended when its first thread has, and its files are closed when its last one has: a moment later, or some
     * where the machine is busy.
     */
    private static final Duration LETS_GO = Duration.ofSeconds(5);

    /** What is locked: one byte behind all. Where locks keep others from reading, the journal can still be looked at. */
    private static final long LOCKED = Long.MAX_VALUE - 1;

    /** Of what was taken back long ago: networks that come and go would fill the disk, and at {@link #MAX_BYTES} nobody could repair. */
    public static final long REWRITE_BYTES = 1L << 20;

    /** Carries steps out; a step whose object is gone already has succeeded. */
    public interface Undoer {
        /** Tries all, in the given order, and returns those that failed. */
        List<UndoFailure> undo(List<UndoStep> steps);
    }

    private final Path file;
    private final OwnFiles files;
    private FileChannel channel;
    private final Undoer undoer;
    private final Map<Long, UndoStep> pending = new LinkedHashMap<>();
    private @Nullable ProcessIdentity owner;
    private @Nullable FileLock lock;
    private long lastId;

    private UndoJournal(Path file, OwnFiles files, FileChannel channel, Undoer undoer) {
        this.file = file;
        this.files = files;
        this.channel = channel;
        this.undoer = undoer;
    }

    /**
     * Opens or makes the journal and its directory, for nobody else to read or write, and reads what is pending. Changes nothing
     * else: call {@link #replay()} before the first change.
     *
     * @param undoer carries the steps out when it comes to that
     * @throws IOException if the file cannot be read or made, or somebody else could have written it
     */
    public static UndoJournal open(Path file, Undoer undoer) throws IOException {
        return open(file, OwnFiles.of(file.getFileSystem()), undoer);
    }

    static UndoJournal open(Path file, OwnFiles files, Undoer undoer) throws IOException {
        Path path = file.toAbsolutePath();
        Path directory = path.getParent();
        if (directory == null) {
            throw new IOException("use undo journal " + file + ": that is no file");
        }
        if (!Files.isDirectory(directory)) {
            Path above = directory.getParent();
            if (above != null) {
                Files.createDirectories(above);
            }
            files.makeDirectory(directory);
        }
        files.requireDirectory(directory);
        files.requireFile(path);
        FileChannel channel = openFile(path, files, StandardOpenOption.CREATE);
        UndoJournal journal = new UndoJournal(path, files, channel, undoer);
        boolean done = false;
        try {
            files.keepPrivate(path);
            files.force(directory);
            journal.load();
            done = true;
            return journal;
        } finally {
            if (!done) {
                channel.close();
            }
        }
    }

    private static FileChannel openFile(Path path, OwnFiles files, StandardOpenOption creation) throws IOException {
        return FileChannel.open(
                path,
                Set.of(creation, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                files.attributes());
    }

    private void load() throws IOException {
        long size = channel.size();
        if (size > MAX_BYTES) {
            throw new IOException("read undo journal " + file + ": " + size + " bytes exceed " + MAX_BYTES
                    + "; it is not a journal, move it away");
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) size);
        while (bytes.hasRemaining() && channel.read(bytes, bytes.position()) >= 0) {}
        bytes.flip();
        int lineStart = 0;
        int line = 0;
        int unreadable = 0;
        int firstUnreadable = 0;
        for (int i = 0; i <= bytes.limit(); i++) {
            boolean end = i == bytes.limit();
            if (!end && bytes.get(i) != '\n') {
                continue;
            }
            if (i > lineStart) {
                line++;
                String text = new String(bytes.array(), lineStart, i - lineStart, StandardCharsets.UTF_8);
                if (!UndoRecords.read(text, this)) {
                    if (end) {
                        log.warn("undo journal {}: line {} is torn by a crash, left out", file, line);
                    } else if (unreadable++ == 0) {
                        firstUnreadable = line;
                    }
                }
            }
            lineStart = i + 1;
        }
        if (unreadable > 0) { // in one line: a file that is no journal may have millions
            log.warn(
                    "undo journal {}: {} of its lines are unreadable, left out; the first is line {}",
                    file,
                    unreadable,
                    firstUnreadable);
        }
        ProcessIdentity last = owner;
        if (last != null && !last.isFromThisBoot()) {
            dropWhatTheKernelForgot();
        }
    }

    /** For {@link UndoRecords}: a line read back. */
    void loadedOwner(ProcessIdentity identity) {
        ProcessIdentity last = owner;
        if (last != null && !last.boot().equals(identity.boot())) {
            dropWhatTheKernelForgot();
        }
        owner = identity;
    }

    private void dropWhatTheKernelForgot() {
        pending.values().removeIf(step -> !step.outlivesBoot());
    }

    /** For {@link UndoRecords}: a line read back. */
    void loadedStep(long id, UndoStep step) {
        lastId = Math.max(lastId, id);
        pending.put(id, step);
    }

    /** For {@link UndoRecords}: a line read back. */
    void loadedUndone(long id) {
        pending.remove(id);
    }

    /** Whether another process that still runs made the changes recorded here. */
    public synchronized boolean ownerAlive() {
        ProcessIdentity last = owner;
        return last != null && last.pid() != ProcessHandle.current().pid() && last.isAlive();
    }

    /** The other process that still runs and made the changes recorded here, if there is one. */
    public synchronized Optional<ProcessHandle> ownerProcess() {
        ProcessIdentity last = owner;
        return last != null && ownerAlive() ? ProcessHandle.of(last.pid()) : Optional.empty();
    }

    /** The steps not undone yet, in the order in which they were recorded. */
    public synchronized List<UndoStep> pending() {
        return List.copyOf(pending.values());
    }

    /**
     * Records steps durably; when this returns the change may be made.
     *
     * @throws IOException with one line for people, if the disk refuses, or the journal is another live process's
     */
    public synchronized void record(Collection<? extends UndoStep> steps) throws IOException {
        claim();
        StringBuilder lines = new StringBuilder();
        ProcessIdentity self = ProcessIdentity.current();
        if (!self.equals(owner)) {
            UndoRecords.writeOwner(self, lines);
        }
        Map<Long, UndoStep> added = new LinkedHashMap<>();
        long id = lastId;
        for (UndoStep step : steps) {
            id++;
            UndoRecords.writeStep(id, step, lines);
            added.put(id, step);
        }
        append(lines);
        owner = self;
        lastId = id;
        pending.putAll(added);
        rewrite();
    }

    /** Records one step; see {@link #record(Collection)}. */
    public void record(UndoStep step) throws IOException {
        record(List.of(step));
    }

    /** Strikes out steps whose change was not made, or has been taken back; those not pending are skipped. */
    public synchronized void forget(Collection<? extends UndoStep> steps) throws IOException {
        claim();
        List<UndoStep> wanted = new ArrayList<>(steps);
        List<Long> ids = new ArrayList<>();
        List<Map.Entry<Long, UndoStep>> newestFirst = new ArrayList<>(pending.entrySet());
        Collections.reverse(newestFirst);
        for (Map.Entry<Long, UndoStep> entry : newestFirst) {
            if (!wanted.isEmpty() && wanted.remove(entry.getValue())) {
                ids.add(entry.getKey());
            }
        }
        strike(ids);
    }

    /**
     * Undoes everything pending, newest first. One failure does not stop the rest.
     *
     * @return what failed, still pending; empty when the host is as it was
     * @throws IOException if the journal is another live process's, or the disk refuses
     */
    public List<UndoFailure> replay() throws IOException {
        return replay(step -> true);
    }

    /** As {@link #replay()}, of these steps only; the others stay pending. */
    public synchronized List<UndoFailure> replay(Predicate<UndoStep> which) throws IOException {
        claim();
        List<Map.Entry<Long, UndoStep>> entries = new ArrayList<>(pending.entrySet());
        entries.removeIf(entry -> !which.test(entry.getValue()));
        Collections.reverse(entries);
        List<UndoStep> steps = new ArrayList<>();
        for (Map.Entry<Long, UndoStep> entry : entries) {
            steps.add(entry.getValue());
        }
        List<UndoFailure> failures = steps.isEmpty() ? List.of() : undoer.undo(steps);
        List<UndoStep> failed = new ArrayList<>();
        for (UndoFailure failure : failures) {
            failed.add(failure.step());
        }
        List<Long> undone = new ArrayList<>();
        for (Map.Entry<Long, UndoStep> entry : entries) {
            if (!failed.remove(entry.getValue())) {
                undone.add(entry.getKey());
            }
        }
        strike(undone);
        return List.copyOf(failures);
    }

    private void strike(List<Long> ids) throws IOException {
        if (pending.size() == ids.size()) {
            // Also when there was nothing: takes away a torn line.
            try {
                channel.truncate(0);
                channel.force(true);
            } catch (IOException e) {
                throw refused(e);
            }
            owner = null;
        } else if (!ids.isEmpty()) {
            StringBuilder lines = new StringBuilder();
            for (long id : ids) {
                UndoRecords.writeUndone(id, lines);
            }
            append(lines);
        }
        for (long id : ids) {
            pending.remove(id);
        }
    }

    private void append(StringBuilder lines) throws IOException {
        if (lines.isEmpty()) {
            return;
        }
        try {
            long end = channel.size();
            if (end > 0) {
                ByteBuffer last = ByteBuffer.allocate(1);
                channel.read(last, end - 1);
                if (last.get(0) != '\n') {
                    // What a crash tore off stays a line of its own, which the next reader leaves out.
                    lines.insert(0, '\n');
                }
            }
            ByteBuffer bytes = ByteBuffer.wrap(lines.toString().getBytes(StandardCharsets.UTF_8));
            write(channel, bytes, end);
        } catch (IOException e) {
            throw refused(e);
        }
    }

    private IOException refused(IOException e) {
        return new IOException(
                "write undo journal " + file + ": " + FileError.reason(e) + "; "
                        + FileError.cure(e, "run as the owner of its directory"),
                e);
    }

    private static void write(FileChannel channel, ByteBuffer bytes, long end) throws IOException {
        long at = end;
        while (bytes.hasRemaining()) {
            at += channel.write(bytes, at);
        }
        channel.force(true);
    }

    /** Leaves out what is undone. The old file stays until the new one is whole. */
    private void rewrite() throws IOException {
        ProcessIdentity self = owner;
        if (channel.size() < REWRITE_BYTES || self == null) {
            return;
        }
        StringBuilder lines = new StringBuilder();
        UndoRecords.writeOwner(self, lines);
        pending.forEach((id, step) -> UndoRecords.writeStep(id, step, lines));
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        FileChannel next = openFile(fresh, files, StandardOpenOption.CREATE_NEW);
        boolean done = false;
        try {
            write(next, ByteBuffer.wrap(lines.toString().getBytes(StandardCharsets.UTF_8)), 0);
            if (files.replacesOpenFiles()) {
                FileLock nextLock = lock(next);
                Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
                files.force(file.resolveSibling("."));
                channel.close();
                channel = next;
                lock = nextLock;
            } else {
                next.close();
                replaceClosed(fresh);
            }
            done = true;
        } finally {
            if (!done) {
                next.close();
            }
        }
    }

    /** Lets go for a moment: who takes the lock then finds this process in the file as its owner. */
    private void replaceClosed(Path fresh) throws IOException {
        channel.close();
        try {
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            channel = openFile(file, files, StandardOpenOption.CREATE);
            lock = lock(channel);
        }
    }

    private static FileLock lock(FileChannel channel) throws IOException {
        return channel.lock(LOCKED, 1, false);
    }

    private void claim() throws IOException {
        if (ownerAlive()) {
            ProcessIdentity last = owner;
            throw new IOException("use undo journal " + file + ": process " + (last == null ? "?" : last.pid())
                    + " that wrote it still runs; stop that one first");
        }
        if (lock != null) {
            return;
        }
        long until = System.nanoTime() + LETS_GO.toNanos();
        try {
            lock = channel.tryLock(LOCKED, 1, false);
            while (lock == null && until - System.nanoTime() > 0) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
                lock = channel.tryLock(LOCKED, 1, false);
            }
        } catch (OverlappingFileLockException e) {
            lock = null; // somebody else in this process: that one does not go by itself
        }
        if (lock == null) {
            throw new IOException("use undo journal " + file + ": it is in use; stop the other user first");
        }
    }

    /** Lets go of the file; what is pending stays for the next to replay. */
    @Override
    public synchronized void close() throws IOException {
        channel.close();
    }
}
