package dev.culvert.tun.undo;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** By owner and mode, and those of the directories above, as stat(2) says. */
final class PosixFiles implements OwnFiles {
    private static final int GROUP_WRITE = 0020;
    private static final int OTHERS_WRITE = 0002;
    private static final int STICKY = 01000;
    private static final int ROOT = 0;

    private static final Set<PosixFilePermission> PRIVATE_FILE = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> PRIVATE_DIRECTORY = PosixFilePermissions.fromString("rwx------");

    @Override
    public void makeDirectory(Path directory) throws IOException {
        Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(PRIVATE_DIRECTORY));
    }

    @Override
    public FileAttribute<?>[] attributes() {
        return new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PRIVATE_FILE)};
    }

    @Override
    public void keepPrivate(Path file) throws IOException {
        Files.setPosixFilePermissions(file, PRIVATE_FILE);
    }

    @Override
    public void force(Path directory) throws IOException {
        try (FileChannel entry = FileChannel.open(directory, StandardOpenOption.READ)) {
            entry.force(true);
        }
    }

    @Override
    public boolean replacesOpenFiles() {
        return true;
    }

    @Override
    public void requireDirectory(Path directory) throws IOException {
        int self = self();
        Path real = directory.toRealPath();
        Attributes attributes = Attributes.of(real);
        if (attributes.uid() != self) {
            throw OwnFiles.refused(
                    real,
                    "belongs to user " + attributes.uid() + ", not to user " + self
                            + " who runs this; name another with --state, or: chown " + self + " " + real);
        }
        if (writable(attributes)) {
            throw OwnFiles.refused(real, "can be written by others; take that away with: chmod go-w " + real);
        }
        // By either path it must be nobody else's to say what is found there.
        requireAbove(real, self);
        requireAbove(directory.toAbsolutePath().normalize(), self);
    }

    private static void requireAbove(Path directory, int self) throws IOException {
        for (Path above = directory.getParent(); above != null; above = above.getParent()) {
            Attributes attributes = Attributes.of(above.toRealPath());
            int owner = attributes.uid();
            boolean sticky = (attributes.mode() & STICKY) != 0;
            if (owner != ROOT && owner != self && !isSudoUser(owner)) {
                throw OwnFiles.refused(
                        above,
                        "belongs to user " + owner + ", who could replace what is in it; name another with --state");
            }
            if (writable(attributes) && !sticky) {
                throw OwnFiles.refused(
                        above, "can be written by others, who could replace what is in it; name another with --state");
            }
        }
    }

    /** Who called sudo is root when he likes: his home is as good as ours. */
    private static boolean isSudoUser(int owner) {
        return Integer.toString(owner).equals(System.getenv("SUDO_UID"));
    }

    @Override
    public void requireFile(Path file) throws IOException {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        int self = self();
        Attributes attributes = Attributes.of(file);
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || attributes.nlink() != 1) {
            throw OwnFiles.refused(file, "is a link, or no file at all; move it away");
        }
        if (attributes.uid() != self) {
            throw OwnFiles.refused(
                    file, "belongs to user " + attributes.uid() + ", not to user " + self + "; move it away");
        }
        if (writable(attributes)) {
            throw OwnFiles.refused(file, "can be written by others, so it may say anything; move it away");
        }
    }

    /** Root's group is root. */
    private static boolean writable(Attributes attributes) {
        int mode = attributes.mode();
        return (mode & OTHERS_WRITE) != 0 || (mode & GROUP_WRITE) != 0 && attributes.gid() != ROOT;
    }

    private static int self() throws IOException {
        return Attributes.of(Path.of("/proc/self").toRealPath()).uid();
    }

    /** What stat(2) says. */
    private record Attributes(int uid, int gid, int mode, int nlink) {
        static Attributes of(Path path) throws IOException {
            Map<String, Object> all = Files.readAttributes(path, "unix:uid,gid,mode,nlink", LinkOption.NOFOLLOW_LINKS);
            return new Attributes(number(all, "uid"), number(all, "gid"), number(all, "mode"), number(all, "nlink"));
        }

        private static int number(Map<String, Object> all, String name) {
            return ((Number) Objects.requireNonNull(all.get(name))).intValue();
        }
    }
}
