package dev.culvert.command.metrics;

import java.io.IOException;

/** What a program has to tell at a scrape. */
@FunctionalInterface
public interface MetricsSource {
    /**
     * Tells all of it, as it is now. On the thread of the server of metrics: it may block for some seconds.
     *
     * @throws IOException with one line for people, when it cannot be found out
     */
    void tell(Metrics to) throws IOException;
}
