package dev.culvert.gateway.certificate.acme;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.TrustedCertificates;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.NullUnmarked;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What Debian's pebble lacks, in front of it: renewal information (RFC 9773), orders that say what they replace, profiles, and requests that
 * reach it, or do not, of somebody who is killed meanwhile.
 */
@NullUnmarked
final class PebbleFront implements AutoCloseable {
    private static final String INFO = "/renewal-info/";

    /** What is answered to who asks for a window; an error of that status without one. */
    volatile Instant start;

    volatile Instant end;
    volatile int status = 500;
    volatile String retryAfter;

    /** Whether an order that replaces is refused, as one that was replaced already. */
    volatile boolean replaced;

    /** Identifiers of certificates whose window has passed. */
    final Set<String> revoked = ConcurrentHashMap.newKeySet();

    /** Kinds of certificates that there are. */
    volatile List<String> profiles = List.of();

    /** Of which kind orders were, empty for none said. */
    final Set<String> profilesAsked = ConcurrentHashMap.newKeySet();

    /** Certificates that were asked for, by their identifiers. */
    final List<String> asked = new CopyOnWriteArrayList<>();

    /** What orders said that they replace, the same in a row once; empty for nothing. */
    final List<String> replaces = new CopyOnWriteArrayList<>();

    /** Who makes the requests; null when nobody is killed. */
    volatile Lifeline lifeline;

    private final URI pebble;
    private final SSLContext trusting;
    private final HttpsServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    /** @param dir where pebble's own certificate is */
    PebbleFront(Pebble pebble, Path dir) throws Exception {
        this.pebble = pebble.directory();
        trusting = TrustedCertificates.context(pebble.trusted);
        Certificate own = Certificate.parse(
                Files.readString(dir.resolve("pebble.pem")) + Files.readString(dir.resolve("pebble.key")));
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        keys.setKeyEntry("own", own.key(), new char[0], new java.security.cert.Certificate[] {own.leaf()});
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(keys, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(factory.getKeyManagers(), null, null);
        server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        server.setExecutor(threads);
        server.createContext("/", this::serve);
        server.start();
    }

    private String base() {
        return "https://127.0.0.1:" + server.getAddress().getPort();
    }

    URI directory() {
        return URI.create(base() + this.pebble.getPath());
    }

    private void serve(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            byte[] body = exchange.getRequestBody().readAllBytes();
            Lifeline whose = lifeline;
            if (whose != null) {
                whose.live();
            }
            if (path.startsWith(INFO)) {
                asked.add(path.substring(INFO.length()));
                inform(exchange, path.substring(INFO.length()));
            } else if (path.contains("order-plz") && says(body)) {
                answer(
                        exchange,
                        409,
                        "application/problem+json",
                        "{\"type\":\"urn:ietf:params:acme:error:alreadyReplaced\",\"detail\":\"it was replaced\"}");
            } else {
                forward(exchange, path, body, () -> {
                    if (whose != null && body.length > 0) { // others change nothing
                        whose.step(exchange.getRequestMethod() + " " + path.replaceAll("(?<=.)/.*", ""));
                    }
                });
            }
        } catch (Lifeline.Killed e) {
            // nobody is there to be answered
        }
    }

    /** Notes what an order replaces; whether it is to be refused. */
    private boolean says(byte[] body) {
        JsonNode order = JsonMapper.shared()
                .readTree(Base64.getUrlDecoder()
                        .decode(JsonMapper.shared()
                                .readTree(body)
                                .required("payload")
                                .stringValue()));
        profilesAsked.add(order.path("profile").asString(""));
        String what = order.path("replaces").asString("");
        // One that is refused for its nonce, as Pebble does at random, is said again.
        if (replaces.isEmpty() || !replaces.get(replaces.size() - 1).equals(what)) {
            replaces.add(what);
        }
        return replaced && !what.isEmpty();
    }

    private void inform(HttpExchange exchange, String identifier) throws IOException {
        if (revoked.contains(identifier)) {
            answer(
                    exchange,
                    200,
                    "application/json",
                    "{\"suggestedWindow\":{\"start\":\"2026-01-01T00:00:00Z\",\"end\":\"2026-01-02T00:00:00Z\"}}");
            return;
        }
        if (start == null) {
            answer(exchange, status, "text/plain", "out of order");
            return;
        }
        if (retryAfter != null) {
            exchange.getResponseHeaders().set("Retry-After", retryAfter);
        }
        answer(
                exchange,
                200,
                "application/json",
                "{\"suggestedWindow\":{\"start\":\"" + start + "\",\"end\":\"" + end + "\"}}");
    }

    private static void answer(HttpExchange exchange, int status, String type, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    /** By HTTP/1.0: the answer ends with the connection. Pebble makes its URLs of the Host that it is told. */
    private void forward(HttpExchange exchange, String path, byte[] body, Runnable done) throws IOException {
        byte[] all;
        try (SSLSocket socket =
                (SSLSocket) trusting.getSocketFactory().createSocket(pebble.getHost(), pebble.getPort())) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            out.write((exchange.getRequestMethod() + " " + path + " HTTP/1.0\r\nHost: " + base().substring(8)
                            + "\r\nContent-Type: application/jose+json\r\nUser-Agent: test\r\nContent-Length: "
                            + body.length + "\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            out.write(body);
            socket.getOutputStream().write(out.toByteArray());
            all = socket.getInputStream().readAllBytes();
        }
        done.run();
        String text = new String(all, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n");
        String[] lines = text.substring(0, end).split("\r\n");
        for (String line : List.of(lines).subList(1, lines.length)) {
            int colon = line.indexOf(':');
            String name = line.substring(0, colon);
            if (!name.equalsIgnoreCase("Connection") && !name.equalsIgnoreCase("Content-Length")) {
                exchange.getResponseHeaders()
                        .add(name, line.substring(colon + 1).strip());
            }
        }
        byte[] answer = Arrays.copyOfRange(all, end + 4, all.length);
        if (path.equals(pebble.getPath())) {
            ObjectNode directory = (ObjectNode) JsonMapper.shared().readTree(answer);
            directory.put("renewalInfo", base() + INFO.substring(0, INFO.length() - 1));
            if (!profiles.isEmpty()) {
                ObjectNode described = ((ObjectNode) directory.required("meta")).putObject("profiles");
                profiles.forEach(profile -> described.put(profile, "https://ca.example/" + profile));
            }
            answer = JsonMapper.shared().writeValueAsBytes(directory);
        }
        boolean empty = exchange.getRequestMethod().equals("HEAD") || answer.length == 0;
        exchange.sendResponseHeaders(Integer.parseInt(lines[0].split(" ")[1]), empty ? -1 : answer.length);
        if (!empty) {
            exchange.getResponseBody().write(answer);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
