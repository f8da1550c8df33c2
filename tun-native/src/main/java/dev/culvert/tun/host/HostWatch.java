package dev.culvert.tun.host;

import java.io.Closeable;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when links, addresses, routes or rules change: a thread that listens to the kernel's own messages, and looks now and then in
 * any case, for what has no message and for kernels that tell nothing.
 */
public final class HostWatch implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(HostWatch.class);

    /** Link, IPv4 address, route, rule; IPv6 address, route; IPv6 rule; settings such as disable_ipv6 (RTNLGRP numbers less 1). */
    private static final int GROUPS =
            1 << 0 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 18 | 1 << 23 | 1 << 24;

    /** A look at a machine at which nothing has happened costs a millisecond. */
    static final int LOOK_MILLIS = 5_000;

    /** The thread ends within this; a wait cannot be interrupted. */
    private static final int STEP_MILLIS = 500;

    private final Thread thread;
    private volatile boolean closed;

    private HostWatch(Runnable changed) {
        thread = new Thread(() -> run(changed), "host-watch");
        thread.setDaemon(true);
    }

    /**
     * Begins to watch the network namespace of this thread.
     *
     * @param changed called on the watch's thread; must be quick, and may be called for nothing
     */
    public static HostWatch start(Runnable changed) {
        HostWatch watch = new HostWatch(changed);
        watch.thread.start();
        return watch;
    }

    private void run(Runnable changed) {
        try (Netlink netlink = Netlink.open(GROUPS)) {
            changed.run(); // what came before the socket was open
            int quiet = 0;
            while (!closed) {
                if (netlink.awaitEvent(STEP_MILLIS)) {
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
