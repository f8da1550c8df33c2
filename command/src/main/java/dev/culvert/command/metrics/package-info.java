/**
 * What a program measures, for Prometheus to fetch by HTTP: {@link dev.culvert.command.metrics.MetricsOptions} is its command line, a
 * {@link dev.culvert.command.metrics.MetricsSource} of the program tells its figures to {@link dev.culvert.command.metrics.Metrics} at
 * each scrape, from what it counts anyway, and {@code MetricsServer} serves them. Only this package knows the library that writes
 * them down, and none of that is loaded until it is asked for.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.command.metrics;
