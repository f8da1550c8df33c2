package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URI;
import java.net.URL;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Published sites and real clients of them: Chromium without a screen, driven by playwright-core, on a page that tries what web
 * applications do; and gRPC's own.
 */
@Tag("netns")
final class RealClientsIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(240);
    private static final int BIG = 24 << 20;

    /** Debian's, which knows Debian's packages. */
    private static final String SYSTEM_PYTHON = "/usr/bin/python3";

    @BeforeAll
    static void start() throws Exception {
        Path certificate = lab.certificate("site", "DNS:site.test,DNS:calls.test");
        lab.startPython(lab.officeHost, "site", "site.py", "8081").awaitOutput("READY", Lab.START);
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
        Path file = lab.directory().resolve("file");
        Lab.must("truncate", "-s", Integer.toString(BIG), file.toString());
        Outcome browser = lab.run(
                lab.client,
                PATIENCE,
                "node",
                browser().toString(),
                "/usr/bin/chromium",
                Lab.GATEWAY,
                "https://site.test:" + Lab.PORT + "/",
                key(lab.directory().resolve("site.crt")),
                file.toString());
        assertThat(browser.exit()).as(browser.output()).isZero();
        JsonNode both = JsonMapper.shared().readTree(browser.output().lines().reduce("", (before, line) -> line));
        Map<String, Object> seen = JsonMapper.shared().convertValue(both.required("report"), new TypeReference<>() {});
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
        JsonNode saw = both.required("seen");
        assertThat(saw.required("errors")).as(saw.toString()).isEmpty();
        assertThat(saw.required("assets").toString()).isEqualTo("{\"200\":100}");
        assertThat(saw.required("sockets").toString()).isEqualTo("[{\"sent\":51,\"received\":51}]");
    }

    /** The program that drives the browser, with playwright-core beside it, which is a jar's content here. */
    private static Path browser() throws Exception {
        URL any = RealClientsIT.class.getResource("/META-INF/maven/org.webjars.npm/playwright-core/pom.properties");
        URI jar = ((JarURLConnection) any.openConnection()).getJarFileURL().toURI();
        try (FileSystem files = FileSystems.newFileSystem(Path.of(jar));
                Stream<Path> versions = Files.list(files.getPath("/META-INF/resources/webjars/playwright-core"))) {
            Path module = versions.findFirst().orElseThrow();
            Path to = Files.createDirectory(lab.directory().resolve("node_modules"));
            try (Stream<Path> tree = Files.walk(module)) {
                for (Path from : (Iterable<Path>) tree::iterator) {
                    Files.copy(from, to.resolve("playwright-core/" + module.relativize(from)));
                }
            }
        }
        return lab.resource("browser.cjs");
    }

    /** What tells a certificate's key from others. */
    private static String key(Path certificate) throws Exception {
        try (InputStream in = Files.newInputStream(certificate)) {
            byte[] key = CertificateFactory.getInstance("X.509")
                    .generateCertificate(in)
                    .getPublicKey()
                    .getEncoded();
            return Base64.getEncoder()
                    .encodeToString(MessageDigest.getInstance("SHA-256").digest(key));
        }
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
