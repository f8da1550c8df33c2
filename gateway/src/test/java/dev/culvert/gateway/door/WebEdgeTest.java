package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the port says to whoever is not one of ours, byte by byte. */
@NullUnmarked
final class WebEdgeTest {
    @TempDir
    static Path dir;

    private static TestNetwork plain;
    private static TestNetwork secure;

    @BeforeAll
    static void start() throws Exception {
        plain = new TestNetwork(dir.resolve("plain"), false, 1);
        secure = new TestNetwork(dir.resolve("secure"), true, 1);
    }

    @AfterAll
    static void stop() {
        plain.close();
        secure.close();
    }

    /** Sends, and reads until the other side closes or {@code until} has come. */
    private static String talk(TestNetwork net, String request, String until) throws IOException {
        try (Socket socket = new Socket(
                net.gateway.address().getAddress(), net.gateway.address().getPort())) {
            socket.setSoTimeout(1_000 * TestNetwork.PATIENCE);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            socket.getOutputStream().flush();
            StringBuilder got = new StringBuilder();
            byte[] buffer = new byte[65_536];
            try {
                while (until == null || got.indexOf(until) < 0) {
                    int n = socket.getInputStream().read(buffer);
                    if (n < 0) {
                        return got + "<closed>";
                    }
                    got.append(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
                }
            } catch (SocketException e) {
                return got + "<closed>"; // by RST, when it did not read all that we sent
            }
            return got.toString();
        }
    }

    private static String crlf(String text) {
        return text.replace("|", "\r\n");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "GET / HTTP/1.1|Host: gateway.test|Connection: close||; 200 OK; It works",
                "GET /index.html HTTP/1.0||; 200 OK; It works",
                "HEAD / HTTP/1.1|Host: gateway.test|Connection: close||; 200 OK; content-length: 168",
                "GET /nothing HTTP/1.1|Host: gateway.test|Connection: close||; 404 Not Found; 404 Not Found",
                "GET /link HTTP/1.1|Host: gateway.test|Connection: close||; 404 Not Found; 404 Not Found",
                "OPTIONS * HTTP/1.1|Host: gateway.test|Connection: close||; 405 Method Not Allowed; allow: GET, HEAD",
                "TRACE / HTTP/1.1|Host: gateway.test|Connection: close||; 405 Method Not Allowed; allow: GET, HEAD",
                "CONNECT a:1 HTTP/1.1|Host: gateway.test|Connection: close||; 405 Method Not Allowed; allow: GET, HEAD",
                "GET / HTTP/1.1|Connection: close||; 400 Bad Request; close",
                "GET / HTTP/1.1|Host: a|Host: b|Connection: close||; 400 Bad Request; close",
                "GET / HTTP/1.1|Host: localhost|bad header||; 400 Bad Request; close",
                "POST / HTTP/1.1|Host: localhost|Content-Length: 3||abc; 405 Method Not Allowed; connection: close",
                "POST / HTTP/1.1|Host: localhost|Content-Length: 3|Content-Length: 4||abcd; 400 Bad Request; connection: close",
                "POST / HTTP/1.1|Host: localhost|Content-Length: -3||abc; 400 Bad Request; connection: close",
                "POST / HTTP/1.1|Host: localhost|Connection: close|Content-Length: 99999||abc; 413 Request Entity Too Large; ",
                "GET http://gateway.test/ HTTP/1.1|Host: gateway.test|Connection: close||; 200 OK; It works",
                "GET http://gateway.test HTTP/1.1|Host: gateway.test|Connection: close||; 200 OK; It works",
                "GET http://gateway.test/nothing HTTP/1.1|Host: gateway.test|Connection: close||; 404 Not Found; 404 Not Found",
                "POST / HTTP/1.1|Host: localhost|Transfer-Encoding: chunked||1|a|0|a: b||; 405 Method Not Allowed; connection: close",
                "GET / HTTP/2.0|Host: gateway.test|Connection: close||; 200 OK; It works",
                "garbage||; 400 Bad Request; connection: close",
            })
    void answers(String request, String status, String also) throws Exception {
        String got = talk(plain, crlf(request), null);
        assertThat(got).startsWith("HTTP/1.1 " + status).endsWith("<closed>");
        if (also != null) {
            assertThat(got).containsIgnoringCase(also);
        }
        assertThat(got.split("HTTP/1.1 ", -1)).hasSize(2);
        if (request.startsWith("HEAD")) {
            assertThat(got).doesNotContain("<html");
        }
    }

