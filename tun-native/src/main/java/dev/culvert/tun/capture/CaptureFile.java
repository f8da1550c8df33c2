package dev.culvert.tun.capture;

import dev.culvert.text.FileError;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;

/**
 * A file into which a thread of its own writes what a {@link PacketCapture} takes, and what it has each second at the latest. Only
 * whom it belongs to may read it. A disk that is full ends it, and nothing else.
 */
public final class CaptureFile implements Closeable {
    /** What was captured can be read after this, at the latest. */
    private static final Duration FLUSH = Duration.ofSeconds(1);

    /** At the end the disk has so long to take what is left. */
    private static final Duration END = Duration.ofSeconds(2);

    private static final int BUFFER = 64 << 10;

    private static final Set<PosixFilePermission> OWN = PosixFilePermissions.fromString("rw-------");

    private static final int ROOT = 0;

    /** Its owner is the effective user of this process. */
    private static final Path SELF = Path.of("/proc/self");

    private final Path path;
    private final OutputStream out;
    private final Semaphore filled = new Semaphore(0);
    private final PacketCapture capture;
    private final Thread thread;
    private Consumer<String> ended = line -> {};
    private boolean started;
    private volatile boolean closed;

    private CaptureFile(Path path, OutputStream out, List<PacketFilter> filters, int snapLength, Clock clock) {
        this.path = path;
        this.out = out;
        this.capture = new PacketCapture(filters, snapLength, clock, filled::release);
        this.thread = new Thread(this::run, "capture");
        thread.setDaemon(true);
    }

    /**
     * Makes a file that its owner alone may read, in the place of one that is there: who has that open, or made it, sees nothing. A
     * symbolic link is not followed: what it leads to may be another's. A pipe or device is written to if it is of this user or root.
     *
     * @throws IOException with one line for people
     */
    public static OutputStream create(Path path) throws IOException {
        try {
            boolean isFile = !Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                    || Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS);
            return new BufferedOutputStream(Channels.newOutputStream(isFile ? replace(path) : special(path)), BUFFER);
        } catch (IOException e) {
            throw new IOException(
                    "capture file " + path + " cannot be made: " + FileError.reason(e) + "; name another", e);
        }
    }

    private static WritableByteChannel replace(Path path) throws IOException {
        Path fresh = path.resolveSibling(".culvert-" + UUID.randomUUID() + ".pcap");
        WritableByteChannel channel = Files.newByteChannel(
                fresh,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(OWN));
        try {
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE); // over what is there
            return channel;
        } catch (IOException | RuntimeException e) {
            channel.close();
            Files.deleteIfExists(fresh);
            throw e;
        }
    }

    /** A pipe or device, or a link, at which it fails. */
    private static WritableByteChannel special(Path path) throws IOException {
        Object owner = Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        if (!owner.equals(ROOT) && !owner.equals(Files.getAttribute(SELF, "unix:uid"))) {
            throw new IOException("it belongs to user " + owner);
        }
        return Files.newByteChannel(path, Set.of(StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS));
    }

    /**
     * Makes the file.
     *
     * @param filters see {@link PacketCapture}
     * @throws IOException with one line for people
     */
    public static CaptureFile open(Path path, List<PacketFilter> filters, int snapLength, Clock clock)
            throws IOException {
        return new CaptureFile(path, create(path), filters, snapLength, clock);
    }

    /**
     * Begins to write. Once.
     *
     * @param told in one line if it has to end before it is closed; by its thread
     */
    public void start(Consumer<String> told) {
        ended = told;
        started = true;
        thread.start();
    }

    /** To be put into the pipeline. */
    public PacketCapture capture() {
        return capture;
    }

    private void run() {
        try (out) {
            out.write(capture.header());
            out.flush();
            for (boolean last = false; !last; ) {
                last = closed;
                write();
                if (!last) {
                    filled.acquire();
                }
            }
        } catch (IOException e) {
            ended.accept("capture file " + path + " has ended after " + (capture.packets() - capture.dropped())
                    + " packets: " + FileError.reason(e));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** All that is there; what has been written is to be read a second later, however much more comes. */
    private void write() throws IOException {
        long flushAt = System.nanoTime() + FLUSH.toNanos();
        for (byte[] packet = capture.poll(); packet != null; packet = capture.poll()) {
            out.write(packet);
            if (System.nanoTime() - flushAt >= 0) {
                out.flush();
                flushAt = System.nanoTime() + FLUSH.toNanos();
            }
        }
        out.flush();
    }

    /** Writes what is left, for a while. Take the capture out of its pipeline first. */
    @Override
    public void close() {
        closed = true;
        filled.release();
        if (!started) {
            start(ended); // so that it is a file of pcap, if an empty one
        }
        try {
            thread.join(END.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
