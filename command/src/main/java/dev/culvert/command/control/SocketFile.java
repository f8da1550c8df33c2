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
 */
final class SocketFile implements Closeable {
    /** What a path of a socket may have on Linux, with the end of the directory that it is made in (108 with a NUL; macOS 104). */
    static final int MAX_PATH = 96;

    private static final String FRESH = "s";

    private final Path path;
    private final FileChannel lock;
    private final ServerSocketChannel channel;
    private final @Nullable Object key;

    private SocketFile(Path path, FileChannel lock, ServerSocketChannel channel) throws IOException {
        this.path = path;
        this.lock = lock;
        this.channel = channel;
        this.key = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .fileKey();
    }

    /**
     * Listens there.
     *
     * @param group whose members may connect; null for none
     * @throws IOException with one line for people
     */
    static SocketFile open(Path where, @Nullable String group) throws IOException {
        Path path = where.toAbsolutePath().normalize();
        int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > MAX_PATH) {
            throw new IOException("control socket " + path + ": its path has " + length + " bytes, at most " + MAX_PATH
                    + " are possible; name a shorter one with --control-socket");
        }
        Path directory = Objects.requireNonNull(path.getParent(), "a directory is no socket");
        if (!Files.isDirectory(directory)) {
            throw new IOException("control socket " + path + ": there is no directory " + directory
                    + "; make it, or name another place with --control-socket");
        }
        try {
            FileChannel lock = lock(directory.resolve("." + path.getFileName() + ".lock"), path);
            try {
                removeStale(path);
                return bind(path, group, lock);
            } catch (IOException | RuntimeException e) {
                lock.close();
                throw e;
            }
        } catch (Refused e) {
            throw e;
        } catch (IOException e) {
            throw new IOException(
                    "control socket " + path + ": cannot be made (" + FileError.reason(e) + "); "
                            + FileError.cure(e, "let whom this runs as write in " + directory)
                            + ", or name another place with --control-socket",
                    e);
        }
    }

    /** Whose text is for people already. */
    private static final class Refused extends IOException {
        private static final long serialVersionUID = 1;

        Refused(Path path, String why) {
            super("control socket " + path + ": " + why);
        }
    }

    private static FileChannel lock(Path file, Path path) throws IOException {
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
            throw new Refused(
                    path, "another program has it; stop that one, or name another place with --control-socket");
        }
        return channel;
    }

    /** What is there belongs to nobody who locks, so a socket that nobody answers is left over. Anything else is not ours to remove. */
    private static void removeStale(Path path) throws IOException {
        BasicFileAttributes there;
        try {
            there = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            return;
        }
        if (!there.isOther()) {
            throw new Refused(
                    path, "there is something else at that place; move it away, or name another with --control-socket");
        }
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            probe.configureBlocking(false); // a full queue is an answer too, of somebody who is there
            probe.connect(UnixDomainSocketAddress.of(path));
        } catch (java.net.ConnectException e) {
            Files.delete(path);
            return;
        } catch (IOException e) {
            throw new Refused(
                    path,
                    "it cannot be told whose the socket is that is there (" + FileError.reason(e)
                            + "); remove it, or name another place with --control-socket");
        }
        throw new Refused(
                path, "another program answers there; stop that one, or name another place with --control-socket");
    }

    private static SocketFile bind(Path path, @Nullable String group, FileChannel lock) throws IOException {
        if (!isPosix(path)) {
            ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            channel.bind(UnixDomainSocketAddress.of(path));
            return new SocketFile(path, lock, channel);
        }
        Path making = path.resolveSibling("." + path.getFileName() + ".new");
        remove(making);
        Files.createDirectory(
                making, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path fresh = making.resolve(FRESH);
        ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.bind(UnixDomainSocketAddress.of(fresh));
            if (group != null) {
                give(fresh, path, group);
            }
            Files.setPosixFilePermissions(
                    fresh, PosixFilePermissions.fromString(group == null ? "rw-------" : "rw-rw----"));
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
            return new SocketFile(path, lock, channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        } finally {
            remove(making);
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

    private static void give(Path fresh, Path path, String group) throws IOException {
        PosixFileAttributeView view =
                Files.getFileAttributeView(fresh, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        GroupPrincipal principal;
        try {
            principal = path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByGroupName(group);
        } catch (UserPrincipalNotFoundException e) {
            throw new Refused(path, "--control-group: there is no group of that name; make it with groupadd");
        }
        try {
            view.setGroup(principal);
        } catch (IOException e) {
            throw new Refused(
                    path,
                    "it cannot be given to the group of --control-group (" + FileError.reason(e)
                            + "); run this as a member of it, or as root");
        }
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    Path path() {
        return path;
    }

    ServerSocketChannel channel() {
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