    /** A name that leads here and is nobody's, by a mistake in the DNS or by who looks around, has no page. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "GET / HTTP/1.1|Host: nobody.test|Connection: close||; 404",
                "GET / HTTP/1.1|Host: nobody.test:443|Connection: close||; 404",
                "GET / HTTP/1.1|Host: www.gateway.test|Connection: close||; 404",
                "POST / HTTP/1.1|Host: nobody.test|Connection: close||; 404",
                "GET / HTTP/1.0|Host: nobody.test||; 404",
                "GET / HTTP/1.1|Host: 192.0.2.1|Connection: close||; 404",
                "GET / HTTP/1.1|Host: [2001:db8::1]:8443|Connection: close||; 404",
                "GET / HTTP/1.1|Host: [|Connection: close||; 404",
                "GET http://nobody.test/ HTTP/1.1|Host: gateway.test|Connection: close||; 404",
                "GET http://nobody.test HTTP/1.1|Host: gateway.test|Connection: close||; 404",
                "GET http://nobody.test?/ HTTP/1.1|Host: gateway.test|Connection: close||; 404",
                "GET http://gateway.test/ HTTP/1.1|Host: nobody.test|Connection: close||; 200",
                "GET / HTTP/1.1|Host: GATEWAY.Own.test.:8443|Connection: close||; 200",
                "GET / HTTP/1.1|Host: 127.0.0.1:8443|Connection: close||; 200",
                "GET / HTTP/1.0||; 200",
            })
    void onlyTheGatewaysOwnNamesHaveAPage(String request, String status) throws Exception {
        String got = talk(plain, crlf(request), null);
        assertThat(got).startsWith("HTTP/1.1 " + status);
        if (status.equals("404")) {
            assertThat(got).doesNotContain("It works").doesNotContain("nobody");
        }
    }

    @Test
    void datesAreImfFixdates() throws Exception {
        assertThat(talk(plain, crlf("GET / HTTP/1.1|Host: gateway.test|Connection: close||"), null))
                .containsPattern("(?i)date: [A-Z][a-z]{2}, \\d\\d [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT");
    }

    @Test
    void longLinesAndHeadersAreRefused() throws Exception {
        assertThat(talk(plain, "GET /" + "a".repeat(5_000) + " HTTP/1.1\r\nHost: gateway.test\r\n\r\n", null))
                .startsWith("HTTP/1.1 414 ");
        assertThat(talk(plain, "GET / HTTP/1.1\r\nHost: gateway.test\r\nX: " + "a".repeat(30_000) + "\r\n\r\n", null))
                .startsWith("HTTP/1.1 431 ");
    }

    /** Lines cost more than their bytes: each became 125 of heap. */
    @Test
    void manyShortHeaderLinesAreRefused() throws Exception {
        assertThat(talk(plain, "GET / HTTP/1.1\r\nHost: gateway.test\r\n" + "a:b\r\n".repeat(4_800), "\r\n\r\n"))
                .startsWith("HTTP/1.1 431 ");
        assertThat(talk(plain, "GET / HTTP/1.1\r\nHost: gateway.test\r\n" + "a:b\r\n".repeat(62) + "\r\n", "\r\n\r\n"))
                .startsWith("HTTP/1.1 200 ");
        assertThat(talk(plain, "GET / HTTP/1.1\r\nHost: gateway.test\r\na: b\r\n" + " c\r\n".repeat(4_800), "\r\n\r\n"))
                .startsWith("HTTP/1.1 431 ");
    }

