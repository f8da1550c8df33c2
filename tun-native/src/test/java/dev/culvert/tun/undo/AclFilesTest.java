package dev.culvert.tun.undo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import com.sun.jna.NativeLibrary;
import dev.culvert.tun.fixture.CLibrary;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.AclEntry;
import java.nio.file.attribute.AclEntryFlag;
import java.nio.file.attribute.AclEntryPermission;
import java.nio.file.attribute.AclEntryType;
import java.nio.file.attribute.AclFileAttributeView;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The journal where files have lists instead of modes: a file system in memory, set up as Windows is, which knows of nothing of POSIX. */
@NullUnmarked
final class AclFilesTest {
    private static final String SYSTEM = "NT AUTHORITY\\SYSTEM";
    private static final String ADMINISTRATORS = "BUILTIN\\Administrators";
    private static final String ME = "me";
    private static final String MALLORY = "PC\\mallory";

    private FileSystem windows;
    private OwnFiles files;
    private Path home;
    private Path journal;

    @BeforeEach
    void aFreshWindows() throws Exception {
        windows = Jimfs.newFileSystem(Configuration.windows().toBuilder()
                .setAttributeViews("basic", "owner", "acl", "dos")
                .build());
        files = AclFiles.of(windows, List.of(SYSTEM, ADMINISTRATORS, ME));
        home = windows.getPath("C:\\Users\\me");
        Files.createDirectories(home);
        for (Path path = home; path != null; path = path.getParent()) {
            view(path).setOwner(who(path.equals(home) ? ME : SYSTEM));
            // Everybody may make directories in C:\, and what they make there is theirs.
            view(path)
                    .setAcl(List.of(
                            entry(SYSTEM, EnumSet.allOf(AclEntryPermission.class)),
                            entry("Users", EnumSet.of(AclEntryPermission.APPEND_DATA, AclEntryPermission.READ_DATA)),
                            entry(
                                    "Users",
                                    EnumSet.allOf(AclEntryPermission.class),
                                    AclEntryFlag.FILE_INHERIT,
                                    AclEntryFlag.INHERIT_ONLY)));
        }
        journal = home.resolve("culvert").resolve("undo.journal");
    }

    @AfterEach
    void close() throws Exception {
        windows.close();
    }

    private static AclFileAttributeView view(Path path) {
        return Files.getFileAttributeView(path, AclFileAttributeView.class);
    }

    private UserPrincipal who(String name) throws IOException {
        return windows.getUserPrincipalLookupService().lookupPrincipalByName(name);
    }

    private AclEntry entry(String name, EnumSet<AclEntryPermission> permissions, AclEntryFlag... flags)
            throws IOException {
        return AclEntry.newBuilder()
                .setType(AclEntryType.ALLOW)
                .setPrincipal(who(name))
                .setPermissions(permissions)
                .setFlags(flags)
                .build();
    }

    private UndoJournal open() throws IOException {
        // What Windows makes belongs to who makes it; this file system's belongs to nobody.
        if (!Files.exists(journal)) {
            Files.createDirectories(journal.getParent());
            own(journal.getParent());
            view(journal.getParent()).setAcl(List.of());
        }
        return UndoJournal.open(journal, files, steps -> List.of());
    }

    private void own(Path path) throws IOException {
        view(path).setOwner(who(ME));
    }

    private static UndoStep step(int i) {
        return new UndoStep.DeleteRoute("10." + i / 256 + "." + i % 256 + ".0/24", "Ethernet 2");
    }

    @Test
    void whatIsPendingIsThereForTheNext() throws Exception {
        try (UndoJournal first = open()) {
            first.record(List.of(step(1), step(2)));
        }
        own(journal);
        try (UndoJournal next = open()) {
            assertThat(next.pending()).containsExactly(step(1), step(2));
            assertThat(next.replay()).isEmpty();
            assertThat(next.pending()).isEmpty();
        }
    }

