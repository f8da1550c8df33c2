package dev.culvert.tun.undo;

import dev.culvert.text.Printable;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.AclEntry;
import java.nio.file.attribute.AclEntryFlag;
import java.nio.file.attribute.AclEntryPermission;
import java.nio.file.attribute.AclEntryType;
import java.nio.file.attribute.AclFileAttributeView;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * By owner and access control list, as Windows has them: ours are the user who runs this, and those who may do everything on the machine in
 * any case. Who is only denied something does no harm.
 */
final class AclFiles implements OwnFiles {
    /** What changes a file, or who may. */
    private static final Set<AclEntryPermission> WRITES = EnumSet.of(
            AclEntryPermission.WRITE_DATA,
            AclEntryPermission.APPEND_DATA,
            AclEntryPermission.DELETE,
            AclEntryPermission.DELETE_CHILD,
            AclEntryPermission.WRITE_ACL,
            AclEntryPermission.WRITE_OWNER);

    /** What puts another in the place of one that is in a directory: that new ones can be made there, as in C:\, does not. */
    private static final Set<AclEntryPermission> REPLACES = EnumSet.of(
            AclEntryPermission.DELETE,
            AclEntryPermission.DELETE_CHILD,
            AclEntryPermission.WRITE_ACL,
            AclEntryPermission.WRITE_OWNER);

    /** Of icacls: SYSTEM and the administrators, in any language, and nothing from above. */
    private static final String ONLY_ADMINISTRATORS =
            "\" /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F";

    private final List<UserPrincipal> trusted;

    private AclFiles(List<UserPrincipal> trusted) {
        this.trusted = trusted;
    }

    /**
     * Of a file system's accounts.
     *
     * @param names of those who may do everything, and of the user who runs this; who is not there is left out
     */
    static AclFiles of(FileSystem files, Collection<String> names) throws IOException {
        Set<UserPrincipal> trusted = new LinkedHashSet<>();
        for (String name : names) {
            try {
                trusted.add(files.getUserPrincipalLookupService().lookupPrincipalByName(name));
            } catch (UserPrincipalNotFoundException e) {
                // not on this machine
            }
        }
        return new AclFiles(List.copyOf(trusted));
    }

    @Override
    public void makeDirectory(Path directory) throws IOException {
        Files.createDirectory(directory);
        // Afterwards, not with it: Windows adds what is inherited to that of a new one, and takes this as it is.
        view(directory).setAcl(all(AclEntryFlag.FILE_INHERIT, AclEntryFlag.DIRECTORY_INHERIT));
    }

    /** None: a new file inherits from its directory, which is ours by then. */
    @Override
    public FileAttribute<?>[] attributes() {
        return new FileAttribute<?>[0];
    }

    @Override
    public void keepPrivate(Path file) throws IOException {
        view(file).setAcl(all());
    }

    private List<AclEntry> all(AclEntryFlag... flags) {
        List<AclEntry> entries = new ArrayList<>();
        for (UserPrincipal one : trusted) {
            entries.add(AclEntry.newBuilder()
                    .setType(AclEntryType.ALLOW)
                    .setPrincipal(one)
                    .setPermissions(EnumSet.allOf(AclEntryPermission.class))
                    .setFlags(flags)
                    .build());
        }
        return entries;
    }

    /** NTFS has names in its journal; a directory cannot be opened as a file is. */
    @Override
    public void force(Path directory) {}

    @Override
    public boolean replacesOpenFiles() {
        return false;
    }

    @Override
    public void requireDirectory(Path directory) throws IOException {
        Path real = directory.toRealPath();
        require(real, WRITES, "name another with --state, or: icacls \"" + real + ONLY_ADMINISTRATORS);
        for (Path path : List.of(real, directory.toAbsolutePath().normalize())) {
            for (Path above = path.getParent(); above != null; above = above.getParent()) {
                require(above.toRealPath(), REPLACES, "name another with --state");
            }
        }
    }

    @Override
    public void requireFile(Path file) throws IOException {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            throw OwnFiles.refused(file, "is a link, or no file at all; move it away");
        }
        require(file, WRITES, "move it away");
    }

    private void require(Path path, Set<AclEntryPermission> may, String remedy) throws IOException {
        AclFileAttributeView view = view(path);
        UserPrincipal owner = view.getOwner();
        if (!trusted.contains(owner)) {
            throw OwnFiles.refused(path, "belongs to " + shown(owner) + "; " + remedy);
        }
        for (AclEntry entry : view.getAcl()) {
            UserPrincipal other = other(entry, may);
            if (other != null) {
                throw OwnFiles.refused(path, "can be written by " + shown(other) + "; " + remedy);
            }
        }
    }

    /** Whom the entry lets do any of it, if that is none of ours. */
    private @Nullable UserPrincipal other(AclEntry entry, Set<AclEntryPermission> may) {
        boolean ofThis = !entry.flags().contains(AclEntryFlag.INHERIT_ONLY);
        boolean any = entry.permissions().stream().anyMatch(may::contains);
        return ofThis && any && entry.type() == AclEntryType.ALLOW && !trusted.contains(entry.principal())
                ? entry.principal()
                : null;
    }

    private static String shown(UserPrincipal principal) {
        return Printable.shorten(principal.getName());
    }

    private static AclFileAttributeView view(Path path) {
        return Objects.requireNonNull(
                Files.getFileAttributeView(path, AclFileAttributeView.class, LinkOption.NOFOLLOW_LINKS),
                "a file system with neither modes nor lists");
    }
}
