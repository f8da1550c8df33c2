package dev.culvert.command.metrics;

import io.prometheus.metrics.config.EscapingScheme;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** All metrics of one moment, and their text. */
final class Scrape implements Metrics {
    /** The type of {@link #text}. */
    static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

    private static final String TOTAL = "_total";

    private final Map<String, CounterSnapshot.Builder> counters = new LinkedHashMap<>();
    private final Map<String, GaugeSnapshot.Builder> gauges = new LinkedHashMap<>();
    private final Map<String, HistogramSnapshot.Builder> histograms = new LinkedHashMap<>();

    @Override
    public void counter(String name, String help, double value, String... labels) {
        if (!name.endsWith(TOTAL)) {
            throw new IllegalArgumentException("counter " + name + ": its name must end in " + TOTAL);
        }
        String base = name.substring(0, name.length() - TOTAL.length()); // as the library has it
        counters.computeIfAbsent(base, n -> CounterSnapshot.builder().name(n).help(help))
                .dataPoint(CounterDataPointSnapshot.builder()
                        .labels(Labels.of(labels))
                        .value(value)
                        .build());
    }

    @Override
    public void gauge(String name, String help, double value, String... labels) {
        gauges.computeIfAbsent(name, n -> GaugeSnapshot.builder().name(n).help(help))
                .dataPoint(GaugeDataPointSnapshot.builder()
                        .labels(Labels.of(labels))
                        .value(value)
                        .build());
    }

    @Override
    public void histogram(String name, String help, Histogram durations, String... labels) {
        histograms
                .computeIfAbsent(name, n -> HistogramSnapshot.builder().name(n).help(help))
                .dataPoint(HistogramDataPointSnapshot.builder()
                        .labels(Labels.of(labels))
                        .classicHistogramBuckets(ClassicHistogramBuckets.of(durations.bounds(), durations.counts()))
                        .sum(durations.sum())
                        .build());
    }

    /**
     * All that was told, in the order of names.
     *
     * @throws IllegalArgumentException for a name that is none, or one series told twice: a mistake of the program's
     */
    byte[] text() throws IOException {
        MetricSnapshots.Builder all = MetricSnapshots.builder();
        counters.values().forEach(c -> all.metricSnapshot(c.build()));
        gauges.values().forEach(g -> all.metricSnapshot(g.build()));
        histograms.values().forEach(h -> all.metricSnapshot(h.build()));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrometheusTextFormatWriter.create().write(out, all.build(), EscapingScheme.DEFAULT);
        return out.toByteArray();
    }
}