    /** The file is replaced while it is not open, and the journal goes on with the new one. */
    @Test
    void itIsWrittenAnewWhenItHasGrown() throws Exception {
        try (UndoJournal first = open()) {
            own(journal);
            first.record(step(0));
            long before = 0;
            for (int batch = 0; Files.size(journal) >= before; batch++) {
                assertThat(batch).as("it is not written anew").isLessThan(100);
                before = Files.size(journal);
                List<UndoStep> batchSteps = new ArrayList<>();
                for (int i = 0; i < 100; i++) {
                    batchSteps.add(new UndoStep.DeleteRoute("10." + batch + "." + i + ".0/24", "x".repeat(200)));
                }
                first.record(batchSteps);
                first.forget(batchSteps);
            }
            assertThat(before).isGreaterThan(UndoJournal.REWRITE_BYTES / 2);
            assertThat(windows.getPath(journal + ".new")).doesNotExist();
            first.record(step(9_000));
            first.record(step(9_001));
        }
        own(journal); // the new one
        try (UndoJournal next = open()) {
            assertThat(next.pending()).containsExactly(step(0), step(9_000), step(9_001));
        }
    }

    @Test
    void onlyWeAndWhoMayDoEverythingAreLetIn() throws Exception {
        Path directory = home.resolve("fresh");
        files.makeDirectory(directory);
        assertThat(view(directory).getAcl())
                .extracting(e -> e.principal().getName())
                .containsExactly(SYSTEM, ADMINISTRATORS, ME);
        assertThat(view(directory).getAcl())
                .allMatch(e ->
                        e.flags().containsAll(EnumSet.of(AclEntryFlag.FILE_INHERIT, AclEntryFlag.DIRECTORY_INHERIT)));
        open().close();
        assertThat(view(journal).getAcl())
                .extracting(e -> e.principal().getName())
                .containsExactly(SYSTEM, ADMINISTRATORS, ME);
    }

    @Test
    void aDirectoryThatOthersMayWriteIsRefusedWithARemedy() throws Exception {
        open().close();
        own(journal);
        for (AclEntryPermission permission : List.of(
                AclEntryPermission.WRITE_DATA,
                AclEntryPermission.APPEND_DATA,
                AclEntryPermission.DELETE_CHILD,
                AclEntryPermission.WRITE_ACL,
                AclEntryPermission.WRITE_OWNER)) {
            view(journal.getParent()).setAcl(List.of(entry(MALLORY, EnumSet.of(permission))));
            assertThatThrownBy(this::open)
                    .as(permission.toString())
                    .hasMessage(
                            "use undo journal: C:\\Users\\me\\culvert can be written by PC\\mallory; name another with"
                                    + " --state, or: icacls \"C:\\Users\\me\\culvert\" /inheritance:r /grant:r"
                                    + " *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F");
        }
        view(journal.getParent()).setAcl(List.of(entry(MALLORY, EnumSet.of(AclEntryPermission.READ_DATA))));
        open().close();
    }

    /** What lets somebody put another directory in the place of ours, however far above. */
    @Test
    void soIsOneBelowWhatOthersMayReplace() throws Exception {
        open().close();
        own(journal);
        view(home.getParent()).setAcl(List.of(entry(MALLORY, EnumSet.of(AclEntryPermission.DELETE_CHILD))));
        assertThatThrownBy(this::open).hasMessageContaining("C:\\Users can be written by PC\\mallory");
        view(home.getParent()).setAcl(List.of());
        view(home.getParent()).setOwner(who(MALLORY));
        assertThatThrownBy(this::open).hasMessageContaining("C:\\Users belongs to PC\\mallory; name another");
    }

    @Test
    void aFileThatIsAnothersIsNotBelieved() throws Exception {
        open().close();
        view(journal).setOwner(who(MALLORY));
        assertThatThrownBy(this::open)
                .hasMessage(
                        "use undo journal: C:\\Users\\me\\culvert\\undo.journal belongs to PC\\mallory; move it away");
        own(journal);
        view(journal).setAcl(List.of(entry(MALLORY, EnumSet.of(AclEntryPermission.APPEND_DATA))));
        assertThatThrownBy(this::open).hasMessageContaining("undo.journal can be written by PC\\mallory; move it away");
        Files.delete(journal);
        Files.createSymbolicLink(journal, home.resolve("elsewhere"));
        assertThatThrownBy(() -> files.requireFile(journal)).hasMessageContaining("is a link, or no file at all");
    }

    /** Whatever the language: an account is known by its number, and who is not there is left out. */
    @Test
    void accountsAreAskedForByTheirNumbers() {
        NativeLibrary advapi32 =
                NativeLibrary.getInstance(CLibrary.compile("advapi32").toString());
        assertThat(WindowsAccounts.trusted(advapi32))
                .containsExactly(
                        "NT-AUTORIT\u00c4T\\SYSTEM", "VORDEFINIERT\\Administratoren", System.getProperty("user.name"));
    }
}
