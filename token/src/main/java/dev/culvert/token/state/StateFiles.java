package dev.culvert.token.state;

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
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of a state directory: text of bounded size, written whole or not at all, guarded by permissions and a lock.
 */
public final class StateFiles {
    private static final Logger log = LoggerFactory.getLogger(StateFiles.class);

    /** No file of ours comes near; bounds what a mix-up (a log, a disk image) costs. */
    private static final int MAX_SIZE = 256 * 1024;

    private static final Set<PosixFilePermission> PRIVATE_FILE = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> PUBLIC_FILE = PosixFilePermissions.fromString("rw-r--r--");
    private static final Set<PosixFilePermission> PRIVATE_DIRECTORY = PosixFilePermissions.fromString("rwx------");

    /** A file lock belongs to the process; threads of one process need this beside it. */
    private static final ReentrantLock PROCESS_LOCK = new ReentrantLock();

    private final Path directory;
    private final boolean posix;
    private final boolean adopts;

    public StateFiles(Path directory) {
        this(directory, true);
    }

    /** @param adopts whether new files are given to the directory's owner, see {@link #adopt} */
    public StateFiles(Path directory, boolean adopts) {
        this.directory = directory;
        this.adopts = adopts;
        this.posix = directory.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    public Path path(String name) {
        return directory.resolve(name);
    }

    public boolean exists(String name) {
        return Files.exists(path(name));
    }

    public void createDirectory() throws StateException {
        try {
            if (!Files.isDirectory(directory)) {
                Path parent = directory.toAbsolutePath().getParent();
                if (parent != null) {
                    Files.createDirectories(parent);
                }
                try {
                    Files.createDirectory(directory, attributes(PRIVATE_DIRECTORY));
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

    private FileAttribute<?>[] attributes(Set<PosixFilePermission> permissions) {
        return posix
                ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(permissions)}
                : new FileAttribute<?>[0];
    }

    /** What somebody should change, one line each; an error for what no one should run with. */
    List<String> checkPermissions(List<String> privateFiles) throws StateException {
        List<String> warnings = new ArrayList<>();
        if (!posix) {
            return warnings;
        }
        try {
            Set<PosixFilePermission> mode = Files.getPosixFilePermissions(directory);
            if (mode.contains(PosixFilePermission.OTHERS_WRITE) || mode.contains(PosixFilePermission.GROUP_WRITE)) {
                throw new StateException("state directory " + directory + " can be changed by "
                        + (mode.contains(PosixFilePermission.OTHERS_WRITE) ? "every user" : "its group")
                        + ", who could put in own keys: chmod 700 " + directory);
            }
            requireOwner();
            if (!PRIVATE_DIRECTORY.containsAll(mode)) {
                warnings.add("state directory " + directory + " is open to other users ("
                        + PosixFilePermissions.toString(mode) + "): chmod 700 " + directory);
            }
            for (String name : privateFiles) {
                if (!exists(name)) {
                    continue;
                }
                Path file = path(name);
                Set<PosixFilePermission> fileMode = Files.getPosixFilePermissions(file, links());
                if (fileMode.contains(PosixFilePermission.GROUP_WRITE)) {
                    throw new StateException("private key " + file + " can be changed by its group ("
                            + PosixFilePermissions.toString(fileMode) + "): chmod 600 " + file);
                }
                if (fileMode.contains(PosixFilePermission.OTHERS_READ)
                        || fileMode.contains(PosixFilePermission.OTHERS_WRITE)) {
                    throw new StateException("private key " + file + " is open to every user ("
                            + PosixFilePermissions.toString(fileMode) + "): chmod 600 " + file
                            + ", and if others use this machine, delete it and run token init again");
                }
                if (!PRIVATE_FILE.containsAll(fileMode)) {
                    warnings.add("private key " + file + " is open to its group ("
                            + PosixFilePermissions.toString(fileMode) + "): chmod 600 " + file);
                }
            }
            return warnings;
        } catch (StateException e) {
            throw e;
        } catch (IOException e) {
            throw new StateException("state directory " + directory + " cannot be examined: " + reason(e), e);
        }
    }

    /** A directory of another user's is used by root only; and then none of that one's links is followed. */
    private void requireOwner() throws IOException, StateException {
        Integer me = uid(Path.of("/proc/self"));
        Integer owner = uid(directory);
        if (me != null && owner != null && me != 0 && owner != 0 && !me.equals(owner)) {
            throw new StateException("state directory " + directory + " belongs to another user ("
                    + Files.getOwner(directory).getName() + "): run as that one, or choose another with --state DIR");
        }
    }

    /**
     * Throws if another user may have written a file, wherever the directory is: it must be this user's, root's, or, when root
     * works in the directory of a service, that one's; and not every user may change it.
     */
    public void requireOurs(String name) throws StateException {
        if (!posix) {
            return;
        }
        Path file = path(name);
        try {
            Integer me = uid(Path.of("/proc/self"));
            Integer owner = uid(file);
            boolean ours = me == null
                    || owner == null
                    || owner == 0
                    || owner.equals(me)
                    || me == 0 && owner.equals(uid(directory));
            if (!ours) {
                throw new StateException("private key " + file + " belongs to another user ("
                        + Files.getOwner(file).getName() + "), who knows it: move it away, and ask for a new token");
            }
            if (Files.getPosixFilePermissions(file).contains(PosixFilePermission.OTHERS_WRITE)) {
                throw new StateException(
                        "private key " + file + " can be changed by every user: move it away, and ask for a new token");
            }
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }

    /** How files of the directory are opened: links are followed only where nobody else can have made them. */
    private LinkOption[] links() {
        try {
            Integer me = uid(Path.of("/proc/self"));
            Integer owner = uid(directory);
            return me == null || owner == null || owner == 0 || me.equals(owner)
                    ? new LinkOption[0]
                    : new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
        } catch (IOException e) {
            return new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
        }
    }

    /** Who owns it; null where the system has no such numbers. */
    public static @Nullable Integer uid(Path file) throws IOException {
        return file.getFileSystem().supportedFileAttributeViews().contains("unix") && Files.exists(file)
                ? (Integer) Files.getAttribute(file, "unix:uid")
                : null;
    }

    /**
     * Holds a file for one process at a time, until it is closed or the process ends.
     *
     * @param taken what to say when another process holds it
     */
    Closeable claim(String name, String taken) throws StateException {
        Path file = path(name);
        FileChannel channel = null;
        try {
            channel = FileChannel.open(
                    file,
                    Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                    attributes(PRIVATE_FILE));
            if (channel.tryLock() != null) {
                adopt(file, Files.getOwner(directory));
                return channel;
            }
            channel.close();
        } catch (OverlappingFileLockException e) {
            close(channel);
        } catch (IOException e) {
            close(channel);
            throw unwritable(name, e);
        }
        throw new StateException(taken);
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

    String read(String name) throws StateException {
        return read(name, MAX_SIZE);
    }

    String read(String name, int maxSize) throws StateException {
        Path file = path(name);
        try (var in = Files.newInputStream(file, links())) {
            byte[] bytes = in.readNBytes(maxSize + 1);
            if (bytes.length > maxSize) {
                throw new StateException(
                        file + " is larger than " + maxSize + " bytes and cannot be what its name says:"
                                + " restore it from a backup, or move it away and run token init");
            }
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (StateException e) {
            throw e;
        } catch (NoSuchFileException e) {
            throw new StateException(file + " is missing: run token init --state " + directory, e);
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
    public void write(String name, String text, boolean secret) throws StateException {
        write(name, text, secret, true);
    }

    /** @param replace whether a file that is there is replaced; else that is an error */
    public void write(String name, String text, boolean secret, boolean replace) throws StateException {
        Path file = path(name);
        try {
            Path temporary = Files.createTempFile(
                    directory, "." + name + ".", ".tmp", attributes(secret ? PRIVATE_FILE : PUBLIC_FILE));
            try {
                try (FileChannel out = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
                    while (bytes.hasRemaining()) {
                        out.write(bytes);
                    }
                    out.force(true);
                }
                adopt(temporary, Files.getOwner(directory));
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
            if (posix) {
                try (FileChannel parent = FileChannel.open(directory, StandardOpenOption.READ)) {
                    parent.force(true);
                }
            }
        } catch (IOException e) {
            throw unwritable(name, e);
        }
    }

    /** Opens a private file that is changed in place, under {@link #locked}. */
    FileChannel open(String name, Set<StandardOpenOption> options) throws IOException {
        Set<OpenOption> all = new HashSet<>(options);
        all.add(LinkOption.NOFOLLOW_LINKS);
        return FileChannel.open(path(name), all, attributes(PRIVATE_FILE));
    }

    public StateException unwritable(String name, IOException cause) {
        return new StateException(
                path(name) + " cannot be written (" + FileError.reason(cause) + "): "
                        + FileError.cure(cause, "run as the owner of " + directory + ", or choose another directory"),
                cause);
    }

    /**
     * Gives a new file to the directory's owner, when root works in the directory of a service: that one must be able to
     * read it.
     */
    private void adopt(Path file, UserPrincipal owner) throws IOException {
        if (posix && adopts) {
            if (!owner.equals(Files.getOwner(file, LinkOption.NOFOLLOW_LINKS))) {
                try {
                    // Of the file itself: who owns the directory may have put a link to another in its place meanwhile.
                    Files.getFileAttributeView(file, FileOwnerAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                            .setOwner(owner);
                } catch (FileSystemException e) {
                    log.debug("{} keeps its owner: {}", file, e.getMessage()); // only root may give files away
                }
            }
        }
    }

    static String reason(Exception e) {
        return FileError.reason(e);
    }

    /** Something that is done while no other thread or process changes the directory. */
    public interface Change<T> {
        T run() throws StateException;
    }

    public <T> T locked(Change<T> change) throws StateException {
        Path file = path(".lock");
        PROCESS_LOCK.lock();
        try (FileChannel channel = FileChannel.open(
                        file,
                        Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                        attributes(PRIVATE_FILE));
                FileLock lock = channel.lock()) {
            adopt(file, Files.getOwner(directory));
            if (!lock.isValid()) {
                throw new StateException(file + " cannot be locked: try again");
            }
            return change.run();
        } catch (StateException e) {
            throw e;
        } catch (ClosedByInterruptException | FileLockInterruptionException e) {
            throw new StateException(file + " is not waited for: the program was told to end", e);
        } catch (IOException e) {
            throw new StateException(
                    file + " cannot be locked (" + FileError.reason(e) + "): "
                            + FileError.cure(e, "run as the owner of " + directory),
                    e);
        } finally {
            PROCESS_LOCK.unlock();
        }
    }

    StateException corrupt(String name, String what, Exception cause) {
        return new StateException(
                path(name) + " " + what + ": restore it from a backup, or move it away and run token init --state "
                        + directory + " for a new one",
                cause);
    }
}
