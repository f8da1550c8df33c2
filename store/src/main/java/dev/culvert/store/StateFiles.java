package dev.culvert.store;

import dev.culvert.text.FileError;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files of a directory: text of bounded size, written whole or not at all, guarded by permissions and a lock. */
public final class StateFiles {
    private static final Logger log = LoggerFactory.getLogger(StateFiles.class);

    /** A file lock belongs to the process; threads of one process need this beside it. */
    private static final ReentrantLock PROCESS_LOCK = new ReentrantLock();

    /** The directories that the thread which has it has locked. */
    private static final Set<Path> HELD = new HashSet<>();

    private final Path directory;
    private final FileRights rights;

    /** @param adopts whether new files are given to the directory's owner, see {@link FileRights#adopt} */
    public StateFiles(Path directory, boolean adopts) {
        this.directory = directory;
        this.rights = new FileRights(directory, adopts);
    }

    FileRights rights() {
        return rights;
    }

    Path path(String name) {
        return directory.resolve(name);
    }

    boolean exists(String name) {
        return Files.exists(path(name));
    }

    /** Those of its files whose names are a document's. */
    List<String> names() throws StateException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
                    .map(file -> String.valueOf(file.getFileName()))
                    .filter(Document::isName)
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            throw new StateException(
                    "state directory " + directory + " cannot be read (" + reason(e) + "): run as its owner", e);
        }
    }

    void createDirectory() throws StateException {
        try {
            if (!Files.isDirectory(directory)) {
                Path parent = directory.toAbsolutePath().getParent();
                if (parent != null) {
                    Files.createDirectories(parent);
                }
                try {
                    Files.createDirectory(directory, rights.attributes(FileRights.PRIVATE_DIRECTORY));
                } catch (FileAlreadyExistsException e) {
                    if (!Files.isDirectory(directory)) {
                        throw e;
                    }
                }
            }
        } catch (IOException | UncheckedIOException e) {
            throw new StateException(
                    "state directory " + directory + " cannot be created (" + reason(e)
                            + "): choose another with --state DIR or CULVERT_STATE",
                    e);
        }
    }

    /**
     * Holds a file for one process at a time, until it is closed or the process ends.
     *
     * @return null when somebody holds it
     */
    @Nullable
    Closeable claim(String name) throws StateException {
        Path file = path(name);
        FileChannel channel = null;
        try {
            channel = FileChannel.open(
                    file,
                    Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                    rights.attributes(FileRights.PRIVATE_FILE));
            if (channel.tryLock() != null) {
                rights.adopt(file);
                return channel;
            }
            channel.close();
        } catch (OverlappingFileLockException e) {
            close(channel);
        } catch (IOException e) {
            close(channel);
            throw unwritable(name, e);
        }
        return null;
    }

    private static void close(@Nullable FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            log.debug("closing a lock: {}", e.getMessage());
        }
    }

    String read(String name, int maxSize) throws StateException {
        String text = readIfThere(name, maxSize);
        if (text == null) {
            throw new StateException(path(name) + " is missing: run token init --state " + directory);
        }
        return text;
    }

    @Nullable
    String readIfThere(String name, int maxSize) throws StateException {
        Path file = path(name);
        try (var in = Files.newInputStream(file, rights.links())) {
            byte[] bytes = in.readNBytes(maxSize + 1);
            if (bytes.length > maxSize) {
                throw new StateException(
                        file + " is larger than " + maxSize + " bytes and cannot be what its name says:"
                                + " restore it from a backup, or move it away and run token init");
            }
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            return null;
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }

    /** See {@link FileRights#requireOurs}. */
    void requireOurs(String name) throws StateException {
        try {
            rights.requireOurs(path(name));
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }

    /** The error for what could not be read; one that has its line already is passed on. */
    StateException unreadable(String name, IOException e) {
        return e instanceof StateException known
                ? known
                : new StateException(
                        path(name) + " cannot be read (" + FileError.reason(e) + "): "
                                + FileError.cure(e, "run as its owner"),
                        e);
    }

    /** Writes the file whole or not at all, also through a crash: temporary file, sync, rename, sync of the directory. */
    void write(String name, String text, boolean secret) throws StateException {
        write(name, text, secret, true);
    }

    /** @param replace whether a file that is there is replaced; else that is an error */
    public void write(String name, String text, boolean secret, boolean replace) throws StateException {
        Path file = path(name);
        try {
            Path temporary = Files.createTempFile(
                    directory,
                    "." + name + ".",
                    ".tmp",
                    rights.attributes(secret ? FileRights.PRIVATE_FILE : FileRights.PUBLIC_FILE));
            try {
                try (FileChannel out = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
                    while (bytes.hasRemaining()) {
                        out.write(bytes);
                    }
                    out.force(true);
                }
                rights.adopt(temporary);
                if (replace) {
                    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                } else {
                    try {
                        Files.createLink(file, temporary); // fails if there is one, which a rename does not
                    } catch (FileAlreadyExistsException e) {
                        throw e;
                    } catch (IOException | UnsupportedOperationException e) { // a file system without links
                        Files.move(temporary, file);
                    }
                }
            } finally {
                Files.deleteIfExists(temporary);
            }
            if (rights.arePosix()) {
                try (FileChannel parent = FileChannel.open(directory, StandardOpenOption.READ)) {
                    parent.force(true);
                }
            }
        } catch (IOException e) {
            throw unwritable(name, e);
        }
    }

    void delete(String name) throws StateException {
        try {
            Files.deleteIfExists(path(name));
        } catch (IOException e) {
            throw new StateException(
                    path(name) + " cannot be deleted (" + FileError.reason(e) + "): "
                            + FileError.cure(e, "run as the owner of " + directory),
                    e);
        }
    }

    /** Opens a private file that is changed in place, under {@link #locked}. */
    public FileChannel open(String name, Set<StandardOpenOption> options) throws IOException {
        Set<OpenOption> all = new HashSet<>(options);
        all.add(LinkOption.NOFOLLOW_LINKS);
        return FileChannel.open(path(name), all, rights.attributes(FileRights.PRIVATE_FILE));
    }

    public StateException unwritable(String name, IOException cause) {
        return new StateException(
                path(name) + " cannot be written (" + FileError.reason(cause) + "): "
                        + FileError.cure(cause, "run as the owner of " + directory + ", or choose another directory"),
                cause);
    }

    static String reason(Exception e) {
        return FileError.reason(e);
    }

    /** Does something while no other thread or process changes the directory. May be called within itself. */
    <T> T locked(Store.Action<T> action) throws StateException {
        PROCESS_LOCK.lock();
        try {
            Path key = directory.toAbsolutePath().normalize();
            if (!HELD.add(key)) {
                return action.run(); // this thread's, for nobody else has the other lock
            }
            try {
                return lockedForOthers(action);
            } finally {
                HELD.remove(key);
            }
        } finally {
            PROCESS_LOCK.unlock();
        }
    }

    private <T> T lockedForOthers(Store.Action<T> action) throws StateException {
        Path file = path(".lock");
        try (FileChannel channel = FileChannel.open(
                        file,
                        Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                        rights.attributes(FileRights.PRIVATE_FILE));
                FileLock lock = channel.lock()) {
            rights.adopt(file);
            if (!lock.isValid()) {
                throw new StateException(file + " cannot be locked: try again");
            }
            return action.run();
        } catch (StateException e) {
            throw e;
        } catch (ClosedByInterruptException | FileLockInterruptionException e) {
            throw new StateException(file + " is not waited for: the program was told to end", e);
        } catch (IOException e) {
            throw new StateException(
                    file + " cannot be locked (" + FileError.reason(e) + "): "
                            + FileError.cure(e, "run as the owner of " + directory),
                    e);
        }
    }

    StateException corrupt(String name, String what, Throwable cause) {
        return new StateException(
                path(name) + " " + what + ": restore it from a backup, or move it away and run token init --state "
                        + directory + " for a new one",
                cause);
    }
}
