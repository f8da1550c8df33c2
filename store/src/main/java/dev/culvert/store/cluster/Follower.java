package dev.culvert.store.cluster;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The thread of a gateway that keeps its copy as the store is, and the store as the copy. */
final class Follower extends Thread {
    private static final Logger log = LoggerFactory.getLogger(Follower.class);

    /** So much of what was written last may be lost with the engine and its writer: a question of some bytes each. */
    private static final Duration PERIOD = Duration.ofMillis(500);

    private final CopiedValues values;

    Follower(CopiedValues values) {
        super("store-copy");
        this.values = values;
        setDaemon(true);
    }

    @Override
    public void run() {
        try {
            while (!isInterrupted()) {
                Thread.sleep(PERIOD.toMillis());
                try {
                    values.follow();
                } catch (RuntimeException | Error e) { // thrown out of here, even one of these would end it for good
                    log.error("the store's copy: {}", e, e);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
