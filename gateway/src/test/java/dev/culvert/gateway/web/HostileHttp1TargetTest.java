package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.RawHttp2.ascii;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What a target in HTTP/1.1 may answer that is no answer, each with what comes of it: the visitor is told, or cut off, never left to take a part
 * for the whole; the connection serves nobody else; the next request is served; no memory is left.
 */
final class HostileHttp1TargetTest {
    /**
     * @param said by the target
     * @param ends whether it closes its connection then
     * @param begins whether its answer has been begun to be passed on: then the visitor is cut off, else told
     */
    private record Rule(String name, String said, boolean ends, boolean begins) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final String OK = "HTTP/1.1 200 OK\r\n";
    private static final String CHUNKED = OK + "Transfer-Encoding: chunked\r\n\r\n";

    private final List<Rule> rules = new ArrayList<>();

    static List<Rule> rules() {
        HostileHttp1TargetTest t = new HostileHttp1TargetTest();
        t.heads();
        t.bodies();
        return t.rules;
    }

    private void bad(String name, String said) {
        rules.add(new Rule(name, said, false, false));
    }

    private void cut(String name, String said) {
        rules.add(new Rule(name, said, false, true));
    }

    private void heads() {
        for (String line : List.of(
                "garbage",
                "HTTP/1.1",
                "HTTP/1.1 ",
                "HTTP/1.1 OK",
                "HTTP/1.1 20 OK",
                "HTTP/1.1 2000 OK",
                "HTTP/1.1 099 OK",
                "HTTP/1.1 000 OK",
                "HTTP/1.1 -20 OK",
                "HTTP/1.1 +20 OK",
                "HTTP/1.1 2x0 OK",
                "ICY 200 OK",
                "HTTP/2 200 OK",
                "HTTP/2.0 200 OK",
                "HTTP/0.9 200 OK",
                "HTTP/1.1 101 Switching Protocols",
                "SSH-2.0-OpenSSH_9.2",
                "220 mail.example.com ESMTP",
                "\u0016\u0003\u0003 TLS")) {
            bad("a first line of [" + line.replaceAll("\\p{Cntrl}", "?") + "]", line + "\r\nContent-Length: 0\r\n\r\n");
        }
        bad("a first line too long", "HTTP/1.1 200 " + "O".repeat(9_000) + "\r\n\r\n");
        bad("a head too large", OK + "X: " + "a".repeat(70_000) + "\r\n\r\n");
        bad("a head without end", OK + "X: 1\r\n".repeat(20_000));
        bad("answers of 1xx without end", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(20));
        bad("a bare CR in a value", OK + "X: a\rY: b\r\nContent-Length: 0\r\n\r\n");
        bad("NUL in a value", OK + "X: a\0b\r\nContent-Length: 0\r\n\r\n");
        bad("a line without a colon", OK + "X\r\nContent-Length: 0\r\n\r\n");
        bad("no name", OK + ": x\r\nContent-Length: 0\r\n\r\n");
        for (String length : List.of("-1", "+1", "x", "0x1", "1, 2", "1 2", "99999999999999999999")) {
            bad("a length of [" + length + "]", OK + "Content-Length: " + length + "\r\n\r\nx");
        }
        bad("two lengths", OK + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy");
        bad("a length and chunks", OK + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        for (String coding :
                List.of("gzip", "identity", "chunked, gzip", "gzip, chunked", "chunked, chunked", "xchunked")) {
            bad("a coding of [" + coding + "]", OK + "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n");
        }
        bad("two codings", OK + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        for (String part : List.of("", "HTTP", OK, OK + "Content-Length: 5\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n")) {
            rules.add(new Rule("the end behind [" + part.replaceAll("\\p{Cntrl}", "?") + "]", part, true, false));
        }
    }

    private void bodies() {
        for (String size :
                List.of("x", "", "-1", "+1", "0x1", " 1", "1 1", "ffffffffffffffff", "1;" + "a".repeat(9_000))) {
            String shown = size.length() > 20 ? size.substring(0, 20) : size;
            cut("a chunk's size of [" + shown + "]", CHUNKED + size + "\r\na\r\n0\r\n\r\n");
        }
        cut("a chunk that is longer than its size", CHUNKED + "1\r\nab\r\n0\r\n\r\n");
        cut("a trailer without a colon", CHUNKED + "1\r\na\r\n0\r\nX\r\n\r\n");
        cut("NUL in a trailer", CHUNKED + "1\r\na\r\n0\r\nX: \0\r\n\r\n");
        cut("a bare CR in a trailer", CHUNKED + "1\r\na\r\n0\r\nX: a\rY: b\r\n\r\n");
        cut("a trailer too large", CHUNKED + "0\r\nX: " + "a".repeat(70_000) + "\r\n\r\n");
        cut("trailers without end", CHUNKED + "0\r\n" + "X: 1\r\n".repeat(20_000));
        for (String part : List.of(
                OK + "Content-Length: 5\r\n\r\n",
                OK + "Content-Length: 5\r\n\r\nfour",
                CHUNKED,
                CHUNKED + "5",
                CHUNKED + "5\r\nfour",
                CHUNKED + "4\r\nfour\r\n",
                CHUNKED + "0\r\n",
                CHUNKED + "0\r\nX: y\r\n")) {
            rules.add(new Rule(
                    "the end behind [" + part.substring(OK.length()).replaceAll("\\p{Cntrl}", "?") + "]",
                    part,
                    true,
                    true));
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void comesToWhatItShould(Rule rule) {
        UnpooledByteBufAllocator memory = new UnpooledByteBufAllocator(false);
        for (int at : new int[] {rule.said.length() + 1, 1}) {
            Stage stage = new Stage("http/1.1", true, false, memory);
            stage.ways.add("a");
            StrictAnswers answers = new StrictAnswers();
            String request = "POST /asked HTTP/1.1\r\nHost: " + Stage.NAME + "\r\nContent-Length: 0\r\n\r\n";
            stage.say(request);
            int step = rule.said.length() > 1_000 ? Math.max(at, 97) : at;
            for (int i = 0; i < rule.said.length() && stage.targets.get(0).isActive(); i += step) {
                stage.answer(0, rule.said.substring(i, Math.min(rule.said.length(), i + step)));
            }
            if (rule.ends) {
                stage.targets.get(0).end();
            }
            assertThat(stage.targets.get(0).isActive()).isFalse();
            answers.read(ascii(stage.answered()));
            assertThat(stage.records).singleElement().satisfies(r -> {
                assertThat(r.status()).isEqualTo(rule.begins ? 200 : 502);
                assertThat(r.whole()).isEqualTo(!rule.begins);
            });
            if (rule.begins) {
                assertThat(answers.whole()).as("it is never whole").isEmpty();
                assertThat(stage.browser.isActive()).isFalse();
            } else {
                assertThat(answers.whole()).singleElement().satisfies(a -> {
                    assertThat(a.status()).isEqualTo(502);
                    assertThat(a.isLast()).isFalse();
                });
                assertThat(stage.told).containsExactly("unanswered by a");
                stage.say(request);
                stage.answer(1, OK + StrictServer.ANSWERS + ": /asked\r\nContent-Length: 0\r\n\r\n");
                answers.read(ascii(stage.answered()));
                assertThat(answers.whole()).hasSize(2);
                assertThat(answers.whole().get(1).isOfTarget()).isTrue();
            }
            stage.close();
            assertThat(memory.metric().usedHeapMemory() + memory.metric().usedDirectMemory())
                    .isZero();
        }
    }
}
