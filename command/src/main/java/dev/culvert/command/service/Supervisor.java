package dev.culvert.command.service;

import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.Socket;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The service manager that has started this process, which is told how far it is: the protocol of sd_notify(3), a datagram each, to
 * the Unix socket that {@code NOTIFY_SOCKET} names. Without that variable nothing is told to anybody. From any thread; blocks
 * for {@value #PATIENCE_MILLIS} ms at most.
 */
public final class Supervisor {
    /** It reads what it is sent within milliseconds, unless the machine stands still. */
    private static final int PATIENCE_MILLIS = 1_000;

    private static final int PAUSE_MILLIS = 10;

    /**
     * Without a gateway a service is started all the same after this, and goes on trying: what is ordered behind it at boot does not
     * wait for another machine, and the manager, which waits for 90 s, does not kill it.
     */
    private static final int START_SECONDS = 30;

    private final byte @Nullable [] address;
    private final Consumer<String> complain;

    private Supervisor(byte @Nullable [] address, Consumer<String> complain) {
        this.address = address;
        this.complain = complain;
    }

    /**
     * The one of this process.
     *
     * @param env its environment
     * @param complain gets a line when it cannot be told something
     */
    public static Supervisor of(Map<String, String> env, Consumer<String> complain) {
        return new Supervisor(address(env.getOrDefault("NOTIFY_SOCKET", "")), complain);
    }

    /** Paths, and names of the abstract namespace, which begin with {@code @} and have no file (unix(7)). */
    private static byte @Nullable [] address(String socket) {
        if (socket.length() < 2 || !(socket.startsWith("/") || socket.startsWith("@"))) {
            return null;
        }
        byte[] path = socket.getBytes(StandardCharsets.UTF_8);
        if (path[0] == '@') {
            path[0] = 0;
        }
        return path;
    }

    /** Whether somebody wants to be told. */
    public boolean isThere() {
        return address != null;
    }

    /**
     * The service is up, or has read its settings again.
     *
     * @param status a line for people, what it is doing
     */
    public void ready(String status) {
        tell("READY=1\nSTATUS=" + Printable.text(status));
    }

    /**
     * The service is up when something is done; or is after {@value #START_SECONDS} s, though it still tries.
     *
     * @param up completes when it is; what it ends with does not matter
     * @param status a line for people, what it is doing then
     */
    public void readyWith(CompletableFuture<?> up, String status) {
        if (address == null) {
            return;
        }
        up.copy()
                .completeOnTimeout(null, START_SECONDS, TimeUnit.SECONDS)
                .thenRunAsync(() -> ready(up.isDone() ? status : "not connected yet; trying"));
        up.thenRunAsync(() -> status(status));
    }

    /** A line for people, what it is doing now. */
    public void status(String status) {
        tell("STATUS=" + Printable.text(status));
    }

    /** It begins to read its settings again, on SIGHUP; {@link #ready} says when it has. */
    public void reloading() {
        // On Linux the JVM's clock is CLOCK_MONOTONIC.
        tell("RELOADING=1\nMONOTONIC_USEC=" + TimeUnit.NANOSECONDS.toMicros(System.nanoTime()));
    }

    /** It begins to end. */
    public void stopping() {
        tell("STOPPING=1\nSTATUS=stopping");
    }

    private void tell(String what) {
        if (address == null) {
            return;
        }
        try {
            if (!Epoll.isAvailable()) {
                throw new IOException("Netty's native library does not load");
            }
            byte[] bytes = what.getBytes(StandardCharsets.UTF_8);
            ByteBuffer datagram = ByteBuffer.allocateDirect(bytes.length).put(bytes);
            Socket socket = Socket.newSocketDomainDgram();
            try {
                send(socket, datagram, address);
            } finally {
                socket.close();
            }
        } catch (IOException e) {
            complain.accept("the service manager could not be told " + what.substring(0, what.indexOf('=')) + ": "
                    + (e instanceof FileNotFoundException ? "its socket is not there" : FileError.reason(e)));
        }
    }

    private static void send(Socket socket, ByteBuffer datagram, byte[] address) throws IOException {
        for (int waited = 0; waited < PATIENCE_MILLIS; waited += PAUSE_MILLIS) {
            // 0 when it has no room for more datagrams just now.
            if (socket.sendToDomainSocket(datagram, 0, datagram.position(), address) > 0) {
                return;
            }
            try {
                TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
        throw new IOException("it reads nothing");
    }
}
