package dev.culvert.gateway.dashboard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.AddressText;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The server, asked as a browser asks and as attackers do. */
@NullUnmarked
final class DashboardTest {
    private final AtomicInteger looks = new AtomicInteger();
    private final AtomicLong nanos = new AtomicLong();
    private Dashboard dashboard;
    private String host;

    @BeforeEach
    void open() throws IOException {
        dashboard = new Dashboard(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new HostCheck(Set.of("vpn.example")),
                () -> {
                    Scene.Builder scene = new Scene.Builder();
                    scene.put("gateway", "this", Map.of("looks", looks.incrementAndGet()));
                    return scene;
                },
                line -> {},
                nanos::get);
        host = AddressText.of(dashboard.address());
    }

    @AfterEach
    void close() {
        dashboard.close();
    }

    private record Response(int status, Map<String, String> headers, String body) {}

    /** Header lines are "name: value". */
    private Response ask(String line, String body, String... headers) throws IOException {
        try (Socket socket =
                new Socket(dashboard.address().getAddress(), dashboard.address().getPort())) {
            socket.getOutputStream().write(request(line, body, headers).getBytes(StandardCharsets.UTF_8));
            return read(socket);
        }
    }

    private String request(String line, String body, String... headers) {
        List<String> lines = new ArrayList<>(List.of(line + " HTTP/1.1"));
        if (List.of(headers).stream().noneMatch(h -> h.startsWith("Host:"))) {
            lines.add("Host: " + host);
        }
        lines.addAll(List.of(headers));
        lines.add("Content-Length: " + body.length());
        return String.join("\r\n", lines) + "\r\n\r\n" + body;
    }

