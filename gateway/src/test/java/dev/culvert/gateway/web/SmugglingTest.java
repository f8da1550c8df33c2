package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.Http1Attacks.Attack;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The target never sees two requests where the browser has sent one, nor a field that it has not sent. */
final class SmugglingTest {
    private static final String HOST = "Host: app.example.com\r\n";
    private static final String HIDDEN = "GET /hidden HTTP/1.1\r\nHost: app.example.com\r\n\r\n";

    /** What takes too long byte by byte. */
    private static final int LONG = 1_000;

    private final Stage stage = new Stage();

    @AfterEach
    void close() {
        stage.close();
    }

    static List<Attack> attacks() {
        return Http1Attacks.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("attacks")
    void comesToWhatItShould(Attack attack) {
        run(attack, false, attack.sent().length());
        run(attack, true, attack.sent().length());
        run(attack, false, attack.sent().length() > LONG ? 7 : 1);
    }

    /** @param at so many bytes at once */
    private static void run(Attack attack, boolean h2c, int at) {
        RawStage raw = new RawStage();
        ServedStage one = raw.plain(h2c);
        StrictAnswers answers = new StrictAnswers();
        byte[] sent = RawHttp2.ascii(attack.sent());
        for (int i = 0; i < sent.length; i += at) {
            one.say(Arrays.copyOfRange(sent, i, Math.min(sent.length, i + at)));
        }
        answers.read(one.heard());
        attack.check(answers.whole(), one.asked());
        assertThat(answers.pending()).isEmpty();
        if (!attack.passes()) {
            assertThat(one.begun()).isLessThanOrEqualTo(attack.mayBegin() ? 1 : 0);
            one.say(RawHttp2.ascii(HIDDEN));
            assertThat(one.heard()).as("nothing more is served").isEmpty();
            assertThat(one.asked()).isEmpty();
            assertThat(one.stage().targets)
                    .filteredOn(t -> !h2c) // else the connection is others', too
                    .noneMatch(Stage.End::isActive);
        }
        raw.close();
        assertThat(raw.usedMemory()).isZero();
    }

    @Test
    void fieldsThatATargetTakesForThePathOrItsProxyAreDropped() {
        stage.say("POST / HTTP/1.1\r\n" + HOST + "Proxy: evil\r\nX-Original-URL: /evil\r\nX_Rewrite_Url: /evil\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Rewrite-URL: /evil\r\n\r\n");
        assertThat(stage.asked(0)).startsWith("POST / ").doesNotContain("evil");
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
