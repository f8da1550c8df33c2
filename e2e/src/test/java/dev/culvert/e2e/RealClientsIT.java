package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/** Published sites and real clients of them: Chromium without a screen, whose page tries what web applications do, and gRPC's own. */
@Tag("netns")
final class RealClientsIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(240);
    private static final int BIG = 24 << 20;

    /** Debian's, which knows Debian's packages. */
    private static final String SYSTEM_PYTHON = "/usr/bin/python3";

    private static Path report;

    @BeforeAll
    static void start() throws Exception {
        Path certificate = lab.certificate("site", "DNS:site.test,DNS:calls.test");
        report = lab.directory().resolve("report.json");
        lab.startPython(lab.officeHost, "site", "site.py", "8081", report.toString())
                .awaitOutput("READY", Lab.START);
        lab.start(
                        lab.officeHost,
                        "calls",
                        SYSTEM_PYTHON,
                        lab.resource("calls.py").toString(),
                        "serve",
                        "8082")
                .awaitOutput("READY", Lab.START);
        lab.startGateway("--certificate", certificate + "," + lab.directory().resolve("site.key"));
        lab.startAgent(
                lab.office,
                lab.publishersToken(),
                "--publish",
                "site.test=http://192.168.77.2:8081",
                "--publish",
                "calls.test=h2c://192.168.77.2:8082");
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(lab.shell(
                                lab.client,
                                Lab.COMMAND,
                                "curl -sSkf --resolve site.test:" + Lab.PORT + ":" + Lab.GATEWAY + " https://site.test:"
                                        + Lab.PORT + "/asset/0.svg"))
                        .startsWith("<svg"));
    }

    @Test
    void aPageWithAllThatPagesHave() throws Exception {
        lab.start(
                lab.client,
                "chromium",
                "chromium",
                "--headless",
                "--no-sandbox", // it is run by root
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--ignore-certificate-errors",
                "--user-data-dir=" + lab.directory().resolve("browser"),
                "--host-resolver-rules=MAP site.test " + Lab.GATEWAY,
                "--remote-debugging-port=9222", // it stays until it is ended
                "https://site.test:" + Lab.PORT + "/");
        await().atMost(PATIENCE).until(() -> Files.exists(report));
        Map<String, Object> seen = JsonMapper.shared().readValue(Files.readString(report), new TypeReference<>() {});
        byte[] piece = MessageDigest.getInstance("SHA-256")
                .digest("culvert".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        MessageDigest whole = MessageDigest.getInstance("SHA-256");
        for (int i = 0; i < BIG / piece.length; i++) {
            whole.update(piece);
        }
        assertThat(seen)
                .doesNotContainKey("error")
                .containsEntry("images", 100)
                .containsEntry("page", "h2")
                .containsEntry("missing", 404)
                .containsEntry("aborted", true)
                .containsEntry("cookie", "a=1; b=2")
                .containsEntry("closed", 1000)
                .containsEntry("events", List.of("0", "1", "2", "3", "4"))
                .containsEntry("socket", Map.of("protocol", "echo.v1", "texts", 50, "bytes", 300_000, "same", true))
                .containsEntry(
                        "download", Map.of("bytes", BIG, "sum", HexFormat.of().formatHex(whole.digest())));
        assertThat(seen.get("upload"))
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.map(String.class, Integer.class))
                .containsEntry("status", 200)
                .containsEntry("bytes", BIG)
                .containsEntry("most", BIG)
                .satisfies(upload -> assertThat(upload.get("steps")).isPositive());
    }

    /** Unary calls and streams, all ways; large messages, many at once; failures, deadlines and calls that are given up. */
    @Test
    void callsOfGrpc() throws Exception {
        assertThat(lab.run(
                                lab.client,
                                PATIENCE,
                                SYSTEM_PYTHON,
                                lab.resource("calls.py").toString(),
                                "call",
                                Lab.GATEWAY + ":" + Lab.PORT,
                                "calls.test",
                                lab.directory().resolve("site.crt").toString())
                        .output())
                .endsWith("OK\n");
    }
}
