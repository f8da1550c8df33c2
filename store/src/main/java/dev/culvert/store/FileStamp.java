package dev.culvert.store;

import dev.culvert.text.FileError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A file as it was at some time: when any of this differs, it has been written, replaced, or given other rights.
 *
 * @param modified when it was last written
 * @param changed when that, its owner or its rights were last changed, which nobody can set back; where the system says it
 * @param size in bytes
 * @param key device and inode, where there are any: tells a replaced file from the old one even within one tick of the clock
 */
public record FileStamp(
        FileTime modified,
        @Nullable FileTime changed,
        long size,
        @Nullable Object key) {
    /** The coarsest clock of a file system (FAT): what is written twice within it may have one stamp. */
    private static final Duration TICK = Duration.ofSeconds(2);

    /**
     * What the file is now; two stat(2).
     *
     * @return null when there is none
     * @throws StateException with one line for people: the directory may have become somebody else's
     */
    public static @Nullable FileStamp of(Path file) throws StateException {
        boolean unix = file.getFileSystem().supportedFileAttributeViews().contains("unix");
        try {
            BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
            return new FileStamp(
                    now.lastModifiedTime(),
                    unix ? (FileTime) Files.getAttribute(file, "unix:ctime") : null,
                    now.size(),
                    now.fileKey());
        } catch (NoSuchFileException e) {
            return null;
        } catch (IOException e) {
            throw new StateException(
                    file + ": cannot be read (" + FileError.reason(e) + "); "
                            + FileError.cure(e, "let whom this runs as read it, and enter its directory"),
                    e);
        }
    }

    /**
     * What to compare instead of the stamp where the file is read as soon as it is another: a file that is so young that it may
     * be written once more under the same stamp gets another version when it no longer is, and is so read once more.
     */
    public String version(Instant now) {
        return this + (now.isBefore(latest().plus(TICK)) ? " young" : "");
    }

    private Instant latest() {
        Instant written = modified.toInstant();
        return changed != null && changed.toInstant().isAfter(written) ? changed.toInstant() : written;
    }
}