    @Test
    void keepsAliveAndAnswersInOrder() throws Exception {
        String got = talk(
                plain,
                crlf(
                        "GET / HTTP/1.1|Host: gateway.test||GET /a HTTP/1.1|Host: gateway.test||HEAD / HTTP/1.1|Host: gateway.test|Connection: close||"),
                null);
        assertThat(got.split("HTTP/1.1 ", -1)).hasSize(4);
        assertThat(got.indexOf("200 OK")).isLessThan(got.indexOf("404 Not Found"));
    }

    /** Whoever asks without end pays for a handshake now and then. */
    @Test
    void aConnectionIsAnsweredAHundredTimes() throws Exception {
        String got = talk(plain, crlf("GET / HTTP/1.1|Host: gateway.test||").repeat(2_000), null);
        String[] answers = got.split("HTTP/1.1 ", -1);
        assertThat(answers).hasSize(1 + HttpAnswers.MAX_ANSWERS);
        assertThat(answers[HttpAnswers.MAX_ANSWERS - 1]).doesNotContainIgnoringCase("connection: close");
        assertThat(answers[HttpAnswers.MAX_ANSWERS]).containsIgnoringCase("connection: close");
    }

    /** RFC 9110 10.1.1: whoever asks first is spared the body, which nothing here reads. */
    @Test
    void continueIsNeverSaid() throws Exception {
        for (String length : List.of("9", "99999")) {
            String got = talk(
                    plain,
                    crlf("POST / HTTP/1.1|Host: gateway.test|Expect: 100-continue|Content-Length: " + length + "||"),
                    null);
            assertThat(got).startsWith(length.equals("9") ? "HTTP/1.1 405 " : "HTTP/1.1 413 ");
            assertThat(got).doesNotContain("100 Continue").endsWith("<closed>");
        }
    }

    /** RFC 9112 6.3: whoever sends both lengths may be smuggling; what follows is not looked at. */
    @ParameterizedTest
    @CsvSource({
        "POST / HTTP/1.1|Host: localhost|Content-Length: 4|Transfer-Encoding: chunked||0||GET /smuggled HTTP/1.1|Host: localhost||",
        "GET / HTTP/1.1|Host: localhost|Content-Length: 2||hiGET /smuggled HTTP/1.1|Host: localhost||",
        "GET / HTTP/1.1|Host: localhost|Transfer-Encoding: xchunked||0||GET /smuggled HTTP/1.1|Host: localhost||",
        "GET / HTTP/1.0|Host: localhost|Transfer-Encoding: chunked|Connection: keep-alive||0||GET /smuggled HTTP/1.1|Host: localhost||",
        "GET / HTTP/1.1|Host: localhost|X: a|\t Transfer-Encoding: chunked|Content-Length: 5||0||GET /smuggled HTTP/1.1|Host: localhost||",
        "GET / HTTP/1.1|Host: localhost|Transfer-Encoding : chunked||0||GET /smuggled HTTP/1.1|Host: localhost||",
        "POST / HTTP/1.1|Host: localhost|Transfer-Encoding: chunked||1;a=b|a|0|a: b||GET /smuggled HTTP/1.1|Host: localhost||",
        "GET / HTTP/1.1|Host: localhost|Content-Length: +3||GET /smuggled HTTP/1.1|Host: localhost||",
        "GET / HTTP/1.1|Host: localhost|Content-Length: 0x3||GET /smuggled HTTP/1.1|Host: localhost||",
    })
    void nothingIsSmuggled(String request) throws Exception {
        String got = talk(plain, crlf(request), null);
        assertThat(got).endsWith("<closed>");
        assertThat(got.split("HTTP/1.1 ", -1)).hasSizeLessThanOrEqualTo(2);
        assertThat(got).doesNotContain("404 Not Found");
    }

