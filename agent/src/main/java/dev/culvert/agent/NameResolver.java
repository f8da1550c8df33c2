package dev.culvert.agent;

import io.netty.channel.EventLoop;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Looks names up as any program on this host does (hosts file, DNS, mDNS: whatever the system is set up for). */
final class NameResolver {
    /** The system's resolver blocks; so many look-ups may wait for a slow server at once. */
    private static final int THREADS = 8;

    /** Beyond it flows are refused: a server that is down must not pile up flows. */
    private static final int MAX_WAITING = 1024;

    private final ThreadPoolExecutor threads =
            new ThreadPoolExecutor(THREADS, THREADS, 30, TimeUnit.SECONDS, new ArrayBlockingQueue<>(MAX_WAITING), r -> {
                Thread t = new Thread(r, "resolver");
                t.setDaemon(true);
                return t;
            });

    NameResolver() {
        threads.allowCoreThreadTimeOut(true);
    }

    /**
     * Calls {@code done} on {@code loop} with the addresses, or with null when the name does not resolve.
     *
     * @return false when too many look-ups wait already
     */
    boolean resolve(String name, EventLoop loop, BiConsumer<InetAddress @Nullable [], @Nullable String> done) {
        try {
            threads.execute(() -> {
                InetAddress[] found;
                try {
                    found = InetAddress.getAllByName(name);
                } catch (UnknownHostException e) {
                    loop.execute(() -> done.accept(null, "the agent cannot resolve '" + name + "'"));
                    return;
                }
                loop.execute(() -> done.accept(found, null));
            });
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }
}
