package dev.culvert.command.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

@NullUnmarked
@Timeout(120)
final class MetricsServerTest {
    private static final String GET = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";

    private final AtomicInteger asked = new AtomicInteger();
    /** Stands still but when a test moves it. */
    private final AtomicLong nanos = new AtomicLong();

    private final List<String> log = new CopyOnWriteArrayList<>();
    private MetricsSource source = to -> to.gauge("culvert_test_asked", "How often.", asked.incrementAndGet());
    private MetricsServer server;

    @BeforeEach
    void open() throws IOException {
        open(MetricsServer.LIFE);
    }

    private void open(Duration life) throws IOException {
        server = new MetricsServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                to -> source.tell(to),
                log::add,
                nanos::get,
                life);
    }

    @AfterEach
    void close() {
        server.close();
    }

    private Socket connect() throws IOException {
        return new Socket(server.address().getAddress(), server.address().getPort());
    }

    private String ask(String request) throws IOException {
        try (Socket socket = connect()) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            return rest(socket);
        }
    }

    private static String rest(Socket socket) throws IOException {
        try (InputStream in = socket.getInputStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void metricsAreServed() throws IOException {
        assertThat(ask(GET))
                .startsWith("HTTP/1.1 200 OK\r\n")
                .contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n")
                .contains("\nculvert_test_asked 1.0\n", "\njvm_threads_current ");
    }

    @ParameterizedTest
    @CsvSource({
        "GET / HTTP/1.1, 404 Not Found",
        "GET /metrics/../x HTTP/1.1, 404 Not Found",
        "POST /metrics HTTP/1.1, 405 Method Not Allowed",
        "GET /metrics?name[]=x HTTP/1.0, 200 OK",
        "nonsense, 400 Bad Request"
    })
    void whatElseIsAsked(String line, String answer) throws IOException {
        assertThat(ask(line + "\r\n\r\n")).startsWith("HTTP/1.1 " + answer + "\r\n");
    }

    @Test
    void aRequestHasItsBounds() throws IOException {
        assertThat(ask("GET /" + "a".repeat(5_000))).startsWith("HTTP/1.1 400 ");
        assertThat(ask("GET /metrics HTTP/1.1\r\n" + "A: b\r\n".repeat(3_000))).startsWith("HTTP/1.1 400 ");
        assertThat(asked).hasValue(0);
    }

    /** However often: what it costs is bounded. */
    @Test
    void whoAsksAtOnceIsToldTheSame() throws IOException {
        ask(GET);
        assertThat(ask(GET)).contains("culvert_test_asked 1.0");
        nanos.addAndGet(MetricsServer.KEPT.toNanos());
        assertThat(ask(GET)).contains("culvert_test_asked 2.0");
    }

    @Test
    void whatCannotBeToldIsSaid() throws IOException {
        source = to -> {
            throw new IOException("the agent is too busy");
        };
        assertThat(ask(GET)).startsWith("HTTP/1.1 503 ").endsWith("\r\n\r\nthe agent is too busy\n");
        assertThat(log).isEmpty();
        source = to -> to.counter("culvert_test", "Wrong.", 1);
        assertThat(ask(GET)).startsWith("HTTP/1.1 500 ").doesNotContain("culvert_test");
        assertThat(log).singleElement().asString().contains("culvert_test");
    }

    /** Who only holds connections keeps nobody out, and loses the oldest of them. */
    @Test
    void noMoreThanSomeConnectionsAtOnce() throws IOException {
        List<Socket> held = new ArrayList<>();
        for (int i = 0; i < MetricsServer.MAX_CONNECTIONS; i++) {
            held.add(connect());
        }
        assertThat(ask(GET)).startsWith("HTTP/1.1 200 ");
        assertThat(rest(held.get(0))).isEmpty();
        Socket last = held.get(MetricsServer.MAX_CONNECTIONS - 1);
        last.getOutputStream().write(GET.getBytes(StandardCharsets.US_ASCII));
        assertThat(rest(last)).startsWith("HTTP/1.1 200 ");
        for (Socket one : held) {
            one.close();
        }
    }

    @Test
    void whoSaysNothingIsNotWaitedForForLong() throws IOException {
        server.close();
        open(Duration.ofMillis(50));
        try (Socket silent = connect()) {
            assertThat(rest(silent)).isEmpty();
        }
    }

    @CommandLine.Command(name = "test")
    static final class Options {
        @CommandLine.Mixin
        MetricsOptions metrics = new MetricsOptions();
    }

    private MetricsOptions options(String... arguments) {
        Options options = new Options();
        new CommandLine(options).parseArgs(arguments);
        return options.metrics;
    }

    @Test
    void isOffUnlessAskedFor() throws IOException {
        List<String> said = new ArrayList<>();
        options().open(source, said::add, said::add).close();
        assertThat(said).isEmpty();
    }

    @Test
    void saysWhereAndWarnsOfOthers() throws IOException {
        List<String> said = new ArrayList<>();
        List<String> warned = new ArrayList<>();
        options("--metrics", "0").open(source, said::add, warned::add).close();
        assertThat(said).singleElement().asString().matches("metrics are at http://127\\.0\\.0\\.1:\\d+/metrics");
        assertThat(warned).isEmpty();
        options("--metrics=0.0.0.0:0").open(source, said::add, warned::add).close();
        assertThat(warned).singleElement().asString().contains("0.0.0.0:");
    }

    @Test
    void aPortThatIsTakenIsSaid() {
        String taken = "127.0.0.1:" + server.address().getPort();
        assertThat(org.assertj.core.api.Assertions.catchThrowableOfType(
                        IOException.class, () -> options("--metrics", taken).open(source, log::add, log::add)))
                .hasMessageContaining(taken)
                .hasMessageContaining("in use")
                .hasMessageContaining("--metrics");
    }
}
