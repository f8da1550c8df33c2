package dev.culvert.gateway.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.gateway.lines.LineSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

@NullUnmarked
final class AuditLogTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00.123456Z");
    private static final TypeReference<Map<String, Object>> FIELDS = new TypeReference<>() {};

    @TempDir
    Path dir;

    private static AuditRecord refused(String why) {
        return new AuditRecord.TokenRefused(NOW, "192.0.2.1:5", why, null, null, null, 0);
    }

    private static Map<String, Object> parse(String line) {
        return JsonMapper.shared().readValue(line, FIELDS);
    }

    @Test
    void everyKindOfLineIsAnObjectWithTimeAndEvent() throws Exception {
        AuditRecord.Holder holder = new AuditRecord.Holder(3, "client", "laptop", "id", null, "192.0.2.1:5");
        Path file = dir.resolve("audit.jsonl");
        try (AuditLog log = AuditLog.to(file)) {
            log.add(new AuditRecord.Gateway(NOW, true, null));
            log.add(new AuditRecord.LinkUp(NOW, holder, "X25519MLKEM768"));
            log.add(new AuditRecord.LinkDown(NOW, holder, "bye", 7, Duration.ofMillis(1500)));
            log.add(new AuditRecord.Flow(
                    NOW,
                    "laptop",
                    3,
                    null,
                    null,
                    null,
                    "tcp",
                    "fd77::2",
                    443,
                    "office",
                    null,
                    null,
                    false,
                    null,
                    "prohibited",
                    "gateway",
                    0,
                    0,
                    Duration.ZERO));
            log.add(refused("a \"quoted\"\nline \u0007 of \ud83d strangers"));
            log.add(new AuditRecord.TokenEnrolled(NOW, "agent", "office", "id", "key", "192.0.2.1:5"));
            log.add(new AuditRecord.TokenRevoked(NOW, Map.of("id", "x"), 2));
            log.add(new AuditRecord.Lost(NOW, 9));
        }
        assertThat(Files.readAllLines(dir.resolve("audit-flows.jsonl")))
                .singleElement()
                .satisfies(l -> assertThat(parse(l)).containsEntry("event", "flow"));
        List<String> lines = Files.readAllLines(file);
        assertThat(lines)
                .hasSize(7)
                .allSatisfy(l -> assertThat(parse(l))
                        .containsEntry("time", "2026-11-22T12:00:00.123Z")
                        .containsKey("event"));
        assertThat(parse(lines.get(2)))
                .containsEntry("seconds", 1.5)
                .containsEntry("flows", 7)
                .doesNotContainKey("key");
        assertThat(parse(lines.get(3)).get("why").toString()).startsWith("a \"quoted\"\\u000aline");
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
    }

    /** Neither in the file nor in what a program reads out of it and prints. */
    @Test
    void noTextStandsInALineAsStrangersWroteIt() throws Exception {
        String evil = "\u001b[2J\u009b2J\u202e\u2028\r\n\ud800\u007f" + "x".repeat(100_000);
        Path file = dir.resolve("audit.jsonl");
        try (AuditLog log = AuditLog.to(file)) {
            log.add(new AuditRecord.LinkDown(
                    NOW, new AuditRecord.Holder(3, evil, evil, evil, evil, evil), evil, 7, Duration.ZERO));
            log.add(new AuditRecord.TokenRevoked(NOW, Map.of("reason", "\u202e\u009b\ud800"), 2));
        }
        List<String> lines = Files.readAllLines(file);
        assertThat(lines)
                .hasSize(2)
                .allSatisfy(l ->
                        assertThat(l).doesNotContainPattern("[\\p{C}\\p{Zl}]").hasSizeLessThan(8_192));
        assertThat(parse(lines.get(0)).get("why").toString())
                .startsWith("\\u001b[2J\\u009b2J\\u202e\\u2028\\u000d\\u000a\\ud800\\u007fx");
    }

    /** A sink that takes nothing until it is told to. */
    private static final class Stuck implements LineSink {
        final CountDownLatch go = new CountDownLatch(1);
        final StringBuilder text = new StringBuilder();
        int failures;

        @Override
        public synchronized void write(ByteBuffer lines) throws IOException {
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            if (failures-- > 0) {
                throw new IOException("No space left on device");
            }
            text.append(StandardCharsets.UTF_8.decode(lines));
        }

        @Override
        public void close() {}
    }

    @Test
    void whatDoesNotFitIsCountedAndSaid() {
        Stuck sink = new Stuck();
        int sent = 4_000; // within its share
        try (AuditLog log = AuditLog.start(sink, 64, Clock.fixed(NOW, ZoneOffset.UTC))) {
            for (int i = 0; i < sent; i++) {
                log.add(refused("x"));
            }
            sink.go.countDown();
        }
        assertThat(account(sink)).isEqualTo(sent);
        assertThat(sink.text).contains("\"lost\"");
    }

    @Test
    void whatAFullDiskDoesNotTakeWaitsForItToBeBack() {
        Stuck sink = new Stuck();
        sink.failures = 3;
        sink.go.countDown();
        try (AuditLog log = AuditLog.start(sink, 64, Clock.fixed(NOW, ZoneOffset.UTC))) {
            for (int i = 0; i < 10; i++) {
                log.add(refused("x"));
            }
        }
        assertThat(sink.text.toString().lines()).hasSize(10);
    }

    /** Lines there and lines told as lost. */
    private static long account(Stuck sink) {
        return sink.text
                .toString()
                .lines()
                .map(AuditLogTest::parse)
                .mapToLong(l -> l.get("event").equals("lost") ? ((Number) l.get("lines")).longValue() : 1)
                .sum();
    }

    @Test
    void aLogThatKeepsNothingIsOff() {
        try (AuditLog log = AuditLog.none()) {
            log.add(refused("x"));
            assertThat(log.isOn()).isFalse();
        }
    }

    @Test
    void aFileThatCannotBeWrittenIsNamed() {
        assertThatThrownBy(() -> AuditLog.to(dir.resolve("no/such/place")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no/such/place")
                .hasMessageContaining("--audit");
    }

    private static AuditRecord.Flow flow(String client, boolean allowed) {
        return new AuditRecord.Flow(
                NOW,
                client,
                3,
                null,
                null,
                null,
                "tcp",
                "10.0.0.1",
                443,
                "office",
                allowed ? 4L : null,
                null,
                allowed,
                "rule",
                allowed ? "finished" : "prohibited",
                allowed ? null : "gateway",
                0,
                0,
                Duration.ZERO);
    }

    /** Nobody can make the rest of the log be forgotten: neither other clients' flows nor, least of all, what is no flow. */
    @Test
    void oneClientGetsItsShareAndTheRestIsCounted() throws Exception {
        Path file = dir.resolve("audit.jsonl");
        int floods = 30_000;
        try (AuditLog log = AuditLog.to(file)) {
            log.add(refused("before"));
            for (int i = 0; i < floods; i++) {
                log.add(flow("evil", false));
                log.add(flow("busy", true));
            }
            log.add(flow("laptop", false));
        }
        List<Map<String, Object>> flows = lines(dir.resolve("audit-flows.jsonl"));
        List<Map<String, Object>> others = lines(file);
        assertThat(flows).allMatch(l -> l.get("event").equals("flow"));
        assertThat(flows.stream().filter(l -> l.get("client").equals("laptop"))).hasSize(1);
        assertThat(others.get(0)).containsEntry("why", "before");
        assertThat(others).noneMatch(l -> l.get("event").equals("flow"));
        for (String name : List.of("evil", "busy")) {
            long told = flows.stream().filter(l -> l.get("client").equals(name)).count();
            long left = others.stream()
                    .filter(l -> name.equals(l.get("name")))
                    .mapToLong(l -> ((Number) l.get("lines")).longValue())
                    .sum();
            assertThat(told + left).as(name).isEqualTo(floods);
            assertThat(told).as(name).isBetween(1_000L, 20_000L);
        }
    }

    @Test
    void linksThatComeAndGoAreCountedToo() throws Exception {
        Path file = dir.resolve("audit.jsonl");
        AuditRecord.Holder holder = new AuditRecord.Holder(3, "client", "evil", "id", null, "192.0.2.1:5");
        try (AuditLog log = AuditLog.to(file)) {
            for (int i = 0; i < 10_000; i++) {
                log.add(new AuditRecord.LinkUp(NOW, holder, "X25519MLKEM768"));
            }
            log.add(new AuditRecord.LinkUp(
                    NOW, new AuditRecord.Holder(4, "client", "laptop", "id", null, "192.0.2.2:5"), ""));
        }
        List<Map<String, Object>> lines = lines(file);
        assertThat(lines).hasSizeLessThan(5_000).anyMatch(l -> "laptop".equals(l.get("name")));
        // What was left out is told before or behind the last link, as the writer comes to it.
        List<Map<String, Object>> left =
                lines.stream().filter(l -> "unreported".equals(l.get("event"))).toList();
        assertThat(left).isNotEmpty().allSatisfy(l -> assertThat(l).containsEntry("what", "links"));
        long told = lines.stream()
                .filter(l -> "evil".equals(l.get("name")) && "link-up".equals(l.get("event")))
                .count();
        assertThat(told
                        + left.stream()
                                .mapToLong(l -> ((Number) l.get("lines")).longValue())
                                .sum())
                .isEqualTo(10_000);
    }

    /** Each network has a share of wrong tokens, and whoever has thousands of networks had thousands of shares. */
    @Test
    void wrongTokensFromEverywhereAreCountedToo() throws Exception {
        Path file = dir.resolve("audit.jsonl");
        try (AuditLog log = AuditLog.to(file)) {
            for (int i = 0; i < 20_000; i++) {
                log.add(refused("wrong " + i));
            }
        }
        List<Map<String, Object>> lines = lines(file);
        assertThat(lines).hasSizeLessThan(10_000);
        long left = lines.stream()
                .filter(l -> "unreported".equals(l.get("event")) && "refused tokens".equals(l.get("what")))
                .mapToLong(l -> ((Number) l.get("lines")).longValue())
                .sum();
        long told = lines.stream()
                .filter(l -> "token-refused".equals(l.get("event")))
                .count();
        assertThat(told + left).isEqualTo(20_000);
    }

    private static List<Map<String, Object>> lines(Path file) throws Exception {
        return Files.readAllLines(file).stream().map(AuditLogTest::parse).toList();
    }

    @Test
    void theFileOfFlowsHasAName() {
        assertThat(AuditLog.flows(Path.of("/x/audit.jsonl"))).isEqualTo(Path.of("/x/audit-flows.jsonl"));
        assertThat(AuditLog.flows(Path.of("log"))).isEqualTo(Path.of("log-flows"));
        assertThat(AuditLog.flows(Path.of("/x.y/.log"))).isEqualTo(Path.of("/x.y/.log-flows"));
    }
}
