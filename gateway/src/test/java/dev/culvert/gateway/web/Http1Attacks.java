package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.StrictAnswers.Answer;
import dev.culvert.gateway.web.StrictRequests.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a visitor may say in HTTP/1.1 so that two ends see different requests (RFC 9112 11.2), and what comes of each: it is refused before
 * the target hears of it, cut off within its body, or passed on in a form that can be read in one way only.
 */
public final class Http1Attacks {
    /** Whom each is for; another name of as many letters may stand in its place, as lengths of bodies count it. */
    public static final String NAME = Stage.NAME;

    private static final String HOST = "Host: " + NAME + "\r\n";
    private static final String HIDDEN = "GET /hidden HTTP/1.1\r\nHost: " + NAME + "\r\n\r\n";
    private static final String NEXT = "GET /next HTTP/1.1\r\nHost: " + NAME + "\r\n\r\n";

    private final List<Attack> all = new ArrayList<>();

    private Http1Attacks() {}

    /**
     * @param status that it is answered with
     * @param mayBegin whether a target may have heard of a request that is never whole
     * @param seen looks at what the target was asked, when it is passed on: that, and {@link #NEXT} behind it
     */
    public record Attack(String name, String sent, int status, boolean mayBegin, Consumer<Request> seen) {
        public boolean passes() {
            return status == 200;
        }

        /** What comes of it: which answers, and what targets have heard. */
        public void check(List<Answer> answers, List<Request> asked) {
            if (!passes()) {
                assertThat(asked).isEmpty();
                assertThat(answers).hasSize(1);
                assertThat(answers.get(0).status()).isEqualTo(status);
                assertThat(answers.get(0).isOfTarget()).isFalse();
                assertThat(answers.get(0).isLast()).isTrue();
                return;
            }
            assertThat(asked).hasSize(2);
            assertThat(answers).hasSize(2).allMatch(a -> a.status() == 200);
            for (int i = 0; i < 2; i++) {
                assertThat(answers.get(i).values(StrictServer.ANSWERS))
                        .containsExactly(asked.get(i).path());
                assertThat(asked.get(i).path()).isNotEqualTo("/hidden");
            }
            assertThat(asked.get(1).path()).isEqualTo("/next");
            seen.accept(asked.get(0));
        }

        @Override
        public String toString() {
            return name;
        }
    }

    public static List<Attack> all() {
        Http1Attacks a = new Http1Attacks();
        a.codings();
        a.lengths();
        a.lines();
        a.hosts();
        a.addresses();
        a.firstLines();
        a.expectations();
        a.upgrades();
        a.bounds();
        a.chunks();
        a.trailers();
        a.normalised();
        return List.copyOf(a.all);
    }

    private void refused(int status, String name, String sent) {
        all.add(new Attack(name, sent, status, false, r -> {}));
    }

    private void refused(String name, String sent) {
        refused(400, name, sent);
    }

    /** A body of which the target may have heard the beginning. */
    private void cut(String name, String body) {
        all.add(new Attack(name, post("Transfer-Encoding: chunked") + body + HIDDEN, 400, true, r -> {}));
    }

    private void passes(String name, String sent, Consumer<Request> seen) {
        all.add(new Attack(name, sent + NEXT, 200, false, seen));
    }

    private static String get(String... lines) {
        return "GET / HTTP/1.1\r\n" + HOST
                + String.join("", List.of(lines).stream().map(l -> l + "\r\n").toList()) + "\r\n";
    }

    private static String post(String... lines) {
        return "POST / HTTP/1.1\r\n" + HOST + String.join("\r\n", lines) + "\r\n\r\n";
    }

