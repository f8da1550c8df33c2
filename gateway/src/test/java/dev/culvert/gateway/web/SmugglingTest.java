package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The target never sees two requests where the browser has sent one, nor a field that it has not sent. */
final class SmugglingTest {
    private static final String HOST = "Host: app.example.com\r\n";
    private static final String HIDDEN = "GET /hidden HTTP/1.1\r\nHost: app.example.com\r\n\r\n";

    private final Stage stage = new Stage();

    @AfterEach
    void close() {
        stage.close();
    }

    static Stream<Arguments> rejected() {
        return Stream.of(
                row("CL.TE", "400", post("Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + HIDDEN),
                row("TE.CL", "400", post("Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n" + HIDDEN),
                row(
                        "TE.TE other",
                        "400",
                        post("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + "0\r\n\r\n"),
                row("TE twice", "400", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n"),
                row("TE list", "400", post("Transfer-Encoding: chunked, chunked") + "0\r\n\r\n" + HIDDEN),
                row("TE not last", "400", post("Transfer-Encoding: chunked, gzip") + "0\r\n\r\n" + HIDDEN),
                row("TE gzip first", "501", post("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n" + HIDDEN),
                row("TE unknown", "400", post("Transfer-Encoding: xchunked") + "0\r\n\r\n" + HIDDEN),
                row("TE with a tab", "400", post("Transfer-Encoding: \u000bchunked") + "0\r\n\r\n" + HIDDEN),
                row("TE in quotes", "400", post("Transfer-Encoding: \"chunked\"") + "0\r\n\r\n" + HIDDEN),
                row("TE space before the colon", "400", post("Transfer-Encoding : chunked") + "0\r\n\r\n" + HIDDEN),
                row("TE on a folded line", "400", post("X: y", " Transfer-Encoding: chunked") + "0\r\n\r\n" + HIDDEN),
                row("TE folded value", "400", post("Transfer-Encoding:", " chunked") + "0\r\n\r\n" + HIDDEN),
                row(
                        "TE in HTTP/1.0",
                        "400",
                        "POST / HTTP/1.0\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                row("CL twice", "400", post("Content-Length: 5", "Content-Length: 6") + "hello" + HIDDEN),
                row("CL twice the same", "400", post("Content-Length: 5", "content-length: 5") + "hello" + HIDDEN),
                row("CL list", "400", post("Content-Length: 5, 5") + "hello" + HIDDEN),
                row("CL list in HTTP/1.0", "400", "POST / HTTP/1.0\r\n" + HOST + "Content-Length: 5, 6\r\n\r\nhello"),
                row("CL signed", "400", post("Content-Length: +5") + "hello" + HIDDEN),
                row("CL negative", "400", post("Content-Length: -5") + "hello" + HIDDEN),
                row("CL hex", "400", post("Content-Length: 0x5") + "hello" + HIDDEN),
                row("CL empty", "400", post("Content-Length: ") + "hello" + HIDDEN),
                row("CL space within", "400", post("Content-Length: 5 0") + "hello" + HIDDEN),
                row("CL too large", "400", post("Content-Length: 99999999999999999999") + "hello"),
                row("bare LF after the head", "400", "GET / HTTP/1.1\r\n" + HOST + "\n" + HIDDEN),
                row("bare LF in a line", "400", "GET / HTTP/1.1\r\nX: y\nHost: app.example.com\r\n\r\n"),
                row("bare LF in the first line", "400", "GET / HTTP/1.1\n" + HOST + "\r\n"),
                row(
                        "bare CR in a value",
                        "400",
                        "GET / HTTP/1.1\r\n" + HOST + "X: a\rTransfer-Encoding: chunked\r\n\r\n"),
                row("CR CR LF", "400", "GET / HTTP/1.1\r\n" + HOST + "X: a\r\r\n\r\n"),
                row("NUL in a value", "400", "GET / HTTP/1.1\r\n" + HOST + "X: a\0b\r\n\r\n"),
                row("NUL in a name", "400", "GET / HTTP/1.1\r\n" + HOST + "X\0: a\r\n\r\n"),
                row("no colon", "400", "GET / HTTP/1.1\r\n" + HOST + "Transfer-Encoding\r\n\r\n"),
                row("no name", "400", "GET / HTTP/1.1\r\n" + HOST + ": x\r\n\r\n"),
                row("name with a space", "400", "GET / HTTP/1.1\r\n" + HOST + "X Y: x\r\n\r\n"),
                row("name in parentheses", "400", "GET / HTTP/1.1\r\n" + HOST + "(X): x\r\n\r\n"),
                row("first field with a space before", "400", "GET / HTTP/1.1\r\n " + HOST + "\r\n"),
                row("Host twice", "400", "GET / HTTP/1.1\r\n" + HOST + "Host: other\r\n\r\n"),
                row("Host twice the same", "400", "GET / HTTP/1.1\r\n" + HOST + HOST + "\r\n"),
                row("no Host", "400", "GET / HTTP/1.1\r\n\r\n"),
                row("Host with a path", "400", "GET / HTTP/1.1\r\nHost: app.example.com/x\r\n\r\n"),
                row("Host with a user", "400", "GET / HTTP/1.1\r\nHost: a@app.example.com\r\n\r\n"),
                row("Host with a comma", "400", "GET / HTTP/1.1\r\nHost: app.example.com, b\r\n\r\n"),
                row("Host with a port that is none", "400", "GET / HTTP/1.1\r\nHost: app.example.com:x\r\n\r\n"),
                row("absolute form of another site", "400", "GET http://other/ HTTP/1.1\r\n" + HOST + "\r\n"),
                row("absolute form with a user", "400", "GET http://u@app.example.com/ HTTP/1.1\r\n" + HOST + "\r\n"),
                row(
                        "absolute form of another scheme",
                        "400",
                        "GET ftp://app.example.com/ HTTP/1.1\r\n" + HOST + "\r\n"),
                row("CONNECT", "501", "CONNECT app.example.com:443 HTTP/1.1\r\n" + HOST + "\r\n" + HIDDEN),
                row("TRACE", "501", "TRACE / HTTP/1.1\r\n" + HOST + "\r\n"),
                row("asterisk of GET", "400", "GET * HTTP/1.1\r\n" + HOST + "\r\n"),
                row("no slash", "400", "GET x HTTP/1.1\r\n" + HOST + "\r\n"),
                row("fragment", "400", "GET /#x HTTP/1.1\r\n" + HOST + "\r\n"),
                row("space in the address", "400", "GET /a b HTTP/1.1\r\n" + HOST + "\r\n"),
                row("two spaces", "400", "GET  / HTTP/1.1\r\n" + HOST + "\r\n"),
                row("tab in the first line", "400", "GET\t/ HTTP/1.1\r\n" + HOST + "\r\n"),
                row("not ASCII in the address", "400", "GET /\u00e9 HTTP/1.1\r\n" + HOST + "\r\n"),
                row("space before the method", "400", " GET / HTTP/1.1\r\n" + HOST + "\r\n"),
                row("HTTP/0.9", "400", "GET /\r\n\r\n" + HIDDEN),
                row("HTTP/1.2", "505", "GET / HTTP/1.2\r\n" + HOST + "\r\n"),
                row("HTTP/2.0", "505", "PRI /x HTTP/2.0\r\n" + HOST + "\r\n"),
                row("lower case version", "400", "GET / http/1.1\r\n" + HOST + "\r\n"),
                row("dot segments", "400", "GET /app/../x HTTP/1.1\r\n" + HOST + "\r\n"),
                row("dot segments encoded", "400", "GET /app/%2e%2E/x HTTP/1.1\r\n" + HOST + "\r\n"),
                row("dot segments behind a backslash", "400", "GET /app\\..\\x HTTP/1.1\r\n" + HOST + "\r\n"),
                row("dot segments between encoded slashes", "400", "GET /app%2f..%5cx HTTP/1.1\r\n" + HOST + "\r\n"),
                row("dot segments with parameters", "400", "GET /api/..;/manager HTTP/1.1\r\n" + HOST + "\r\n"),
                row("dot segments with parameters of names", "400", "GET /api/.;x=y.z/ HTTP/1.1\r\n" + HOST + "\r\n"),
                row("dot segments with encoded parameters", "400", "GET /api/..%3Bx HTTP/1.1\r\n" + HOST + "\r\n"),
                row("dots at the end", "400", "GET /app/.. HTTP/1.1\r\n" + HOST + "\r\n"),
                row(
                        "the WebSocket draft with a body",
                        "400",
                        "GET / HTTP/1.1\r\n" + HOST
                                + "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key1: 1\r\n"
                                + "Sec-WebSocket-Key2: 1\r\n\r\nGET /hid"),
                row("three empty lines", "400", "\r\n\r\n\r\n" + "GET / HTTP/1.1\r\n" + HOST + "\r\n"),
                row(
                        "65 lines",
                        "431",
                        "GET / HTTP/1.1\r\n" + HOST + "X: 1\r\n".repeat(RequestDecoder.MAX_LINES) + "\r\n"),
                row(
                        "a head too large",
                        "431",
                        "GET / HTTP/1.1\r\n" + HOST + "X: " + "a".repeat(RequestDecoder.MAX_HEAD)),
                row("a line too long", "414", "GET /" + "a".repeat(RequestDecoder.MAX_LINE)));
    }

    private static String post(String... lines) {
        return "POST / HTTP/1.1\r\n" + HOST + String.join("\r\n", lines) + "\r\n\r\n";
    }

    private static Arguments row(String name, String status, String sent) {
        return Arguments.of(name, status, sent);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rejected")
    void isRejected(String name, String status, String sent) {
        stage.say(sent);
        assertThat(stage.targets).isEmpty();
        assertThat(stage.answered()).startsWith("HTTP/1.1 " + status + " ").containsOnlyOnce("content-type");
        stage.say(HIDDEN);
        assertThat(stage.answered()).isEmpty(); // nothing more is served
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rejected")
    void isRejectedByteByByte(String name, String status, String sent) {
        for (int i = 0; i < sent.length(); i++) {
            stage.say(sent.substring(i, i + 1));
        }
        assertThat(stage.targets).isEmpty();
        assertThat(stage.answered()).startsWith("HTTP/1.1 " + status + " ");
    }

    static Stream<Arguments> brokenBodies() {
        return Stream.of(
                Arguments.of("size is no number", "x\r\nabc\r\n0\r\n\r\n"),
                Arguments.of("size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
                Arguments.of("size signed", "+3\r\nabc\r\n0\r\n\r\n"),
                Arguments.of("size empty", "\r\nabc\r\n0\r\n\r\n"),
                Arguments.of("size empty with extension", ";a\r\nabc\r\n0\r\n\r\n"),
                Arguments.of("size too large", "ffffffffffffffff\r\nabc"),
                Arguments.of("size that wraps", "100000000\r\nabc"),
                Arguments.of("bare LF behind the size", "3\nabc\r\n0\r\n\r\n"),
                Arguments.of("bare LF in an extension", "3;a\nabc\r\n0\r\n\r\n"),
                Arguments.of("CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
                Arguments.of("chunk longer than its size", "3\r\nabcd\r\n0\r\n\r\n"),
                Arguments.of("bare LF behind a chunk", "3\r\nabc\n0\r\n\r\n"),
                Arguments.of("bare LF behind the last", "3\r\nabc\r\n0\n\r\n"),
                Arguments.of("trailer without colon", "3\r\nabc\r\n0\r\nX\r\n\r\n"),
                Arguments.of("bare LF in a trailer", "3\r\nabc\r\n0\r\nX: y\n\r\n"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("brokenBodies")
    void aBrokenBodyIsNeverWholeAtTheTarget(String name, String body) {
        stage.say("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n" + body + HIDDEN);
        assertThat(stage.answered()).startsWith("HTTP/1.1 400 ").contains("connection: close");
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.asked(0)).startsWith("POST / HTTP/1.1\r\n").doesNotContain("hidden", "0\r\n\r\n");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        stage.say(HIDDEN);
        assertThat(stage.answered()).isEmpty();
    }

    @Test
    void whatIsInABodyIsNoRequest() {
        stage.say("POST / HTTP/1.1\r\n" + HOST + "Content-Length: " + HIDDEN.length() + "\r\n\r\n" + HIDDEN);
        assertThat(stage.asked(0))
                .contains("content-length: " + HIDDEN.length() + "\r\n")
                .endsWith(HIDDEN);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assertThat(stage.targets).hasSize(1);
        assertThat(stage.asked(0)).isEmpty();
    }

    @Test
    void aBodyOfGetIsABody() {
        stage.say("GET / HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\n\r\nhello" + HIDDEN);
        assertThat(stage.asked(0))
                .startsWith("GET / ")
                .contains("content-length: 5\r\n")
                .endsWith("hello");
    }

    @Test
    void lengthNamedAsFieldOfTheConnectionStillFrames() {
        stage.say("POST / HTTP/1.1\r\n" + HOST + "Connection: content-length, host\r\nContent-Length: 5\r\n\r\nhello");
        assertThat(stage.asked(0))
                .contains("host: app.example.com\r\n", "content-length: 5\r\n")
                .endsWith("\r\n\r\nhello");
    }

    @Test
    void fieldsThatACgiProgramTakesForOthersAreDropped() {
        stage.say("GET / HTTP/1.1\r\n" + HOST
                + "Content_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Real_IP: 1\r\nA_b: 1\r\n\r\n");
        assertThat(stage.asked(0)).contains("A_b: 1\r\n").doesNotContain("t_Length", "r_Encoding", "X_Real");
    }

    @Test
    void parametersOfOtherSegmentsPass() {
        stage.say("GET /a;..;b/x..;c/;./...;/ HTTP/1.1\r\n" + HOST + "\r\n");
        assertThat(stage.asked(0)).startsWith("GET /a;..;b/x..;c/;./...;/ HTTP/1.1\r\n");
    }

    @Test
    void fieldsThatATargetTakesForThePathOrItsProxyAreDropped() {
        stage.say("POST / HTTP/1.1\r\n" + HOST + "Proxy: evil\r\nX-Original-URL: /evil\r\nX_Rewrite_Url: /evil\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Rewrite-URL: /evil\r\n\r\n");
        assertThat(stage.asked(0)).startsWith("POST / ").doesNotContain("evil");
    }

    @Test
    void theAbsoluteFormBecomesAPath() {
        stage.say("GET http://APP.example.com?x=y HTTP/1.1\r\n" + HOST + "\r\n");
        assertThat(stage.asked(0)).startsWith("GET /?x=y HTTP/1.1\r\nhost: app.example.com\r\n");
    }

    @Test
    void oneEmptyLineBeforeARequestIsForgiven() {
        stage.say("\r\nGET / HTTP/1.1\r\n" + HOST + "\r\n");
        assertThat(stage.asked(0)).startsWith("GET / HTTP/1.1\r\n");
    }

    @Test
    void aTargetsAnswerIsOneAnswer() {
        stage.say(HIDDEN);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ");
        stage.say(HIDDEN);
        stage.answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc");
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ");
        stage.say(HIDDEN);
        stage.answer(2, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc");
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ");
        stage.say(HIDDEN);
        stage.answer(3, "HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 0\r\n\r\n");
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ").doesNotContain("Y: b");
    }

    @ParameterizedTest
    @CsvSource({"HEAD, 200", "GET, 204", "GET, 304", "GET, 200"})
    void whatFollowsAnAnswerIsNotTheBeginningOfTheNext(String method, String status) {
        stage.say(method + " / HTTP/1.1\r\n" + HOST + "\r\n");
        String length = method.equals("HEAD") ? "50" : status.equals("200") ? "0" : "";
        stage.answer(
                0,
                "HTTP/1.1 " + status + " x\r\n" + (length.isEmpty() ? "" : "Content-Length: " + length + "\r\n")
                        + "\r\n" + "HTTP/1.1 200 OK\r\nSet-Cookie: s=evil\r\nX: ");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        stage.answered();
        stage.say(HIDDEN);
        stage.answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        assertThat(stage.answered()).isEqualTo("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    }

    @Test
    void aSecondAnswerIsNotThatToAPipelinedRequest() {
        stage.say(HIDDEN + HIDDEN);
        String ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        stage.answer(0, ok + "hi" + ok + "no");
        assertThat(stage.answered()).isEqualTo(ok + "hi");
        stage.answer(1, ok + "ho");
        assertThat(stage.answered()).isEqualTo(ok + "ho");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\r\n", "H", "HTTP/1.1 200 OK\r\nX: "})
    void anIdleConnectionIsClosedByAnyByte(String unasked) {
        stage.say(HIDDEN);
        stage.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        stage.answer(0, unasked);
        assertThat(stage.targets.get(0).isActive()).isFalse();
        stage.say(HIDDEN);
        assertThat(stage.targets).hasSize(2);
    }
}
