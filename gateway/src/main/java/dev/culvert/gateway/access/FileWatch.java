package dev.culvert.gateway.access;

import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks a few times a second whether files that the gateway lives by have changed, on a thread of its own: neither a slow
 * disk nor a queue of tokens to verify may delay a revocation. An error is logged once, until it is another or over, however many
 * of them it keeps from being read.
 */
public final class FileWatch implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(FileWatch.class);

    /** The goal is a second, from the command that revokes to the last flow. */
    private static final Duration PERIOD = Duration.ofMillis(200);

    /** A file, or several. */
    public interface Watched {
        /**
         * Reads what has changed. On the watch's thread; may block.
         *
         * @return true if something has
         * @throws IOException with one line for people; asked again next time
         */
        boolean refresh() throws IOException;
    }

    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("gateway-files", true));

    /** What is wrong now, and was said. On the thread. */
    private final Map<Watched, String> complaints = new HashMap<>();

    /**
     * Begins to watch.
     *
     * @param changed called on the watch's thread each time after something has changed
     */
    public void add(Watched file, Runnable changed) {
        thread.scheduleWithFixedDelay(
                () -> look(file, changed), PERIOD.toMillis(), PERIOD.toMillis(), TimeUnit.MILLISECONDS);
    }

    void look(Watched file, Runnable changed) {
        try {
            if (file.refresh()) {
                changed.run();
            }
            String before = complaints.remove(file);
            if (before != null && !complaints.containsValue(before)) {
                log.info("what could not be read before can be read again");
            }
        } catch (IOException e) {
            complain(file, String.valueOf(e.getMessage()), null);
        } catch (RuntimeException | Error e) { // thrown out of here, even one of these would end the watch for good
            complain(file, e.toString(), e);
        }
    }

    private void complain(Watched file, String text, @Nullable Throwable bug) {
        boolean news = !complaints.containsValue(text);
        complaints.put(file, text);
        if (news) {
            log.error("{}", text, bug);
        }
    }

    /** Ends the thread. */
    @Override
    public void close() {
        thread.shutdown();
    }
}
