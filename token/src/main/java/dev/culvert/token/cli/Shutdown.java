package dev.culvert.token.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets a command end in order when the process gets SIGINT or SIGTERM: the thread that opened this is interrupted, and the
 * process waits until {@link #done} is called, or a limit is over.
 *
 * <p>The shutdown hook waits for that, not for the thread: that one goes on into System.exit, which never returns while
 * the JVM is shutting down.
 */
public final class Shutdown {
    private static volatile boolean requested;

    private final CountDownLatch done = new CountDownLatch(1);

    /**
     * From now on signals interrupt the calling thread.
     *
     * @param limit how long the process waits for {@link #done}; less than a service manager's patience
     */
    public Shutdown(Duration limit) {
        Thread main = Thread.currentThread();
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            requested = true;
                            main.interrupt();
                            try {
                                done.await(limit.toMillis(), TimeUnit.MILLISECONDS);
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "stop"));
    }

    /**
     * Waits for the signal.
     *
     * @throws InterruptedException when it comes
     */
    public void await() throws InterruptedException {
        done.await();
    }

    /** Whether the process was told to end: what fails from then on is of no interest to anybody. */
    static boolean isRequested() {
        return requested;
    }

    /** All is done: the process may end. */
    public void done() {
        done.countDown();
    }
}
