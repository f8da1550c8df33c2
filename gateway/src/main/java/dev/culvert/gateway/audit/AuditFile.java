package dev.culvert.gateway.audit;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A file of lines, readable by its owner only, that is put aside when it has grown: {@code audit.jsonl} becomes
 * {@code audit.jsonl.1}, that one {@code .2}, and so on; the oldest is deleted.
 */
final class AuditFile implements AuditSink {
    /** One file: about 200,000 flows. Small enough to open in an editor. */
    static final long MAX_SIZE = 64L << 20;

    /** Files put aside: with the current one half a gigabyte, which the smallest server has. */
    static final int KEPT = 7;

    /** Longer than any line; how far back the end of a line that a crash has cut is looked for. */
    private static final int MAX_LINE = 64 << 10;

    private final Path file;
    private final long maxSize;
    private final int kept;
    private @Nullable FileChannel out;
    private long size;

    AuditFile(Path file) throws IOException {
        this(file, MAX_SIZE, KEPT);
    }

    AuditFile(Path file, long maxSize, int kept) throws IOException {
        this.file = file;
        this.maxSize = maxSize;
        this.kept = kept;
        open();
    }

    private FileChannel open() throws IOException {
        FileAttribute<?>[] owner =
                file.getFileSystem().supportedFileAttributeViews().contains("posix")
                        ? new FileAttribute<?>[] {
                            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
                        }
                        : new FileAttribute<?>[0];
        FileChannel channel = FileChannel.open(
                file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE), owner);
        try {
            size = endOfLastLine(channel);
            channel.truncate(size);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        out = channel;
        return channel;
    }

    /** A crash may have cut the last line; it would make one broken line of it and the next. */
    private static long endOfLastLine(FileChannel channel) throws IOException {
        long end = channel.size();
        long from = Math.max(0, end - MAX_LINE);
        ByteBuffer tail = ByteBuffer.allocate((int) (end - from));
        while (tail.hasRemaining() && channel.read(tail, from + tail.position()) >= 0) {}
        for (int i = tail.position(); i > 0; i--) {
            if (tail.get(i - 1) == '\n') {
                return from + i;
            }
        }
        return from == 0 ? 0 : end;
    }

    @Override
    public void write(ByteBuffer lines) throws IOException {
        FileChannel channel = out != null && out.isOpen() ? out : open();
        if (size > 0 && size + lines.remaining() > maxSize) {
            channel = rotate(channel);
        }
        long at = size;
        try {
            while (lines.hasRemaining()) {
                at += channel.write(lines, at);
            }
        } catch (IOException e) {
            channel.truncate(size); // no half lines
            throw e;
        }
        size = at;
    }

    private FileChannel rotate(FileChannel channel) throws IOException {
        channel.force(true);
        channel.close();
        for (int i = kept; i > 0; i--) {
            Path from = i == 1 ? file : aside(i - 1);
            if (Files.exists(from)) {
                Files.move(from, aside(i), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            }
        }
        return open();
    }

    private Path aside(int number) {
        return file.resolveSibling(file.getFileName() + "." + number);
    }

    @Override
    public void close() throws IOException {
        FileChannel channel = out;
        if (channel != null && channel.isOpen()) {
            channel.force(true);
            channel.close();
        }
    }
}
