package dev.culvert.store;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whose a directory and its files are, and who may do what with them. */
public final class FileRights {
    private static final Logger log = LoggerFactory.getLogger(FileRights.class);

    static final Set<PosixFilePermission> PRIVATE_FILE = PosixFilePermissions.fromString("rw-------");
    static final Set<PosixFilePermission> PUBLIC_FILE = PosixFilePermissions.fromString("rw-r--r--");
    static final Set<PosixFilePermission> PRIVATE_DIRECTORY = PosixFilePermissions.fromString("rwx------");

    private final Path directory;
    private final boolean posix;
    private final boolean adopts;

    /** @param adopts whether new files are given to the directory's owner, see {@link #adopt} */
    FileRights(Path directory, boolean adopts) {
        this.directory = directory;
        this.adopts = adopts;
        this.posix = directory.getFileSystem().supportedFileAttributeViews().contains("posix");
    }

    /** Who owns it; null where the system has no such numbers. */
    public static @Nullable Integer uid(Path file) throws IOException {
        return file.getFileSystem().supportedFileAttributeViews().contains("unix") && Files.exists(file)
                ? (Integer) Files.getAttribute(file, "unix:uid")
                : null;
    }

    boolean arePosix() {
        return posix;
    }

    FileAttribute<?>[] attributes(Set<PosixFilePermission> permissions) {
        return posix
                ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(permissions)}
                : new FileAttribute<?>[0];
    }

    /** How files of the directory are opened: links are followed only where nobody else can have made them. */
    LinkOption[] links() {
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

    /**
     * Gives a new file to the directory's owner, when root works in the directory of a service: that one must be able to
     * read it.
     */
    void adopt(Path file) throws IOException {
        UserPrincipal owner = Files.getOwner(directory);
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

    /** What somebody should change, one line each; an error for what no one should run with. */
    List<String> check(List<String> privateFiles) throws StateException {
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
                Path file = directory.resolve(name);
                if (Files.exists(file)) {
                    check(file, Files.getPosixFilePermissions(file, links()), warnings);
                }
            }
            return warnings;
        } catch (StateException e) {
            throw e;
        } catch (IOException e) {
            throw new StateException(
                    "state directory " + directory + " cannot be examined: " + StateFiles.reason(e), e);
        }
    }

    /** Whether only its owner may read and change a file. */
    boolean isPrivate(String name) throws IOException {
        return !posix || PRIVATE_FILE.containsAll(Files.getPosixFilePermissions(directory.resolve(name), links()));
    }

    private static void check(Path file, Set<PosixFilePermission> mode, List<String> warnings) throws StateException {
        if (mode.contains(PosixFilePermission.GROUP_WRITE)) {
            throw new StateException("private key " + file + " can be changed by its group ("
                    + PosixFilePermissions.toString(mode) + "): chmod 600 " + file);
        }
        if (mode.contains(PosixFilePermission.OTHERS_READ) || mode.contains(PosixFilePermission.OTHERS_WRITE)) {
            throw new StateException("private key " + file + " is open to every user ("
                    + PosixFilePermissions.toString(mode) + "): chmod 600 " + file
                    + ", and if others use this machine, delete it and run token init again");
        }
        if (!PRIVATE_FILE.containsAll(mode)) {
            warnings.add("private key " + file + " is open to its group (" + PosixFilePermissions.toString(mode)
                    + "): chmod 600 " + file);
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
    void requireOurs(Path file) throws IOException {
        if (!posix) {
            return;
        }
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
    }
}