    private static String upgrade(TestNetwork net, String extra) throws Exception {
        return crlf(
                        "GET /link HTTP/1.1|Host: gateway.test|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13|"
                                + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==|Sec-WebSocket-Protocol: culvert.1|Authorization: Bearer ")
                + net.clientToken("laptop", Instant.now().plusSeconds(60), "*:10.0.0.0/8")
                + crlf("|" + extra + "|");
    }

    @Test
    void upgrades() throws Exception {
        assertThat(talk(plain, upgrade(plain, ""), "\r\n\r\n"))
                .startsWith("HTTP/1.1 101 ")
                .containsIgnoringCase("sec-websocket-protocol: culvert.1");
        await().until(() -> plain.links().count() == 0);
    }

    /** A proxy in front may ask by any name. */
    @Test
    void anUpgradeIsOneUnderAnyHost() throws Exception {
        String request = upgrade(plain, "").replace("Host: gateway.test", "Host: upstream");
        assertThat(talk(plain, request, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
        await().until(() -> plain.links().count() == 0);
    }

    @Test
    void upgradeInTheClearIsRefusedWhereTlsIsExpected() throws Exception {
        assertThat(talk(secure, upgrade(secure, ""), null))
                .startsWith("HTTP/1.1 400 ")
                .contains("HTTPS port");
        assertThat(secure.links().count()).isZero();
    }

    @Test
    void upgradeWithABodyIsNone() throws Exception {
        assertThat(talk(plain, upgrade(plain, "Content-Length: 2|") + "hi", null))
                .startsWith("HTTP/1.1 404 ");
    }

    /** Behind an upgrade nothing may come before its answer, neither another nor a page. */
    @Test
    void nothingIsPipelinedBehindAnUpgrade() throws Exception {
        String two = talk(plain, upgrade(plain, "") + upgrade(plain, ""), null);
        assertThat(two).doesNotContain("101 Switching").endsWith("<closed>");
        String page = talk(plain, upgrade(plain, "") + crlf("GET / HTTP/1.1|Host: gateway.test||"), null);
        assertThat(page).doesNotContain("200 OK").endsWith("<closed>");
        await().until(() -> plain.links().count() == 0);
    }

    @Test
    void garbageAfterTheUpgradeClosesTheLink() throws Exception {
        try (Socket socket = new Socket(
                plain.gateway.address().getAddress(), plain.gateway.address().getPort())) {
            socket.setSoTimeout(1_000 * TestNetwork.PATIENCE);
            socket.getOutputStream().write(upgrade(plain, "").getBytes(StandardCharsets.ISO_8859_1));
            byte[] buffer = new byte[8192];
            int n = socket.getInputStream().read(buffer);
            assertThat(new String(buffer, 0, n, StandardCharsets.ISO_8859_1)).startsWith("HTTP/1.1 101 ");
            socket.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1));
            StringBuilder rest = new StringBuilder();
            while ((n = socket.getInputStream().read(buffer)) >= 0) {
                rest.append(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
            }
            assertThat(rest.toString()).doesNotContain("HTTP/1.1").contains("reserved bits");
        }
    }

    @Test
    void connectionsThatAreNoLinksAreCounted() throws Exception {
        List<Socket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < Strangers.NARROW / Strangers.CONNECTION + 1; i++) {
                sockets.add(new Socket(
                        secure.gateway.address().getAddress(),
                        secure.gateway.address().getPort()));
            }
            // The newcomer, or one that has had its time: on a slow machine it is the latter.
            await().until(() -> secure.services().counters().refusedConnections.sum()
                            + secure.door().strangers().evicted()
                    == 1);
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
        await().until(() ->
                talk(secure, crlf("GET / HTTP/1.1|Host: gateway.test||"), null).startsWith("HTTP/1.1 400"));
    }
}
