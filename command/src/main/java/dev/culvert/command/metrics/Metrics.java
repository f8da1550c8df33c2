package dev.culvert.command.metrics;

/**
 * Takes what a program measures, at one scrape. Names are as Prometheus' conventions have them: {@code culvert_PROGRAM_WHAT_UNIT},
 * units without a prefix (seconds, bytes). Each name has one help, and the same labels wherever it is told; several series of a
 * name need not be told one after the other. Used by one thread.
 */
public interface Metrics {
    /**
     * What only grows since the program was started.
     *
     * @param name ends in {@code _total}
     * @param labels names and values in turn
     */
    void counter(String name, String help, double value, String... labels);

    /**
     * What goes up and down.
     *
     * @param labels names and values in turn
     */
    void gauge(String name, String help, double value, String... labels);

    /**
     * How long something took.
     *
     * @param name ends in {@code _seconds}
     * @param labels names and values in turn
     */
    void histogram(String name, String help, Histogram durations, String... labels);
}
