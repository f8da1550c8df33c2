package dev.culvert.tun;

import com.sun.jna.Library;
import com.sun.jna.Native;
import dev.culvert.tun.libc.LibC;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A network namespace of a test's own, with loopback up, that close() removes. */
public final class NetNamespace implements AutoCloseable {
    private static final int CLONE_NEWNET = 0x40000000;
    private static final AtomicInteger NEXT = new AtomicInteger();

    public interface C extends Library {
        C INSTANCE = Native.load("c", C.class);

        int setns(int fd, int type);

        int socketpair(int family, int type, int protocol, int[] fds);
    }

    private final String name = "cv-" + ProcessHandle.current().pid() + "-" + NEXT.incrementAndGet();

    public NetNamespace() throws IOException {
        command(List.of("ip", "netns", "add", name));
        exec("ip", "link", "set", "lo", "up");
    }

    /** Runs on a thread inside the namespace; descriptors opened there stay in it. */
    public <T> T call(Callable<T> body) throws Exception {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    LibC c = LibC.get();
                    int fd = c.open("/var/run/netns/" + name, LibC.O_CLOEXEC);
                    try {
                        if (fd < 0 || C.INSTANCE.setns(fd, CLONE_NEWNET) != 0) {
                            throw new IOException("setns " + name + ": " + LibC.text(Native.getLastError()));
                        }
                        result.complete(body.call());
                    } catch (Throwable t) {
                        result.completeExceptionally(t);
                    } finally {
                        c.close(fd);
                    }
                },
                name);
        thread.start();
        try {
            return result.get(120, TimeUnit.SECONDS);
        } catch (java.util.concurrent.ExecutionException e) {
            if (e.getCause() instanceof Exception) {
                throw (Exception) e.getCause();
            }
            throw e;
        } finally {
            thread.join();
        }
    }

    /** Output of a command that must succeed inside. */
    public String exec(String... arguments) throws IOException {
        return command(inside(arguments));
    }

    /** The command line that runs the given one inside. */
    public List<String> inside(String... arguments) {
        List<String> line = new ArrayList<>(List.of("ip", "netns", "exec", name));
        line.addAll(List.of(arguments));
        return line;
    }

    public String name() {
        return name;
    }

    static String command(List<String> line) throws IOException {
        Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IOException(line + " ended with " + process.exitValue() + ": " + output);
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        return output;
    }

    @Override
    public void close() throws IOException {
        command(List.of("ip", "netns", "del", name));
    }
}
