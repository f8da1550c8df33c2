package dev.culvert.command.control;

import dev.culvert.text.FileError;
import java.io.Closeable;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A Unix socket at its place in the file system, for its owner (and root), and perhaps a group. One process at a time has it: a
 * file beside it is locked, so that what a killed process left is known to be nobody's.
 *
 * <p>It is made in a directory that is only its owner's and moved to its place once it has its rights: nobody connects before.
 *
 * @param <C> what listens
 */
public final class SocketFile<C extends Closeable> implements Closeable {
    /** What a path of a socket may have on Linux, with the end of the directory that it is made in (108 with a NUL; macOS 104). */
    static final int MAX_PATH = 96;

    private static final String FRESH = "s";

    /**
     * What a socket is for, in messages.
     *
     * @param name such as {@code control socket}
     * @param elsewhere what to do to have another place, such as {@code name another place with --control-socket}
     */
    public record Use(String name, String elsewhere) {
        private String of(Path path) {
            return name + " " + path + ": ";
        }
    }

    /** Listens at a path, where nothing is. */
    public interface Binder<C> {
        C bind(Path at) throws IOException;
    }

    /** Of a file's mode, what it is: S_IFMT and S_IFSOCK of POSIX. */
    private static final int TYPE_OF_FILE = 0170000;

    private static final int SOCKET = 0140000;

    private final Path path;
    private final FileChannel lock;
    private final C channel;
    private final @Nullable Object key;

    private SocketFile(Path path, FileChannel lock, C channel) throws IOException {
        this.path = path;
        this.lock = lock;
        this.channel = channel;
        this.key = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .fileKey();
    }

    /**
     * Listens there. Blocks.
     *
     * @param group whose members may connect; null for none
     * @throws IOException with one line for people
     */
    public static <C extends Closeable> SocketFile<C> open(
            Use use, Path where, @Nullable String group, Binder<C> binder) throws IOException {
        Path path = where.toAbsolutePath().normalize();
        int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > MAX_PATH) {
            throw new IOException(use.of(path) + "its path has " + length + " bytes, at most " + MAX_PATH
                    + " are possible; " + use.elsewhere);
        }
        Path directory = Objects.requireNonNull(path.getParent(), "a directory is no socket");
        if (!Files.isDirectory(directory)) {
            throw new IOException(
                    use.of(path) + "there is no directory " + directory + "; make it, or " + use.elsewhere);
        }
        try {
            FileChannel lock = lock(directory.resolve("." + path.getFileName() + ".lock"), use, path);
            try {
                removeStale(use, path);
                return bind(use, path, group, lock, binder);
            } catch (IOException | RuntimeException e) {
                lock.close();
                throw e;
            }
        } catch (Refused e) {
            throw e;
        } catch (IOException e) {
            throw new IOException(
                    use.of(path) + "cannot be made (" + FileError.reason(e) + "); "
                            + FileError.cure(e, "let whom this runs as write in " + directory) + ", or "
                            + use.elsewhere,
                    e);
        }
    }

    /** Whose text is for people already. */
    private static final class Refused extends IOException {
        private static final long serialVersionUID = 1;

        Refused(Use use, Path path, String why) {
            super(use.of(path) + why);
        }
    }

    private static FileChannel lock(Path file, Use use, Path path) throws IOException {
        Set<java.nio.file.OpenOption> options =
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        FileChannel channel = isPosix(file)
                ? FileChannel.open(
                        file,
                        options,
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
                : FileChannel.open(file, options);
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null; // this very process has it
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        if (lock == null) {
            channel.close();
            throw new Refused(use, path, "another program has it; stop that one, or " + use.elsewhere);
        }
        return channel;
    }

    /** What is there belongs to nobody who locks, so a socket that nobody answers is left over. Anything else is not ours to remove. */
    private static void removeStale(Use use, Path path) throws IOException {
        BasicFileAttributes there;
        try {
            there = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            return;
        }
        if (!there.isOther() || !isSocket(path)) {
            throw new Refused(use, path, "there is something else at that place; move it away, or " + use.elsewhere);
        }
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            probe.configureBlocking(false); // a full queue is an answer too, of somebody who is there
            probe.connect(UnixDomainSocketAddress.of(path));
        } catch (java.net.ConnectException e) {
            Files.delete(path);
            return;
        } catch (IOException e) {
            throw new Refused(
                    use,
                    path,
                    "it cannot be told whose the socket is that is there (" + FileError.reason(e) + "); remove it, or "
                            + use.elsewhere);
        }
        throw new Refused(use, path, "another program answers there; stop that one, or " + use.elsewhere);
    }

    /** To connect to a pipe or a device is refused as by a socket that nobody listens at, but it is no socket. */
    private static boolean isSocket(Path path) throws IOException {
        return !path.getFileSystem().supportedFileAttributeViews().contains("unix")
                || ((int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) & TYPE_OF_FILE) == SOCKET;
    }

    private static <C extends Closeable> SocketFile<C> bind(
            Use use, Path path, @Nullable String group, FileChannel lock, Binder<C> binder) throws IOException {
        if (!isPosix(path)) {
            return new SocketFile<>(path, lock, binder.bind(path));
        }
        Path making = path.resolveSibling("." + path.getFileName() + ".new");
        remove(making);
        Files.createDirectory(
                making, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path fresh = making.resolve(FRESH);
        try {
            C channel = binder.bind(fresh);
            try {
                if (group != null) {
                    give(use, fresh, path, group);
                }
                Files.setPosixFilePermissions(
                        fresh, PosixFilePermissions.fromString(group == null ? "rw-------" : "rw-rw----"));
                Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
                return new SocketFile<>(path, lock, channel);
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
        } finally {
            remove(making);
        }
    }

    /** A {@link Binder} of the JDK's own channels. */
    static ServerSocketChannel listen(Path at) throws IOException {
        ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            return channel.bind(UnixDomainSocketAddress.of(at));
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Of one that was killed meanwhile. */
    private static void remove(Path making) throws IOException {
        try {
            if (Files.isDirectory(making, LinkOption.NOFOLLOW_LINKS)) {
                Files.deleteIfExists(making.resolve(FRESH));
            }
            Files.deleteIfExists(making);
        } catch (FileAlreadyExistsException e) {
            throw new IOException("a directory is in the way: " + making, e);
        }
    }

    private static void give(Use use, Path fresh, Path path, String group) throws IOException {
        PosixFileAttributeView view =
                Files.getFileAttributeView(fresh, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        GroupPrincipal principal;
        try {
            principal = path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByGroupName(group);
        } catch (UserPrincipalNotFoundException e) {
            throw new Refused(use, path, "--control-group: there is no group of that name; make it with groupadd");
        }
        try {
            view.setGroup(principal);
        } catch (IOException e) {
            throw new Refused(
                    use,
                    path,
                    "it cannot be given to the group of --control-group (" + FileError.reason(e)
                            + "); run this as a member of it, or as root");
        }
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    public Path path() {
        return path;
    }

    /** What listens. */
    public C channel() {
        return channel;
    }

    /** Removes it from its place, unless something else is there meanwhile. */
    @Override
    public void close() throws IOException {
        try (lock;
                channel) {
            if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                    && Objects.equals(
                            key,
                            Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                                    .fileKey())) {
                Files.deleteIfExists(path);
            }
        }
    }
}
