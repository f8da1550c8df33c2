package dev.culvert.token.holder;

import dev.culvert.store.FileRights;
import dev.culvert.store.StateException;
import dev.culvert.store.StateFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes a secret where only its owner can read it. */
public final class SecretFile {
    private SecretFile() {}

    /**
     * Writes the file whole or not at all, with mode 0600 where the file system has modes. Under sudo it belongs to who
     * called that, if the directory does.
     *
     * @param replace whether one that is there is replaced; else that is an error
     * @param env the environment
     * @throws StateException if it cannot be written
     */
    public static void write(Path file, String text, boolean replace, Map<String, String> env) throws StateException {
        Path absolute = file.toAbsolutePath();
        Path parent = absolute.getParent();
        Path name = absolute.getFileName();
        if (parent == null || name == null) {
            throw new StateException(file + " is not a file that can be written: give the path of a file");
        }
        boolean callers;
        try {
            callers = isOf(parent, env.get("SUDO_UID"));
        } catch (IOException e) {
            throw new StateFiles(parent, false).unwritable(name.toString(), e);
        }
        new StateFiles(parent, callers).write(name.toString(), text, true, replace);
    }

    private static boolean isOf(Path directory, @Nullable String caller) throws IOException {
        Integer me = FileRights.uid(Path.of("/proc/self"));
        Integer owner = FileRights.uid(directory);
        return caller != null
                && me != null
                && me == 0
                && owner != null
                && owner.toString().equals(caller);
    }
}
