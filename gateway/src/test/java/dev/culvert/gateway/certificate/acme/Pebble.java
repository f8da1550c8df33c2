package dev.culvert.gateway.certificate.acme;

import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.FreePort;
import dev.culvert.gateway.certificate.TrustedCertificates;
import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;
import org.jspecify.annotations.Nullable;
import org.shredzone.acme4j.util.CSRBuilder;
import org.shredzone.acme4j.util.CertificateUtils;

/** A real ACME server (Debian's pebble) on loopback ports, for which every name is at 127.0.0.1. */
final class Pebble implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(30);

    final int httpPort = FreePort.next();
    final int tlsPort = FreePort.next();
    final Path trusted;
    private final Path dir;
    private final int port = FreePort.next();
    private final int managementPort = FreePort.next();
    private final String extra;
    private final @Nullable String dnsServer;
    private final Map<String, String> environment;
    private final List<Process> processes = new ArrayList<>();
    private final HttpClient http;

    /**
     * @param extra members of its configuration, each with a comma behind it
     * @param environment its switches
     */
    Pebble(Path dir, String extra, Map<String, String> environment) throws Exception {
        this(dir, extra, environment, null);
    }

    /** @param dnsServer where it looks names up; null for one that has every name at 127.0.0.1 */
    Pebble(Path dir, String extra, Map<String, String> environment, @Nullable String dnsServer) throws Exception {
        this.dnsServer = dnsServer;
        this.dir = dir;
        this.extra = extra;
        this.environment = environment;
        this.trusted = dir.resolve("pebble-root.pem");
        makeTls();
        http = HttpClient.newBuilder()
                .sslContext(TrustedCertificates.context(trusted))
                .build();
        start();
    }

    URI directory() {
        return URI.create("https://127.0.0.1:" + port + "/dir");
    }

    private void makeTls() throws Exception {
        Instant begin = Instant.now().minusSeconds(3600);
        Instant end = begin.plus(Duration.ofDays(2));
        KeyPair rootKey = KeyPairGenerator.getInstance("RSA").generateKeyPair();
        X509Certificate root = CertificateUtils.createTestRootCertificate("CN=Test", begin, end, rootKey);
        KeyPair key = Keys.generate();
        CSRBuilder request = new CSRBuilder();
        request.addIP(InetAddress.getLoopbackAddress());
        request.sign(key);
        X509Certificate leaf =
                CertificateUtils.createTestCertificate(request.getCSR(), begin, end, root, rootKey.getPrivate());
        Files.writeString(trusted, pem(root));
        Files.writeString(dir.resolve("pebble.pem"), pem(leaf));
        Files.writeString(dir.resolve("pebble.key"), pem(key.getPrivate()));
    }

    static String pem(X509Certificate certificate) throws Exception {
        return pem(new PemObject("CERTIFICATE", certificate.getEncoded()));
    }

    static String pem(PrivateKey key) throws Exception {
        return pem(new PemObject("PRIVATE KEY", key.getEncoded()));
    }

    private static String pem(PemObject object) throws IOException {
        StringWriter out = new StringWriter();
        try (PemWriter writer = new PemWriter(out)) {
            writer.writeObject(object);
        }
        return out.toString();
    }

    /** Begins, or begins anew, having forgotten everything. */
    void start() throws Exception {
        Path config = dir.resolve("pebble.json");
        Files.writeString(config, """
                {"pebble": {"listenAddress": "127.0.0.1:%d", "managementListenAddress": "127.0.0.1:%d",
                  "certificate": "pebble.pem", "privateKey": "pebble.key", %s "httpPort": %d, "tlsPort": %d}}
                """.formatted(port, managementPort, extra, httpPort, tlsPort));
        String dns = dnsServer != null ? dnsServer : startDns();
        run(environment, "pebble", "-config", config.toString(), "-dnsserver", dns);
        await().atMost(START).ignoreExceptions().until(() -> get(directory()).statusCode() == 200);
    }

    private String startDns() throws IOException {
        String dns = "127.0.0.1:" + FreePort.next();
        run(
                Map.of(),
                "pebble-challtestsrv",
                "-dns01",
                dns,
                "-defaultIPv4",
                "127.0.0.1",
                "-defaultIPv6",
                "",
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-management",
                "127.0.0.1:" + FreePort.next());
        return dns;
    }

    private void run(Map<String, String> switches, String... command) throws IOException {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(dir.toFile()).redirectErrorStream(true);
        builder.environment().putAll(Map.of("PEBBLE_VA_NOSLEEP", "1", "PEBBLE_AUTHZREUSE", "0"));
        builder.environment().putAll(switches);
        processes.add(builder.redirectOutput(ProcessBuilder.Redirect.appendTo(
                        dir.resolve(command[0] + ".out").toFile()))
                .start());
    }

    private HttpResponse<String> get(URI uri) throws Exception {
        return http.send(
                HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(10)).build(),
                HttpResponse.BodyHandlers.ofString());
    }

    /** What it says of a certificate: that it is revoked, for one. */
    String status(BigInteger serial) throws Exception {
        return get(URI.create("https://127.0.0.1:" + managementPort + "/cert-status-by-serial/" + serial.toString(16)))
                .body();
    }

    /** What it has written about what it did. */
    String log() throws IOException {
        return Files.readString(dir.resolve("pebble.out"));
    }

    /** How often its log says that. */
    int count(String regex) throws IOException {
        Matcher matcher = Pattern.compile(regex).matcher(log());
        int count = 0;
        while (matcher.find()) {
            count++;
        }
        return count;
    }

    void stop() throws InterruptedException {
        for (Process process : processes) {
            process.destroyForcibly();
            process.waitFor(10, TimeUnit.SECONDS);
        }
        processes.clear();
    }

    @Override
    public void close() {
        try {
            stop();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
