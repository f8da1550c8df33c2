package dev.culvert.tun.undo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

/**
 * Whether a file that this process will believe can have been written by anybody else. Root acts on what its journal says, so nobody
 * else may own or write the file, its directory, or a directory above in which they could put another in its place.
 */
final class OwnFile {
    private static final int GROUP_WRITE = 0020;
    private static final int OTHERS_WRITE = 0002;
    private static final int STICKY = 01000;
    private static final int ROOT = 0;

    private OwnFile() {}

    /** Throws, in one line with a remedy, unless the directory is ours alone. */
    static void requireDirectory(Path directory) throws IOException {
        int self = self();
        Path real = directory.toRealPath();
        Attributes attributes = Attributes.of(real);
        if (attributes.uid() != self) {
            throw refused(
                    real,
                    "belongs to user " + attributes.uid() + ", not to user " + self
                            + " who runs this; name another with --state, or: chown " + self + " " + real);
        }
        if (writable(attributes)) {
            throw refused(real, "can be written by others; take that away with: chmod go-w " + real);
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
                throw refused(
                        above,
                        "belongs to user " + owner + ", who could replace what is in it; name another with --state");
            }
            if (writable(attributes) && !sticky) {
                throw refused(
                        above, "can be written by others, who could replace what is in it; name another with --state");
            }
        }
    }

    /** Who called sudo is root when he likes: his home is as good as ours. */
    private static boolean isSudoUser(int owner) {
        return Integer.toString(owner).equals(System.getenv("SUDO_UID"));
    }

    /** Throws unless the file, where there is one, is a regular file of ours alone. */
    static void requireFile(Path file) throws IOException {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        int self = self();
        Attributes attributes = Attributes.of(file);
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || attributes.nlink() != 1) {
            throw refused(file, "is a link, or no file at all; move it away");
        }
        if (attributes.uid() != self) {
            throw refused(file, "belongs to user " + attributes.uid() + ", not to user " + self + "; move it away");
        }
        if (writable(attributes)) {
            throw refused(file, "can be written by others, so it may say anything; move it away");
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

    private static IOException refused(Path path, String why) {
        return new IOException("use undo journal: " + path + " " + why);
    }
}
