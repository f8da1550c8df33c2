package dev.culvert.tun.host;

import java.io.Closeable;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when links, addresses, routes or rules change: a thread that listens to what the system tells, and looks now and then in
 * any case, for what it does not tell and for systems that tell nothing.
 */
public final class HostWatch implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(HostWatch.class);

    /** A look at a machine at which nothing has happened costs a millisecond. */
    static final int LOOK_MILLIS = 5_000;

    /** The thread ends within this; a wait cannot be interrupted. */
    private static final int STEP_MILLIS = 500;

    /** What the system tells of its network. Used by the watch's thread only. */
    public interface Events extends Closeable {
        /** Waits for news, at most so long; whether there are any. */
        boolean await(int millis) throws IOException;
    }

    /** Begins to listen. */
    public interface Source {
        /** From now on nothing that happens is missed. */
        Events open() throws IOException;
    }

    private final Thread thread;
    private volatile boolean closed;

    private HostWatch(Source source, Runnable changed) {
        thread = new Thread(() -> run(source, changed), "host-watch");
        thread.setDaemon(true);
    }

    /**
     * Begins to watch.
     *
     * @param source opened on the watch's thread
     * @param changed called on the watch's thread; must be quick, and may be called for nothing
     */
    public static HostWatch start(Source source, Runnable changed) {
        HostWatch watch = new HostWatch(source, changed);
        watch.thread.start();
        return watch;
    }

    private void run(Source source, Runnable changed) {
        try (Events events = source.open()) {
            changed.run(); // what came before
            int quiet = 0;
            while (!closed) {
                if (events.await(STEP_MILLIS)) {
                    quiet = 0;
                    changed.run();
                } else {
                    quiet += STEP_MILLIS;
                    if (quiet >= LOOK_MILLIS) {
                        quiet = 0;
                        changed.run();
                    }
                }
            }
        } catch (IOException e) {
            log.warn(
                    "changes of this machine's network are noticed after {} s only: {}",
                    LOOK_MILLIS / 1000,
                    e.getMessage());
            poll(changed);
        }
    }

    private void poll(Runnable changed) {
        try {
            while (!closed) {
                Thread.sleep(LOOK_MILLIS);
                changed.run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
