package dev.culvert.token;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import org.jspecify.annotations.Nullable;

/**
 * A file as it was at some time: when any of this differs, it has been written or replaced.
 *
 * @param modified when it was last written
 * @param size in bytes
 * @param key device and inode, where there are any: tells a replaced file from the old one even within one tick of the clock
 */
public record FileStamp(
        FileTime modified, long size, @Nullable Object key) {
    /**
     * What the file is now; one stat(2).
     *
     * @return null when there is none
     */
    public static @Nullable FileStamp of(Path file) throws IOException {
        try {
            BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
            return new FileStamp(now.lastModifiedTime(), now.size(), now.fileKey());
        } catch (NoSuchFileException e) {
            return null;
        }
    }
}
