package dev.culvert.tun.libc;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads files under /proc/sys. Their kernel side answers a read at any other offset than 0 with the end of
 * the file, and {@code Files.readString} starts with a single byte where the size is said to be 0.
 */
public final class ProcFile {
    /** No value that is read here is longer. */
    private static final int MAX_BYTES = 4096;

    private ProcFile() {}

    /** The content, without white space around it. */
    public static String read(Path file) throws IOException {
        byte[] bytes = new byte[MAX_BYTES];
        try (FileInputStream in = new FileInputStream(file.toFile())) {
            int length = in.read(bytes);
            return new String(bytes, 0, Math.max(0, length), StandardCharsets.US_ASCII).strip();
        }
    }
}