    private static Response read(Socket socket) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(
                socket.getInputStream(), StandardCharsets.ISO_8859_1)); // a character is a byte of Content-Length
        int status = Integer.parseInt(in.readLine().split(" ")[1]);
        Map<String, String> headers = new TreeMap<>();
        for (String line = in.readLine(); !line.isEmpty(); line = in.readLine()) {
            int colon = line.indexOf(':');
            headers.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 2));
        }
        StringBuilder body = new StringBuilder();
        int length = Integer.parseInt(headers.getOrDefault("content-length", "0"));
        for (int i = 0; i < length; i++) {
            body.append((char) in.read());
        }
        return new Response(status, headers, body.toString());
    }

    private Response signIn(String key, String... headers) throws IOException {
        String[] all = java.util.Arrays.copyOf(headers, headers.length + 1);
        all[headers.length] = "Origin: http://" + host;
        return ask("POST /sign-in", "{\"key\":\"" + key + "\"}", headers.length == 0 ? all : headers);
    }

    private static String cookie(Response signedIn) {
        String set = signedIn.headers.get("set-cookie");
        return "Cookie: " + set.substring(0, set.indexOf(';'));
    }

    private String csrf(String cookie) throws IOException {
        String body = ask("GET /session", "", cookie).body;
        return "X-CSRF: " + body.replaceAll(".*\"csrf\":\"([^\"]+)\".*", "$1");
    }

    @Test
    void everyAnswerIsGuarded() throws IOException {
        for (String path : List.of("/", "/main.js", "/session", "/nowhere")) {
            Map<String, String> headers = ask("GET " + path, "").headers;
            assertThat(headers.get("content-security-policy"))
                    .contains("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
                    .doesNotContain("unsafe");
            assertThat(headers).containsEntry("x-content-type-options", "nosniff");
        }
        assertThat(ask("GET /session", "").headers).containsEntry("cache-control", "no-store");
    }

    @Test
    void thePageIsServedOnceAndHasNoCodeInIt() throws IOException {
        Response page = ask("GET /", "");
        assertThat(page.status).isEqualTo(200);
        assertThat(page.body).doesNotContain("style=", "onclick=", "<style").containsOnlyOnce("<script");
        assertThat(ask("GET /", "", "If-None-Match: " + page.headers.get("etag")).status)
                .isEqualTo(304);
        assertThat(ask("GET /../SignIn.class", "").status).isEqualTo(404);
    }

    @Test
    void signsInOnceAndIsToldOnlyThen() throws IOException {
        assertThat(ask("GET /session", "").status).isEqualTo(401);
        assertThat(ask("GET /events", "").status).isEqualTo(401);
        assertThat(signIn("no-key").status).isEqualTo(401);
        String key = dashboard.signIn().key(SignIn.Role.LOOK);
        Response in = signIn(key);
        assertThat(in.status).isEqualTo(200);
        assertThat(in.headers.get("set-cookie"))
                .startsWith("culvert=")
                .contains("HTTPOnly", "SameSite=Strict", "Path=/")
                .doesNotContain("Secure");
        assertThat(signIn(key).status).isEqualTo(401);
        assertThat(ask("GET /session", "", cookie(in)).body).contains("\"role\":\"look\"");
        assertThat(looks).as("nobody has looked yet").hasValue(0);
    }

    @Test
    void theCookieOfAPublishedNameIsForTlsOnly() throws IOException {
        Response in =
                signIn(dashboard.signIn().key(SignIn.Role.LOOK), "Host: vpn.example", "Origin: https://vpn.example");
        assertThat(in.headers.get("set-cookie")).startsWith("__Host-culvert=").contains("Secure");
        assertThat(ask("GET /session", "", "Host: vpn.example", cookie(in)).status)
                .isEqualTo(200);
    }

    @Test
    void otherNamesThatLeadHereAreNotServed() throws IOException {
        for (String name : List.of("evil.example", "evil.example:80", "localhost.evil.example", "", "a@127.0.0.1")) {
            assertThat(ask("GET /", "", "Host: " + name).status).as(name).isEqualTo(421);
        }
        for (String name : List.of("localhost:9", "127.0.0.1", "[::1]:80", "VPN.example")) {
            assertThat(ask("GET /", "", "Host: " + name).status).as(name).isEqualTo(200);
        }
    }

    @Test
    void otherSitesMayAskForNothingThatChangesSomething() throws IOException {
        String key = dashboard.signIn().key(SignIn.Role.ACT);
        assertThat(signIn(key, "Origin: http://evil.example").status).isEqualTo(403);
        assertThat(signIn(key, "Origin: null").status).isEqualTo(403);
        assertThat(ask("POST /sign-in", "{\"key\":\"" + key + "\"}").status).isEqualTo(403);
        String cookie = cookie(signIn(key)); // which was not used up
        String origin = "Origin: http://" + host;
        assertThat(ask("POST /sign-out", "", cookie, origin).status).isEqualTo(403);
        assertThat(ask("POST /sign-out", "", cookie, origin, "X-CSRF: x").status)
                .isEqualTo(403);
        String csrf = csrf(cookie);
        assertThat(ask("POST /sign-out", "", cookie, "Origin: http://localhost:1", csrf).status)
                .isEqualTo(403);
        assertThat(ask("GET /session", "", cookie).status).isEqualTo(200);
        assertThat(ask("POST /sign-out", "", cookie, origin, csrf).status).isEqualTo(200);
        assertThat(ask("GET /session", "", cookie).status).isEqualTo(401);
    }

    @Test
    void whoWatchesIsToldAgainAndAgainUntilHeGoes() throws Exception {
        String cookie = cookie(signIn(dashboard.signIn().key(SignIn.Role.LOOK)));
        try (Socket socket =
                new Socket(dashboard.address().getAddress(), dashboard.address().getPort())) {
            socket.getOutputStream().write(request("GET /events", "", cookie).getBytes(StandardCharsets.UTF_8));
            BufferedReader in =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            List<String> data = new ArrayList<>();
            boolean stream = false;
            while (data.size() < 2) {
                String line = in.readLine();
                stream |= line.equalsIgnoreCase("content-type: text/event-stream");
                if (line.startsWith("data: ")) {
                    data.add(line);
                }
            }
            assertThat(stream).isTrue();
            assertThat(data.get(0)).contains("\"whole\":true", "\"looks\":1");
            assertThat(data.get(1)).contains("\"whole\":false", "\"looks\":2");
        }
        int before;
        do { // one may be under way
            before = looks.get();
            Thread.sleep(2 * Dashboard.TICK.toMillis());
        } while (looks.get() != before);
    }

    @Test
    void bodiesAreBounded() throws IOException {
        assertThat(ask("POST /sign-in", "x".repeat(20_000), "Origin: http://" + host).status)
                .isEqualTo(413);
        assertThat(ask("PUT /", "").status).isEqualTo(405);
    }

    @Test
    void isForThisMachineAlone() {
        DashboardOptions.Address address = new DashboardOptions.Address();
        assertThat(address.convert("9465").getAddress().isLoopbackAddress()).isTrue();
        assertThat(address.convert("[::1]:9465").getPort()).isEqualTo(9465);
        assertThatThrownBy(() -> address.convert("0.0.0.0:9465")).hasMessageContaining("ssh -L");
        assertThatThrownBy(() -> address.convert("x")).hasMessageContaining("no port");
    }
}