    private void codings() {
        refused("CL.TE", post("Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE.CL", post("Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n" + HIDDEN);
        refused("TE.CL of 0", post("Transfer-Encoding: chunked", "Content-Length: 0") + "0\r\n\r\n" + HIDDEN);
        refused(
                "CL.TE in another case",
                post("content-length: 5", "TRANSFER-ENCODING: Chunked") + "0\r\n\r\n" + HIDDEN);
        refused("CL and an unknown TE", post("Content-Length: 5", "Transfer-Encoding: x") + "hello" + HIDDEN);
        refused("TE.TE other", post("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + "0\r\n\r\n");
        refused(501, "TE.TE other first", post("Transfer-Encoding: x", "Transfer-Encoding: chunked") + "0\r\n\r\n");
        refused("TE twice", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n");
        refused(501, "TE empty and chunked", post("Transfer-Encoding:", "Transfer-Encoding: chunked") + "0\r\n\r\n");
        for (String value : List.of(
                "chunked, chunked",
                "chunked, gzip",
                "chunked, identity",
                "identity",
                "chunked;q=1",
                "chunked chunked",
                "xchunked",
                "chunkedx",
                "chunk",
                "\"chunked\"",
                "'chunked'",
                "",
                "\u00a0chunked",
                "chunked\u00a0",
                "\u000bchunked",
                "chunked\u000b",
                "\u000cchunked",
                "chunked\0",
                "\u007fchunked",
                "chun\tked",
                "ch\u017funked".replace('\u017f', '\u00ff'))) {
            refused("TE [" + printed(value) + "]", post("Transfer-Encoding: " + value) + "0\r\n\r\n" + HIDDEN);
        }
        for (String value : List.of("chunked,", ",chunked")) {
            refused(501, "TE [" + value + "]", post("Transfer-Encoding: " + value) + "0\r\n\r\n" + HIDDEN);
        }
        refused(501, "TE gzip first", post("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n" + HIDDEN);
        refused(501, "TE identity first", post("Transfer-Encoding: identity, chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE space before the colon", post("Transfer-Encoding : chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE tab before the colon", post("Transfer-Encoding\t: chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE vertical tab before the colon", post("Transfer-Encoding\u000b: chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE NUL before the colon", post("Transfer-Encoding\0: chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE two colons", post("Transfer-Encoding:: chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE on a folded line", post("X: y", " Transfer-Encoding: chunked") + "0\r\n\r\n" + HIDDEN);
        refused(
                "TE first, on a folded line",
                "POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\n" + HOST + "\r\n0\r\n\r\n");
        refused("TE folded value", post("Transfer-Encoding:", " chunked") + "0\r\n\r\n" + HIDDEN);
        refused("TE folded list", post("Transfer-Encoding: chunked,", "\tidentity") + "0\r\n\r\n" + HIDDEN);
        refused("TE in HTTP/1.0", "POST / HTTP/1.0\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        refused(
                "TE and CL in HTTP/1.0",
                "POST / HTTP/1.0\r\n" + HOST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        refused("TE of a name with an underscore in place of its colon", post("Transfer-Encoding_ chunked") + HIDDEN);
    }

    private static String printed(String value) {
        StringBuilder out = new StringBuilder();
        for (char c : value.toCharArray()) {
            out.append(c >= ' ' && c < 0x7f ? String.valueOf(c) : "<" + Integer.toHexString(c) + ">");
        }
        return out.toString();
    }

    private void lengths() {
        refused("CL twice", post("Content-Length: 5", "Content-Length: 6") + "hello" + HIDDEN);
        refused("CL twice the same", post("Content-Length: 5", "content-length: 5") + "hello" + HIDDEN);
        refused("CL twice, one empty", post("Content-Length:", "Content-Length: 5") + "hello" + HIDDEN);
        for (String value : List.of(
                "5, 5",
                "5,5",
                "5, 6",
                "+5",
                "-5",
                "-0",
                "0x5",
                "5x",
                "",
                "5 0",
                "5\t0",
                "5;",
                "5.0",
                "5e0",
                "\"5\"",
                "\u00b2",
                "5\u000b",
                "5\0",
                "5\u00a0",
                "00000000000000000005",
                "9223372036854775808",
                "18446744073709551621",
                "99999999999999999999")) {
            refused("CL [" + printed(value) + "]", post("Content-Length: " + value) + "hello" + HIDDEN);
        }
        refused("CL list in HTTP/1.0", "POST / HTTP/1.0\r\n" + HOST + "Content-Length: 5, 6\r\n\r\nhello");
        refused("CL space before the colon", post("Content-Length : 5") + "hello" + HIDDEN);
        refused("CL folded", post("Content-Length:", " 5") + "hello" + HIDDEN);
    }

    private void lines() {
        refused("bare LF after the head", "GET / HTTP/1.1\r\n" + HOST + "\n" + HIDDEN);
        refused("bare LF in a line", "GET / HTTP/1.1\r\nX: y\nHost: " + NAME + "\r\n\r\n");
        refused("bare LF behind the first line", "GET / HTTP/1.1\n" + HOST + "\r\n");
        refused("bare LF in the first line", "GET /\n HTTP/1.1\r\n" + HOST + "\r\n");
        refused("bare LF before the first line", "\nGET / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("bare LF in a name", get("X\nY: z"));
        refused("bare LF ends a head", "GET / HTTP/1.1\r\n" + HOST + "X: y\n\n" + HIDDEN);
        refused("bare CR in a value", get("X: a\rTransfer-Encoding: chunked"));
        refused("bare CR in a name", get("X\rY: z"));
        refused("bare CR behind the first line", "GET / HTTP/1.1\r" + HOST + "\r\n");
        refused("bare CR in the first line", "GET /\r HTTP/1.1\r\n" + HOST + "\r\n");
        refused("bare CR before the first line", "\rGET / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("bare CRs end a head", "GET / HTTP/1.1\r\n" + HOST + "X: y\r\r" + HIDDEN);
        refused("CR CR LF", "GET / HTTP/1.1\r\n" + HOST + "X: a\r\r\n\r\n");
        refused("LF CR", "GET / HTTP/1.1\n\r" + HOST + "\n\r");
        refused("NUL in a value", get("X: a\0b"));
        refused("NUL in a name", get("X\0: a"));
        refused("DEL in a value", get("X: a\u007fb"));
        refused("vertical tab in a value", get("X: a\u000bb"));
        refused("escape in a name", get("X\u001b: a"));
        refused("no colon", get("Transfer-Encoding"));
        refused("no name", get(": x"));
        refused("a colon alone", get(":"));
        refused("name with a space", get("X Y: x"));
        refused("name with a space before the colon", get("X : x"));
        refused("name with a tab before the colon", get("X\t: x"));
        refused("name in parentheses", get("(X): x"));
        refused("name with a slash", get("X/Y: x"));
        refused("name that is not ASCII", get("X\u00e9: x"));
        refused("first field with a space before", "GET / HTTP/1.1\r\n " + HOST + "\r\n");
        refused("first field with a tab before", "GET / HTTP/1.1\r\n\t" + HOST + "\r\n");
        refused("a folded value", get("X: y", " z"));
        refused("a folded value with a tab", get("X: y", "\tz"));
        refused("an empty fold", get("X: y", " "));
        refused("an empty fold as the first field", "GET / HTTP/1.1\r\n \r\n" + HOST + "\r\n");
    }

    private void hosts() {
        refused("Host twice", "GET / HTTP/1.1\r\n" + HOST + "Host: other\r\n\r\n");
        refused("Host twice the same", "GET / HTTP/1.1\r\n" + HOST + HOST + "\r\n");
        refused("Host twice, in another case", "GET / HTTP/1.1\r\n" + HOST + "hOST: other\r\n\r\n");
        refused("no Host", "GET / HTTP/1.1\r\n\r\n");
        refused("no Host, in HTTP/1.1 of an absolute address", "GET http://" + NAME + "/ HTTP/1.1\r\n\r\n");
        for (String host : List.of(
                "",
                "%s/x",
                "a@%s",
                "a:b@%s",
                "%s@evil",
                "%s, b",
                "%s b",
                "%s\tb",
                "%s:x",
                "%s:80:80",
                "%s:123456",
                "%s:-1",
                "[::1",
                "[%s]",
                "[]",
                "::1",
                "%s#",
                "%s?x",
                "%s\\x",
                "%s%00",
                "%s\u00e9",
                "http://%s",
                "%s;x",
                "*",
                "..%s/")) {
            refused("Host [" + printed(host) + "]", "GET / HTTP/1.1\r\nHost: " + host.replace("%s", NAME) + "\r\n\r\n");
        }
    }

    private void addresses() {
        refused("absolute form of another site", "GET http://other/ HTTP/1.1\r\n" + HOST + "\r\n");
        refused("absolute form with a user", "GET http://u@" + NAME + "/ HTTP/1.1\r\n" + HOST + "\r\n");
        refused("absolute form with another port", "GET http://" + NAME + ":81/ HTTP/1.1\r\n" + HOST + "\r\n");
        refused("absolute form of another scheme", "GET ftp://" + NAME + "/ HTTP/1.1\r\n" + HOST + "\r\n");
        refused("absolute form without a host", "GET http:/// HTTP/1.1\r\n" + HOST + "\r\n");
        refused("absolute form with a backslash", "GET http://" + NAME + "\\@other/ HTTP/1.1\r\n" + HOST + "\r\n");
        refused(501, "CONNECT", "CONNECT " + NAME + ":443 HTTP/1.1\r\n" + HOST + "\r\n" + HIDDEN);
        refused(501, "CONNECT of a path", "CONNECT / HTTP/1.1\r\n" + HOST + "\r\n" + HIDDEN);
        refused(501, "TRACE", "TRACE / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("authority form of GET", "GET " + NAME + ":443 HTTP/1.1\r\n" + HOST + "\r\n");
        refused("asterisk of GET", "GET * HTTP/1.1\r\n" + HOST + "\r\n");
        refused("asterisk and more", "OPTIONS *x HTTP/1.1\r\n" + HOST + "\r\n");
        refused("no slash", "GET x HTTP/1.1\r\n" + HOST + "\r\n");
        refused("fragment", "GET /#x HTTP/1.1\r\n" + HOST + "\r\n");
        refused("space in the address", "GET /a b HTTP/1.1\r\n" + HOST + "\r\n");
        refused("a request in the address", "GET / HTTP/1.1 HTTP/1.1\r\n" + HOST + "\r\n");
        refused("NUL in the address", "GET /\0 HTTP/1.1\r\n" + HOST + "\r\n");
        refused("not ASCII in the address", "GET /\u00e9 HTTP/1.1\r\n" + HOST + "\r\n");
        for (String path : List.of(
                "/app/../x",
                "/app/%2e%2E/x",
                "/app\\..\\x",
                "/app%2f..%5cx",
                "/api/..;/manager",
                "/api/.;x=y.z/",
                "/api/..%3Bx",
                "/app/..")) {
            refused("dot segments in " + path, "GET " + path + " HTTP/1.1\r\n" + HOST + "\r\n");
        }
    }

    private void firstLines() {
        refused("two spaces", "GET  / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("two spaces before the version", "GET /  HTTP/1.1\r\n" + HOST + "\r\n");
        refused("a space behind the version", "GET / HTTP/1.1 \r\n" + HOST + "\r\n");
        refused("tab in the first line", "GET\t/ HTTP/1.1\r\n" + HOST + "\r\n");
        refused("vertical tab in the first line", "GET\u000b/ HTTP/1.1\r\n" + HOST + "\r\n");
        refused("space before the method", " GET / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("a method that is no token", "GE(T / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("a method with a colon", "GET: / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("no method", " / HTTP/1.1\r\n" + HOST + "\r\n");
        refused(501, "a method without end", "A".repeat(40) + " / HTTP/1.1\r\n" + HOST + "\r\n");
        refused("HTTP/0.9", "GET /\r\n\r\n" + HIDDEN);
        refused(505, "HTTP/1.2", "GET / HTTP/1.2\r\n" + HOST + "\r\n");
        refused(505, "HTTP/2.0", "PRI /x HTTP/2.0\r\n" + HOST + "\r\n");
        refused(505, "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        refused("HTTP/1.10", "GET / HTTP/1.10\r\n" + HOST + "\r\n");
        refused("HTTP/01.1", "GET / HTTP/01.1\r\n" + HOST + "\r\n");
        refused("HTTP/1", "GET / HTTP/1\r\n" + HOST + "\r\n");
        refused("HTTP/1,1", "GET / HTTP/1,1\r\n" + HOST + "\r\n");
        refused("lower case version", "GET / http/1.1\r\n" + HOST + "\r\n");
        refused("three empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\n" + HOST + "\r\n");
    }

    private void expectations() {
        for (String value : List.of("x", "100-continue, x", "100-continue;q=1", "", "100 continue", "200-ok")) {
            refused(417, "Expect [" + value + "]", post("Expect: " + value, "Content-Length: 5") + "hello" + HIDDEN);
        }
        refused(
                417,
                "Expect twice",
                post("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 5") + "hello" + HIDDEN);
    }

    private void upgrades() {
        refused(
                "the WebSocket draft with a body",
                get("Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Key1: 1", "Sec-WebSocket-Key2: 1")
                        + "GET /hid");
    }

    private void bounds() {
        refused(431, "65 lines", "GET / HTTP/1.1\r\n" + HOST + "X: 1\r\n".repeat(RequestDecoder.MAX_LINES) + "\r\n");
        refused(431, "a head too large", "GET / HTTP/1.1\r\n" + HOST + "X: " + "a".repeat(RequestDecoder.MAX_HEAD));
        refused(414, "a line too long", "GET /" + "a".repeat(RequestDecoder.MAX_LINE));
    }

    private void chunks() {
        for (String size : List.of(
                "x",
                "0x3",
                "+3",
                "-3",
                "",
                ";a",
                " 3",
                "\t3",
                "3 ",
                "3\t",
                "3 3",
                "3 abc",
                "3\u000b",
                "\u000b3",
                "3\0",
                "\0",
                "3,3",
                "3.0",
                "\u00b3",
                "3\u00e9",
                "3h",
                "ffffffffffffffff",
                "8000000000000000",
                "100000000000000003",
                "00000000000000003",
                "3;",
                "3;;a",
                "3;=b",
                "3;a=",
                "3;a b",
                "3;a=b c",
                "3;a=\"b",
                "3;a=\"b\"c",
                "3;a\0",
                "3;a=\u007f",
                "3;(a)",
                "3;" + "a".repeat(2_000),
                "3;" + "a".repeat(9_000),
                "0".repeat(9_000) + "3")) {
            String shown = size.length() > 20 ? size.substring(0, 20) + "\u2026" + size.length() : size;
            cut("chunk size [" + printed(shown) + "]", size + "\r\nabc\r\n0\r\n\r\n");
        }
        cut("size that wraps", "100000003\r\nabc\r\n0\r\n\r\n"); // 2^32 + 3: no such chunk comes
        cut("size of the last chunk with 0x", "3\r\nabc\r\n0x0\r\n\r\n");
        cut("bare LF behind the size", "3\nabc\r\n0\r\n\r\n");
        cut("bare CR behind the size", "3\rabc\r\n0\r\n\r\n");
        cut("CR CR LF behind the size", "3\r\r\nabc\r\n0\r\n\r\n");
        cut("bare LF in an extension", "3;a\nabc\r\n0\r\n\r\n");
        cut("CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n");
        cut("CR LF in a quoted extension", "3;a=\"\r\nabc\"\r\n0\r\n\r\n");
        cut("bare LF in a quoted extension", "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n");
        cut("chunk longer than its size", "3\r\nabcd\r\n0\r\n\r\n");
        cut("chunk shorter than its size", "4\r\nabc\r\n0\r\n\r\n");
        cut("bare LF behind a chunk", "3\r\nabc\n0\r\n\r\n");
        cut("bare CR behind a chunk", "3\r\nabc\r0\r\n\r\n");
        cut("nothing behind a chunk", "3\r\nabc0\r\n\r\n");
        cut("an empty line more behind a chunk", "3\r\nabc\r\n\r\n0\r\n\r\n");
        cut("bare LF behind the last size", "3\r\nabc\r\n0\n\r\n");
        cut("bare CR behind the last size", "3\r\nabc\r\n0\r\r\n");
        cut("bare LF as the end", "3\r\nabc\r\n0\r\n\n");
        cut("bare CR as the end", "3\r\nabc\r\n0\r\n\rX");
    }

    private void trailers() {
        for (String trailer : List.of(
                "X",
                ": y",
                "X y",
                "X : y",
                "X\t: y",
                "X Y: z",
                " X: y",
                "\tX: y",
                "(X): y",
                "X\0: y",
                "X: \0",
                "X: a\u000bb",
                "X: a\u007f",
                "X: a\rb",
                "X\rY: b",
                "X\u00e9: y",
                "X: y\r\n z",
                "X: y\r\n\tz")) {
            cut("trailer [" + printed(trailer) + "]", "3\r\nabc\r\n0\r\n" + trailer + "\r\n\r\n");
        }
        cut("bare LF in a trailer", "3\r\nabc\r\n0\r\nX: y\n\r\n");
        cut("bare LF behind trailers", "3\r\nabc\r\n0\r\nX: y\r\n\n");
        cut("more trailers than a head has lines", "0\r\n" + "X: 1\r\n".repeat(RequestDecoder.MAX_LINES + 1) + "\r\n");
        cut("trailers larger than a head", "0\r\nX: " + "a".repeat(RequestDecoder.MAX_HEAD) + "\r\n\r\n");
    }

    private void normalised() {
        String chunked = "3\r\nabc\r\n0\r\n\r\n";
        for (String value : List.of("chunked", "Chunked", "CHUNKED", "\tchunked", "chunked \t")) {
            passes("TE [" + printed(value) + "]", post("Transfer-Encoding:" + value) + chunked, r -> {
                assertThat(r.body()).isEqualTo("abc");
                assertThat(r.values("transfer-encoding")).isSubsetOf("chunked");
            });
        }
        for (String value : List.of("5", " 5", "\t5", "5 ", "05", "000000000000000005")) {
            passes("CL [" + printed(value) + "]", post("Content-Length:" + value) + "hello", r -> {
                assertThat(r.body()).isEqualTo("hello");
                assertThat(r.values("content-length")).containsExactly("5");
            });
        }
        for (String size :
                List.of("3", "03", "0000000000000003", "3;a", "3;a=b", "3 ; a = b", "3;a=\"b; c \\\" d\";e")) {
            passes(
                    "chunk size [" + printed(size) + "]",
                    post("Transfer-Encoding: chunked") + size + "\r\nabc\r\n0\r\n\r\n",
                    r -> assertThat(r.body()).isEqualTo("abc"));
        }
        passes(
                "last chunk of many zeros",
                post("Transfer-Encoding: chunked") + "3\r\nabc\r\n0000\r\n\r\n",
                r -> assertThat(r.body()).isEqualTo("abc"));
        passes(
                "a chunk in hexadecimal of either case",
                post("Transfer-Encoding: chunked") + "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
                r -> assertThat(r.body()).hasSize(20));
        passes(
                "a request within a body",
                post("Content-Length: " + HIDDEN.length()) + HIDDEN,
                r -> assertThat(r.body()).contains("/hidden").hasSize(HIDDEN.length()));
        passes(
                "a request within a chunk",
                post("Transfer-Encoding: chunked") + Integer.toHexString(HIDDEN.length()) + "\r\n" + HIDDEN
                        + "\r\n0\r\n\r\n",
                r -> assertThat(r.body()).contains("/hidden").hasSize(HIDDEN.length()));
        passes("a body of GET", "GET / HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\n\r\nhello", r -> {
            assertThat(r.line()).startsWith("GET / ");
            assertThat(r.body()).isEqualTo("hello");
        });
        passes(
                "a chunked body of GET",
                "GET / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n" + chunked,
                r -> assertThat(r.body()).isEqualTo("abc"));
        passes(
                "trailers that frame, address or authorise",
                post("Transfer-Encoding: chunked", "Trailer: X-Sum")
                        + "3\r\nabc\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n"
                        + "Host: evil\r\nAuthorization: evil\r\nCookie: evil\r\nX-Forwarded-For: evil\r\nConnection: evil\r\n"
                        + "content_length: 9\r\nX_Rewrite_Url: evil\r\nX-Sum: 3\r\n\r\n",
                r -> {
                    assertThat(r.body()).isEqualTo("abc");
                    assertThat(r.toString()).doesNotContain("evil");
                });
        passes(
                "fields that a CGI program takes for others",
                get("Content_Length: 5", "Transfer_Encoding: chunked", "X_Real_IP: evil"),
                r -> assertThat(r.toString()).doesNotContain("evil", "t_Length", "r_Encoding"));
        passes(
                "Connection names fields that frame, address and vouch",
                "POST / HTTP/1.1\r\n" + HOST
                        + "Connection: content-length, host, transfer-encoding, x-forwarded-for, x-real-ip,"
                        + " forwarded, x-forwarded-proto\r\nContent-Length: 5\r\n\r\nhello",
                r -> {
                    assertThat(r.body()).isEqualTo("hello");
                    assertThat(r.values("host")).hasSize(1);
                    assertThat(r.values("x-forwarded-for")).hasSize(1);
                    assertThat(r.values("x-real-ip")).hasSize(1);
                    assertThat(r.values("forwarded")).hasSize(1);
                    assertThat(r.values("x-forwarded-proto")).containsExactly("https");
                });
        passes(
                "Connection names a chunked body's coding",
                post("Connection: transfer-encoding", "Transfer-Encoding: chunked") + chunked,
                r -> assertThat(r.body()).isEqualTo("abc"));
        passes(
                "what Connection names goes no further",
                get("Connection: x-mine, , \"", "X-Mine: 1"),
                r -> assertThat(r.values("x-mine")).isEmpty());
        passes(
                "an upgrade with a body is none",
                post("Connection: upgrade", "Upgrade: websocket", "Content-Length: 5") + "hello",
                r -> {
                    assertThat(r.body()).isEqualTo("hello");
                    assertThat(r.values("upgrade")).isEmpty();
                });
        passes(
                "an upgrade to HTTP/2",
                get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
                r -> {
                    assertThat(r.values("upgrade")).isEmpty();
                    assertThat(r.values("http2-settings")).isEmpty();
                });
        passes(
                "an upgrade that Connection does not name",
                get("Upgrade: websocket"),
                r -> assertThat(r.values("upgrade")).isEmpty());
        passes(
                "two upgrades",
                get("Connection: upgrade", "Upgrade: a, b"),
                r -> assertThat(r.values("upgrade")).isEmpty());
        passes(
                "Expect without a body",
                get("Expect: 100-continue"),
                r -> assertThat(r.values("expect")).isEmpty());
        passes(
                "Expect, and the body at once",
                post("Expect: 100-Continue", "Content-Length: 5") + "hello",
                r -> assertThat(r.body()).isEqualTo("hello"));
        passes(
                "what is not ASCII in a value",
                get("X: caf\u00e9"),
                r -> assertThat(r.values("x")).containsExactly("caf\u00e9"));
        passes("an empty value", get("X:"), r -> assertThat(r.values("x")).containsExactly(""));
        passes(
                "the absolute form",
                "GET http://" + NAME + "?x=y HTTP/1.1\r\n" + HOST + "\r\n",
                r -> assertThat(r.path()).isEqualTo("/?x=y"));
        passes(
                "the asterisk of OPTIONS",
                "OPTIONS * HTTP/1.1\r\n" + HOST + "\r\n",
                r -> assertThat(r.path()).isEqualTo("*"));
        passes("an empty port (RFC 3986 3.2.3)", "GET / HTTP/1.1\r\nHost: " + NAME + ":\r\n\r\n", r -> {});
        passes("one empty line before", "\r\nGET / HTTP/1.1\r\n" + HOST + "\r\n", r -> {});
        passes(
                "parameters of segments that are no dots",
                "GET /a;..;b/x..;c/;./...;/ HTTP/1.1\r\n" + HOST + "\r\n",
                r -> assertThat(r.path()).isEqualTo("/a;..;b/x..;c/;./...;/"));
    }
}
