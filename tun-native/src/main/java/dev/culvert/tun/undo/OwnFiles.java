package dev.culvert.tun.undo;

import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;

/**
 * Whether a file that this process will believe can have been written by anybody else. Root acts on what its journal says, so nobody
 * else may own or write the file, its directory, or a directory above in which they could put another in its place. By what a file
 * system has to say so.
 */
interface OwnFiles {
    /** For a file system. */
    static OwnFiles of(FileSystem files) throws IOException {
        return files.supportedFileAttributeViews().contains("posix")
                ? new PosixFiles()
                : AclFiles.of(files, WindowsAccounts.trusted());
    }

    /** Makes a directory that nobody else may look into; those above it are there. */
    void makeDirectory(Path directory) throws IOException;

    /** Of a new file that nobody else may read. */
    FileAttribute<?>[] attributes();

    /** Takes a file of ours, old or new, from all others. */
    void keepPrivate(Path file) throws IOException;

    /** Makes a new name in a directory durable, where that is another thing than the file being so. */
    void force(Path directory) throws IOException;

    /** Whether one file can take the place of another that is open. */
    boolean replacesOpenFiles();

    /** Throws, in one line with a remedy, unless the directory is ours alone. */
    void requireDirectory(Path directory) throws IOException;

    /** Throws unless the file, where there is one, is a regular file of ours alone. */
    void requireFile(Path file) throws IOException;

    /** That it is not. */
    static IOException refused(Path path, String why) {
        return new IOException("use undo journal: " + path + " " + why);
    }
}
