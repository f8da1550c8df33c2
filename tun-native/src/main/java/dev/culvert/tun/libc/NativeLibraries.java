package dev.culvert.tun.libc;

import com.sun.jna.Native;
import io.netty.channel.epoll.Epoll;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Whether Netty's native library and JNA's could be loaded. Both are unpacked into a directory first, JNA's perhaps into
 * another than Netty's, and either fails where that cannot be written to or is mounted noexec. Asked once: what has failed to
 * load stays so for the life of the process.
 */
public final class NativeLibraries {
    private static final @Nullable String PROBLEM = problem(
            "Netty's epoll library",
            Epoll.isAvailable() ? null : Epoll.unavailabilityCause(),
            () -> LibC.get() != null);

    private NativeLibraries() {}

    public static boolean areLoaded() {
        return PROBLEM == null;
    }

    /** Why they are not there, and the cure, in one line; null when they are. */
    public static @Nullable String problem() {
        return PROBLEM;
    }

    /**
     * As {@link #problem()}, of the libraries of another system.
     *
     * @param netty Netty's, in words
     * @param cause why that is not there, null when it is
     * @param calls loads the C library through JNA
     */
    public static @Nullable String problem(String netty, @Nullable Throwable cause, BooleanSupplier calls) {
        Path temporary = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
        if (cause != null) {
            return words(netty, cause, temporary);
        }
        try {
            // Native before the calls: its failure says why, a class that depends on it only that it failed.
            return Native.POINTER_SIZE > 0 && calls.getAsBoolean() ? null : "the C library is not there";
        } catch (LinkageError | RuntimeException e) {
            return words("JNA's library", e, temporary);
        }
    }

    static String words(String library, Throwable failure, Path temporary) {
        Throwable root = failure;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        String said = String.valueOf(root.getMessage()).lines().findFirst().orElse("");
        String cure = "give the program a directory for temporary files that it may write to and run code from:"
                + " CULVERT_JAVA_OPTS=\"-Djava.io.tmpdir=DIR -Djna.tmpdir=DIR\"";
        String state = !Files.isDirectory(temporary)
                ? temporary + " is no directory"
                : !Files.isWritable(temporary)
                        ? temporary + " cannot be written to"
                        : "it is unpacked into " + temporary + ", which may be full or mounted noexec";
        return library + " does not load (" + said + "); " + state + "; " + cure;
    }
}
