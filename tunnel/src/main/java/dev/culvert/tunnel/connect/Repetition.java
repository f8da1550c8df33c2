package dev.culvert.tunnel.connect;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Keeps a program from saying the same again and again while a trouble lasts: each text is news once an hour. Several texts
 * may take turns, as those of two gateways do. Not for several threads.
 */
public final class Repetition {
    /** So that a log that is read the next day still shows that it went on. */
    static final Duration AGAIN_AFTER = Duration.ofHours(1);

    /** Different texts that are remembered: two for each of eight gateways. */
    static final int MAX_TEXTS = 16;

    private final Map<String, Long> said = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
            return size() > MAX_TEXTS;
        }
    };

    /** Whether to say it; then it is said. */
    public boolean isNews(String text, long nowNanos) {
        Long before = said.get(text);
        if (before != null && nowNanos - before < AGAIN_AFTER.toNanos()) {
            return false;
        }
        said.remove(text);
        said.put(text, nowNanos);
        return true;
    }

    /** By {@link System#nanoTime}. */
    public boolean isNews(String text) {
        return isNews(text, System.nanoTime());
    }

    /** The trouble is over: whatever comes is news. */
    public void clear() {
        said.clear();
    }
}
