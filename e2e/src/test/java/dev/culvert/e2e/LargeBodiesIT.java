package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies of a gigabyte through a published site, both ways: whole, in memory that does not grow with them, and held back. */
@Tag("netns")
final class LargeBodiesIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofMinutes(4);
    private static final long SMALL = 100 << 20;
    private static final long LARGE = 1 << 30;

    /** Of what is resident, between small bodies and large ones: garbage that waits for its collection, and little else. */
    private static final long GROWTH_KILOBYTES = 96 << 10;

    /**
     * What may be on its way in one direction: the kernels' buffers of four sockets, 4 to 6 MiB on each side of each, and the
     * windows of a flow and of a stream, 8 MiB at most.
     */
    private static final long ON_ITS_WAY = 64 << 20;

    private static final Map<Long, String> SUMS = new HashMap<>();

    private static Path certificate;
    private static Program gateway;
    private static Program agent;

    @BeforeAll
    static void start() throws Exception {
        certificate = lab.certificate("bodies", "DNS:bodies.test");
        lab.startPython(lab.officeHost, "bodies", "bodies.py", "serve", "8081").awaitOutput("READY", Lab.START);
        gateway = lab.startGateway(
                "--certificate", certificate + "," + lab.directory().resolve("bodies.key"));
        agent = lab.startAgent(lab.office, lab.publishersToken(), "--publish", "bodies.test=http://192.168.77.2:8081");
        await().atMost(PATIENCE).ignoreExceptions().until(() -> moved().equals(List.of(0L, 0L, 0L)));
    }

    private static String curl(String options, String path) {
        return "curl -sSf --max-time " + PATIENCE.toSeconds() + " --cacert " + certificate + " --resolve bodies.test:"
                + Lab.PORT + ":" + Lab.GATEWAY + " " + options + " 'https://bodies.test:" + Lab.PORT + path + "'";
    }

    private static String bodies(String arguments) throws Exception {
        return "python3 " + lab.resource("bodies.py") + " " + arguments;
    }

    private static String client(String line) throws Exception {
        return lab.shell(lab.client, PATIENCE, line).strip();
    }

    /** What the target has sent and read, and how many bodies are under way there. */
    private static List<Long> moved() throws Exception {
        String said = lab.shell(lab.officeHost, Lab.COMMAND, "curl -sSf http://127.0.0.1:8081/moved");
        return List.of(said.strip().split(" ")).stream().map(Long::valueOf).toList();
    }

    private static String sum(long size) {
        return SUMS.computeIfAbsent(size, n -> {
            try {
                return client(bodies("sum " + n));
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    private static void download(String version, String how, long size) throws Exception {
        assertThat(client(curl(version, "/" + how + "?" + size) + " | sha256sum"))
                .as("%s %s", version, how)
                .startsWith(sum(size) + " ");
    }

    /** Of a length that curl does not know. */
    private static void uploadInChunks(String version, long size) throws Exception {
        assertThat(client(bodies("make " + size) + " | " + curl(version + " -H Expect: -T -", "/sum")))
                .as(version)
                .isEqualTo("chunked " + size + " " + sum(size));
    }

    private static void uploadWithLength(String version, long size) throws Exception {
        Path file = lab.directory().resolve("with-holes");
        client(bodies("make " + size + " " + file));
        String sum = Lab.must("sha256sum", file.toString()).substring(0, 64);
        assertThat(client(curl(version + " -T " + file, "/sum"))).as(version).isEqualTo("length " + size + " " + sum);
        Files.delete(file);
    }

    @Test
    void aGigabyteEachWayInTheSameMemory() throws Exception {
        download("--http1.1", "chunked", SMALL);
        download("--http1.1", "body", SMALL);
        download("--http2", "body", SMALL);
        uploadInChunks("--http1.1", SMALL);
        uploadInChunks("--http2", SMALL);
        uploadWithLength("--http2", SMALL);
        long gatewayBefore = gateway.mostResidentKilobytes();
        long agentBefore = agent.mostResidentKilobytes();
        download("--http2", "chunked", LARGE);
        uploadWithLength("--http1.1", LARGE);
        long gatewayAfter = gateway.mostResidentKilobytes();
        long agentAfter = agent.mostResidentKilobytes();
        System.out.printf(
                "most resident after %d MiB bodies, and after %d MiB: gateway %d, %d KiB; agent %d, %d KiB%n",
                SMALL >> 20, LARGE >> 20, gatewayBefore, gatewayAfter, agentBefore, agentAfter);
        assertThat(gatewayAfter - gatewayBefore).as("gateway, KiB").isLessThan(GROWTH_KILOBYTES);
        assertThat(agentAfter - agentBefore).as("agent, KiB").isLessThan(GROWTH_KILOBYTES);
    }

    /** The target has sent what is on its way, and no more, as long as the browser does not read. */
    @ParameterizedTest
    @ValueSource(strings = {"--http1.1", "--http2"})
    void aReaderThatHardlyReadsHoldsTheTargetBack(String version) throws Exception {
        long before = moved().get(0);
        Program reader = lab.start(
                lab.client,
                "reader",
                "bash",
                "-c",
                "exec " + curl(version + " --limit-rate 50k -o /dev/null", "/body?" + LARGE));
        long sent = standstill(() -> moved().get(0)) - before;
        assertThat(reader.isAlive()).isTrue();
        System.out.printf("%s: %d KiB sent to who hardly reads%n", version, sent >> 10);
        assertThat(sent).isBetween(1L, ON_ITS_WAY);
        reader.terminate();
        await().atMost(PATIENCE).until(() -> moved().get(2) == 0); // it is over for the target as well
    }

    /** So has the browser as long as the target does not read; when it does, all comes. */
    @ParameterizedTest
    @ValueSource(strings = {"--http1.1", "--http2"})
    void aTargetThatDoesNotReadHoldsTheBrowserBack(String version) throws Exception {
        Program writer = lab.start(
                lab.client,
                "writer",
                "bash",
                "-c",
                bodies("make " + SMALL) + " | " + curl(version + " -H Expect: -T -", "/stalled"));
        long sent = standstill(LargeBodiesIT::sentToTheGateway);
        System.out.printf("%s: %d KiB sent to who does not read%n", version, sent >> 10);
        assertThat(sent).isBetween(1L, ON_ITS_WAY);
        assertThat(writer.isAlive()).isTrue();
        lab.shell(lab.officeHost, Lab.COMMAND, "curl -sSf http://127.0.0.1:8081/go");
        assertThat(writer.exitWithin(PATIENCE)).isZero();
        assertThat(writer.output()).isEqualTo("chunked " + SMALL + " " + sum(SMALL));
    }

    /** On connections of the client's machine that are open; with TLS around it. */
    private static long sentToTheGateway() throws Exception {
        return lab.shell(
                        lab.client,
                        Lab.COMMAND,
                        "ss -tinH dst " + Lab.GATEWAY + " | grep -o 'bytes_sent:[0-9]*' || true")
                .lines()
                .mapToLong(l -> Long.parseLong(l.substring(l.indexOf(':') + 1)))
                .sum();
    }

    private interface Count {
        long now() throws Exception;
    }

    /** What it comes to: until it has been the same for two seconds. */
    private static long standstill(Count count) throws Exception {
        long[] last = {0, 0};
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(500)).until(() -> {
            long now = count.now();
            last[1] = now > 0 && now == last[0] ? last[1] + 1 : 0;
            last[0] = now;
            return last[1] == 4;
        });
        return last[0];
    }
}
