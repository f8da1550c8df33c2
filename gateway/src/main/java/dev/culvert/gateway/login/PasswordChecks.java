package dev.culvert.gateway.login;

import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Where hashes of passwords are computed: each takes tenths of a second of a processor, which an event loop does not have. From any
 * thread.
 */
public final class PasswordChecks implements AutoCloseable {
    /** Of four processors one: the others go on when passwords are guessed. */
    private static final int THREADS = Math.max(1, Runtime.getRuntime().availableProcessors() / 4);

    /** That wait, of all publications: seconds of work for one thread. */
    static final int MAX_WAITING = 128;

    private static final long IDLE_SECONDS = 10;

    private final ThreadPoolExecutor threads;

    public PasswordChecks() {
        threads = new ThreadPoolExecutor(
                THREADS,
                THREADS,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(MAX_WAITING),
                new DefaultThreadFactory("gateway-passwords", true));
        threads.allowCoreThreadTimeOut(true);
    }

    /**
     * Does it soon.
     *
     * @return false when too many wait, or none is done any more
     */
    boolean soon(Runnable check) {
        try {
            threads.execute(check);
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }

    /** What waits is not done any more. */
    @Override
    public void close() {
        threads.shutdownNow();
    }
}
