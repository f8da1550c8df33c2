package dev.culvert.tun.system;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;

/** Who does what {@link SystemAction}s say. Blocks, each call for a few seconds at most. */
public interface SystemActions {
    /** A larger file is none of those that we write or look at. */
    int MAX_FILE = 64 << 10;

    /**
     * Does it.
     *
     * @return how a program ended; of files, that it was done
     * @throws IOException in one line, if it cannot be done at all
     */
    SystemProgram.Result perform(SystemAction action) throws IOException;

    /** What a file has in it, each byte a character; null if there is no such regular file. */
    @Nullable
    String read(Path file) throws IOException;

    /** On this machine. */
    static SystemActions own() {
        return new SystemActions() {
            @Override
            public SystemProgram.Result perform(SystemAction action) throws IOException {
                if (action instanceof SystemAction.Run run) {
                    return SystemProgram.run(run.input(), run.line());
                }
                if (action instanceof SystemAction.Write write) {
                    replace(write.file(), write.content());
                } else if (action instanceof SystemAction.Delete delete) {
                    Files.deleteIfExists(delete.file());
                }
                return new SystemProgram.Result(0, "");
            }

            @Override
            public @Nullable String read(Path file) throws IOException {
                if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                        throw new IOException(file + " is no regular file");
                    }
                    return null;
                }
                try (java.io.InputStream in = Files.newInputStream(file)) {
                    return new String(in.readNBytes(MAX_FILE), StandardCharsets.ISO_8859_1);
                } catch (NoSuchFileException e) {
                    return null; // gone meanwhile
                }
            }
        };
    }

    private static void replace(Path file, String content) throws IOException {
        Path directory = file.getParent();
        if (directory == null) {
            throw new IOException("write " + file + ": it is in no directory");
        }
        Files.createDirectories(directory);
        Path fresh = Files.createTempFile(
                directory,
                ".culvert",
                ".new",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--")));
        try {
            // The umask may have taken what all shall have.
            Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-r--r--"));
            Files.writeString(fresh, content, StandardCharsets.ISO_8859_1);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }
}
