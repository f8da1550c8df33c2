package dev.culvert.token;

import java.nio.file.Path;

/** Writes a secret where only its owner can read it. */
public final class SecretFile {
    private SecretFile() {}

    /**
     * Writes the file whole or not at all, with mode 0600 where the file system has modes, replacing one that is there.
     *
     * @throws StateException if it cannot be written
     */
    public static void write(Path file, String text) throws StateException {
        Path absolute = file.toAbsolutePath();
        Path parent = absolute.getParent();
        Path name = absolute.getFileName();
        if (parent == null || name == null) {
            throw new StateException(file + " is not a file that can be written: give the path of a file");
        }
        new StateFiles(parent, false).write(name.toString(), text, true);
    }
}
