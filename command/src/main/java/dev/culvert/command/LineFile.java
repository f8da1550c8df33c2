package dev.culvert.command;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A file of lines, readable by its owner only, that is put aside when it has grown: {@code audit.jsonl} becomes
 * {@code audit.jsonl.1}, that one {@code .2}, and so on; the oldest is deleted.
 *
 * <p>Several processes may write it, and somebody else may move, empty or delete it at any time, as logrotate does: lines
 * are appended (O_APPEND) under a lock, and before each write it is looked whether the path still leads to the file that is
 * open. Blocks; from any thread.
 */
public final class LineFile implements Closeable {
    /** One file: about 200,000 flows. Small enough to open in an editor. */
    private static final long MAX_SIZE = 64L << 20;

    /** Files put aside: with the current one half a gigabyte, which the smallest server has. */
    private static final int KEPT = 7;

    /** Longer than any line; how far back the end of a line that a crash has cut is looked for. */
    private static final int MAX_LINE = 64 << 10;

    /** Somebody moves the file each time that it was opened: more often in a row is not chance. */
    private static final int TRIES = 10;

    /** A file lock belongs to the process; threads of one process need this beside it. */
    private static final ReentrantLock PROCESS_LOCK = new ReentrantLock();

    private final Path file;
    private final long maxSize;
    private final int kept;
    private @Nullable Opened opened;

    /**
     * @param key what tells the file from others, an inode; null where there is none
     * @param in to look at its end; beside the other, since closing any channel of a file gives up the process's lock on it
     */
    private record Opened(@Nullable Object key, FileChannel in, FileChannel out) implements Closeable {
        @Override
        public void close() throws IOException {
            try (in) {
                out.close();
            }
        }
    }

    /** Opens the file, or makes it. */
    public LineFile(Path file) throws IOException {
        this(file, MAX_SIZE, KEPT);
    }

    /**
     * Opens the file, or makes it.
     *
     * @param maxSize of one file, in bytes
     * @param kept how many are kept that were put aside
     */
    public LineFile(Path file, long maxSize, int kept) throws IOException {
        this.file = file;
        this.maxSize = maxSize;
        this.kept = kept;
        write(ByteBuffer.allocate(0));
    }

    /**
     * Writes some whole lines, all or none.
     *
     * @throws IOException saying why not; another try may succeed
     */
    public void write(ByteBuffer lines) throws IOException {
        PROCESS_LOCK.lock();
        try {
            for (int i = 0; i < TRIES; i++) {
                Opened now = current();
                try (FileLock lock = now.out.lock()) {
                    if (!Objects.equals(now.key, keyOf(file)) || !lock.isValid()) {
                        continue; // moved, or put aside by another process, until we had the lock
                    }
                    mendEnd(now);
                    long size = now.out.size();
                    if (size == 0 || size + lines.remaining() <= maxSize) {
                        append(now.out, lines, size);
                        return;
                    }
                    now.out.force(true);
                    putAside();
                }
            }
            throw new IOException("it is moved or put aside all the time");
        } finally {
            PROCESS_LOCK.unlock();
        }
    }

    private static void append(FileChannel out, ByteBuffer lines, long size) throws IOException {
        try {
            while (lines.hasRemaining()) {
                out.write(lines);
            }
        } catch (IOException e) {
            if (out.size() > size) {
                out.truncate(size); // no half lines
            }
            throw e;
        }
    }

    /** What the path leads to now, open. */
    private Opened current() throws IOException {
        Opened before = opened;
        if (before != null) {
            if (before.out.isOpen() && before.in.isOpen() && Objects.equals(before.key, keyOf(file))) {
                return before;
            }
            opened = null;
            before.close();
        }
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            // To open a pipe would block, and who may write in the directory could lead root anywhere by a link.
            throw new FileSystemException(file.toString(), null, "it is no regular file");
        }
        FileChannel out = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.APPEND, LinkOption.NOFOLLOW_LINKS),
                onlyOwner());
        try {
            if (out.size() == 0) {
                adopt();
            }
            Opened now = new Opened(
                    keyOf(file), FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS), out);
            opened = now;
            return now;
        } catch (IOException e) {
            out.close();
            throw e;
        }
    }

    private static @Nullable Object keyOf(Path file) throws IOException {
        try {
            return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                    .fileKey();
        } catch (NoSuchFileException e) {
            return "gone"; // equal to no file's
        }
    }

    private FileAttribute<?>[] onlyOwner() {
        return isPosix()
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
                }
                : new FileAttribute<?>[0];
    }

    private boolean isPosix() {
        return file.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    /** Gives a new file to the directory's owner, when root works in the directory of a service. */
    private void adopt() throws IOException {
        Path directory = file.toAbsolutePath().getParent();
        if (isPosix() && directory != null) {
            UserPrincipal owner = Files.getOwner(directory);
            if (!owner.equals(Files.getOwner(file, LinkOption.NOFOLLOW_LINKS))) {
                try {
                    Files.getFileAttributeView(file, FileOwnerAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                            .setOwner(owner);
                } catch (FileSystemException e) {
                    // Only root may give files away; whoever else could make it here keeps it.
                }
            }
        }
    }

    /** A crash may have cut the last line; it would make one broken line of it and the next. */
    private static void mendEnd(Opened now) throws IOException {
        long end = now.out.size();
        ByteBuffer last = ByteBuffer.allocate(1);
        if (end == 0 || now.in.read(last, end - 1) < 1 || last.get(0) == '\n') {
            return;
        }
        long from = Math.max(0, end - MAX_LINE);
        ByteBuffer tail = ByteBuffer.allocate((int) (end - from));
        while (tail.hasRemaining() && now.in.read(tail, from + tail.position()) >= 0) {}
        int start = tail.position();
        while (start > 0 && tail.get(start - 1) != '\n') {
            start--;
        }
        if (tail.get(start) == '{') {
            now.out.truncate(from + start); // half a line of ours
        } else {
            now.out.write(ByteBuffer.wrap("\n".getBytes(StandardCharsets.US_ASCII))); // what is not ours stays
        }
    }

    private void putAside() throws IOException {
        for (int i = kept; i > 0; i--) {
            Path from = i == 1 ? file : aside(i - 1);
            if (Files.exists(from)) {
                Files.move(from, aside(i), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }

    private Path aside(int number) {
        return file.resolveSibling(file.getFileName() + "." + number);
    }

    @Override
    public void close() throws IOException {
        PROCESS_LOCK.lock();
        try {
            Opened last = opened;
            opened = null;
            if (last != null && last.out.isOpen()) {
                try (last) {
                    last.out.force(true);
                }
            }
        } finally {
            PROCESS_LOCK.unlock();
        }
    }
}
