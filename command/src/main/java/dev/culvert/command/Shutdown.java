package dev.culvert.command;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets a command end in order when the process gets SIGINT or SIGTERM: it hears of that where it waits for it, and the process
 * waits until {@link #done} is called, or a limit is over.
 *
 * <p>No thread is interrupted: to whatever file it was reading or writing, a journal perhaps, an interrupt closes its channel
 * for good. Nor does the shutdown hook wait for a thread to end: that one goes on into System.exit, which never returns while
 * the JVM is shutting down.
 */
public final class Shutdown {
    private static volatile boolean requested;

    private final CompletableFuture<Void> asked = new CompletableFuture<>();
    private final CountDownLatch done = new CountDownLatch(1);

    /**
     * From now on the process ends in order.
     *
     * @param limit how long it waits for {@link #done}; less than a service manager's patience
     */
    public Shutdown(Duration limit) {
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            requested = true;
                            request(limit);
                        },
                        "stop"));
    }

    /** What the signal does: returns when all is done, or the limit is over. */
    public void request(Duration limit) {
        asked.complete(null);
        try {
            done.await(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for the signal. */
    public void await() {
        asked.join();
    }

    /** Completes with the signal. */
    public CompletableFuture<Void> asked() {
        return asked;
    }

    /**
     * Completes with the next signal: whoever sends it does not want to wait. To be asked for after the first, whose handlers of the
     * JVM's this takes the place of.
     */
    public CompletableFuture<Void> askedAgain() {
        CompletableFuture<Void> again = new CompletableFuture<>();
        for (String signal : List.of("TERM", "INT", "HUP")) {
            Signals.handle(signal, () -> again.complete(null));
        }
        return again;
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
