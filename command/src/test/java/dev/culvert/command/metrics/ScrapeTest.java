package dev.culvert.command.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class ScrapeTest {
    private final Scrape scrape = new Scrape();

    private String text() throws IOException {
        return new String(scrape.text(), StandardCharsets.UTF_8);
    }

    @Test
    void allThatWasToldIsWrittenDownByName() throws IOException {
        scrape.gauge("culvert_test_links", "Links.", 3, "kind", "agent");
        scrape.counter("culvert_test_bytes_total", "Bytes.", 5_000_000_000d);
        scrape.gauge("culvert_test_links", "Links.", 4, "kind", "client");
        assertThat(text()).isEqualTo("""
                # HELP culvert_test_bytes_total Bytes.
                # TYPE culvert_test_bytes_total counter
                culvert_test_bytes_total 5.0E9
                # HELP culvert_test_links Links.
                # TYPE culvert_test_links gauge
                culvert_test_links{kind="agent"} 3.0
                culvert_test_links{kind="client"} 4.0
                """);
    }

    /** Each bucket holds those below it, as Prometheus has it; a bound is within its bucket. */
    @Test
    void durationsAreCountedByTheirLength() throws IOException {
        Histogram durations = new Histogram();
        durations.add(-1);
        durations.add(TimeUnit.MILLISECONDS.toNanos(1));
        durations.add(TimeUnit.MILLISECONDS.toNanos(30));
        durations.add(TimeUnit.SECONDS.toNanos(60));
        scrape.histogram("culvert_test_seconds", "Time.", durations, "protocol", "tcp");
        assertThat(text().lines().filter(line -> !line.startsWith("#")))
                .contains(
                        "culvert_test_seconds_bucket{protocol=\"tcp\",le=\"0.001\"} 2",
                        "culvert_test_seconds_bucket{protocol=\"tcp\",le=\"0.025\"} 2",
                        "culvert_test_seconds_bucket{protocol=\"tcp\",le=\"0.05\"} 3",
                        "culvert_test_seconds_bucket{protocol=\"tcp\",le=\"10.0\"} 3",
                        "culvert_test_seconds_bucket{protocol=\"tcp\",le=\"+Inf\"} 4",
                        "culvert_test_seconds_count{protocol=\"tcp\"} 4",
                        "culvert_test_seconds_sum{protocol=\"tcp\"} 60.031");
    }

    /** A name that somebody has chosen stays within its quotes. */
    @Test
    void labelsAreEscaped() throws IOException {
        scrape.gauge("culvert_test_clients", "Clients.", 1, "client", "a\"} 9\n\\b");
        assertThat(text()).endsWith("\nculvert_test_clients{client=\"a\\\"} 9\\n\\\\b\"} 1.0\n");
    }

    @Test
    void aCounterIsCalledOne() {
        assertThatIllegalArgumentException().isThrownBy(() -> scrape.counter("culvert_test_flows", "Flows.", 1));
    }

    @Test
    void theProcessTellsOfItself() throws IOException {
        ProcessMetrics.tell(scrape);
        assertThat(text())
                .contains("process_cpu_seconds_total ", "jvm_memory_used_bytes{area=\"heap\"} ")
                .containsPattern("process_open_fds [1-9]")
                .containsPattern("process_max_fds ([1-9]|\\+Inf)")
                .containsPattern("process_resident_memory_bytes [1-9]");
    }
}
