package dev.culvert.gateway.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
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
            log.add(new AuditRecord.LinkUp(NOW, holder));
            log.add(new AuditRecord.LinkDown(NOW, holder, "bye", 7, Duration.ofMillis(1500)));
            log.add(new AuditRecord.Flow(
                    NOW,
                    "laptop",
                    3,
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
        List<String> lines = Files.readAllLines(file);
        assertThat(lines)
                .hasSize(8)
                .allSatisfy(l -> assertThat(parse(l))
                        .containsEntry("time", "2026-11-22T12:00:00.123Z")
                        .containsKey("event"));
        assertThat(parse(lines.get(2)))
                .containsEntry("seconds", 1.5)
                .containsEntry("flows", 7)
                .doesNotContainKey("key");
        assertThat(parse(lines.get(4)).get("why").toString()).startsWith("a \"quoted\"\\u000aline");
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
    private static final class Stuck implements AuditSink {
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
        int sent = 5_000;
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
    void aFullDiskLosesLinesAndSaysHowMany() {
        Stuck sink = new Stuck();
        sink.failures = 3;
        sink.go.countDown();
        try (AuditLog log = AuditLog.start(sink, 64, Clock.fixed(NOW, ZoneOffset.UTC))) {
            for (int i = 0; i < 10; i++) {
                log.add(refused("x"));
            }
        }
        assertThat(account(sink)).isEqualTo(10);
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

    /** Lines of all lengths in small files: each is in one file, whole, in order; the oldest files go. */
    @Test
    void filesArePutAsideWhenTheyHaveGrown() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Path file = dir.resolve("a");
        AuditFile out = new AuditFile(file, 1_000, 3);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            String line = i + " " + "x".repeat(random.nextInt(300)) + "\n";
            sent.add(line);
            out.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.US_ASCII)));
            if (random.nextInt(10) == 0) {
                out.close();
                out = new AuditFile(file, 1_000, 3);
            }
        }
        out.close();
        StringBuilder kept = new StringBuilder();
        for (String name : List.of("a.3", "a.2", "a.1", "a")) {
            String text = Files.readString(dir.resolve(name));
            assertThat(text)
                    .as("seed %d, %s", seed, name)
                    .isNotEmpty()
                    .endsWith("\n")
                    .hasSizeLessThanOrEqualTo(1_000);
            kept.append(text);
        }
        assertThat(String.join("", sent)).as("seed %d", seed).endsWith(kept.toString());
        assertThat(dir.resolve("a.4")).doesNotExist();
    }

    @Test
    void aLineThatACrashHasCutIsDropped() throws Exception {
        Path file = dir.resolve("a");
        Files.writeString(file, "{\"a\":1}\n{\"b\":");
        AuditFile out = new AuditFile(file);
        out.write(ByteBuffer.wrap("{\"c\":1}\n".getBytes(StandardCharsets.US_ASCII)));
        out.close();
        assertThat(file).hasContent("{\"a\":1}\n{\"c\":1}\n");
        Files.writeString(file, "cut");
        new AuditFile(file).close();
        assertThat(file).isEmptyFile();
    }
}
