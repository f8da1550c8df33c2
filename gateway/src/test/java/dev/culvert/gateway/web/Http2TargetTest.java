package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.Http2Peer.get;
import static dev.culvert.gateway.web.Http2Peer.status;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2PingFrame;
import io.netty.handler.codec.http2.DefaultHttp2SettingsFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2Settings;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Targets that speak HTTP/2, and browsers in HTTP/2 or HTTP/1.1 in front of them, in frozen time. */
@NullUnmarked
final class Http2TargetTest {
    private static final int GOAWAY = 7;

    private final List<Http2Peer> targets = new ArrayList<>();
    private Http2Settings settings = Http2Settings.defaultSettings();
    private Stage stage;
    private Http2Peer browser;

    private void in(String protocol) {
        stage = new Stage(protocol);
        stage.speaksHttp2 = true;
        if (protocol.equals("h2")) {
            browser = Http2Peer.browser();
        }
    }

    @AfterEach
    void close() {
        stage.close();
        targets.forEach(Http2Peer::close);
        if (browser != null) {
            browser.close();
        }
    }

    /** Carries what is said between all, until nothing is. */
    private void carry() {
        boolean more = true;
        while (more) {
            stage.browser.runPendingTasks();
            while (targets.size() < stage.targets.size()) {
                targets.add(Http2Peer.target(settings));
            }
            more = browser != null && browser.carry(stage.browser);
            for (int i = 0; i < targets.size(); i++) {
                more |= targets.get(i).carry(stage.targets.get(i));
            }
        }
    }

    private Http2FrameStream ask(Http2Headers head, boolean ends) {
        Http2FrameStream stream = browser.ask(head, ends);
        carry();
        return stream;
    }

    private void send(Http2FrameStream stream, String text, boolean ends) {
        browser.send(stream, text, ends);
        carry();
    }

    private void say(String request) {
        stage.say(request);
        carry();
    }

    private Http2FrameStream stream(int target, int n) {
        return targets.get(target).streams.get(n);
    }

    /** What a target has been told on its n-th stream since it was last asked. */
    private String asked(int target, int n) {
        return targets.get(target).heard(stream(target, n));
    }

    private void head(int target, int n, Http2Headers head, boolean ends) {
        targets.get(target).head(stream(target, n), head, ends);
        carry();
    }

    private void answer(int target, int n, String text, boolean ends) {
        targets.get(target).send(stream(target, n), text, ends);
        carry();
    }

    private void answer(int target, int n) {
        head(target, n, status(200), false);
        answer(target, n, "hi", true);
    }

    private void goAway(int target, int lastStream) {
        stage.targets
                .get(target)
                .writeInbound(Http2Peer.frame(GOAWAY, 0, 0, new byte[] {0, 0, 0, (byte) lastStream, 0, 0, 0, 0}));
        carry();
    }

    private static Http2Headers call() {
        return get("/greeter/hello")
                .method("POST")
                .add("content-type", "application/grpc")
                .add("te", "trailers");
    }

    @Test
    void aRequestInHttp11AndItsAnswer() {
        in("http/1.1");
        say("GET /a?b HTTP/1.1\r\nHost: app.example.com\r\nConnection: x-mine\r\nX-Mine: 1\r\nCookie: a=b\r\n\r\n");
        assertThat(asked(0, 0))
                .startsWith(":method: GET\n:scheme: http\n:authority: app.example.com\n:path: /a?b\n")
                .contains("cookie: a=b\n", "x-forwarded-for: 203.0.113.9\n")
                .doesNotContain("\nhost:", "connection", "x-mine", "transfer-encoding")
                .endsWith("END");
        head(0, 0, status(200).add("x-a", "b"), false);
        answer(0, 0, "hi", false);
        targets.get(0).head(stream(0, 0), new DefaultHttp2Headers().add("x-sum", "2"), true);
        carry();
        assertThat(stage.answered())
                .isEqualTo(
                        "HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 2\r\n\r\n");
        assertThat(stage.browser.isActive()).isTrue();
    }

    @Test
    void aBodyAndTrailersGoBothWays() {
        in("h2");
        Http2FrameStream call = ask(call().add("grpc-timeout", "1S"), false);
        assertThat(asked(0, 0))
                .contains(":method: POST\n", ":path: /greeter/hello\n", "te: trailers\n", "grpc-timeout: 1S\n")
                .doesNotContain("transfer-encoding", "END");
        send(call, "one", false);
        head(0, 0, status(200).add("content-type", "application/grpc"), false);
        answer(0, 0, "1", false);
        send(call, "two", false);
        answer(0, 0, "2", false);
        send(call, "three", true);
        assertThat(asked(0, 0)).isEqualTo("onetwothreeEND");
        head(0, 0, new DefaultHttp2Headers().add("grpc-status", "0"), true);
        assertThat(browser.heard(call))
                .isEqualTo(":status: 200\ncontent-type: application/grpc\n12grpc-status: 0\nEND");
    }

    @Test
    void trailersOnlyStayOneFrame() {
        in("h2");
        Http2FrameStream call = ask(call(), false);
        head(0, 0, status(200).add("grpc-status", "5"), true);
        assertThat(browser.heard(call)).isEqualTo(":status: 200\ngrpc-status: 5\nENDRESET 0");
        assertThat(asked(0, 0)).endsWith("RESET " + Http2Error.CANCEL.code()); // more of the request is not wanted
        assertThat(targets.get(0).isOpen()).isTrue();
    }

    @Test
    void theEndOfAnAnswerIsNotLostInAResetBehindIt() {
        in("h2");
        Http2FrameStream call = ask(call(), false);
        stage.browser.takes(false);
        head(0, 0, status(200), false);
        answer(0, 0, "x".repeat(1000), false);
        head(0, 0, new DefaultHttp2Headers().add("grpc-status", "0"), true);
        targets.get(0).reset(stream(0, 0), Http2Error.NO_ERROR);
        carry();
        stage.browser.takes(true);
        carry();
        assertThat(browser.heard(call)).contains("xgrpc-status: 0\nEND");
    }

    /** Both ways: of an answer, and of a request that the target does not grant. */
    @Test
    void whatNobodyHasReadIsKnown() {
        in("h2");
        Http2FrameStream post = ask(get("/").method("POST"), false);
        stage.browser.takes(false);
        head(0, 0, status(200), false);
        assertThat(waiting()).isZero();
        String some = "x".repeat(10_000);
        for (int i = 1; i <= 20; i++) {
            answer(0, 0, some, false);
        }
        assertThat(waiting())
                .as("all but what the stream of the browser has taken")
                .isBetween(100_000L, 200_000L);
        stage.browser.takes(true);
        carry();
        assertThat(waiting()).isZero();
        targets.get(0).takes = false;
        for (int i = 0; i < 8; i++) {
            send(post, some, false);
        }
        assertThat(waiting()).as("beside the target's window").isGreaterThanOrEqualTo(80_000L - 65_535);
        browser.reset(post, Http2Error.CANCEL);
        carry();
        assertThat(waiting()).as("its stream has ended").isZero();
    }

    private long waiting() {
        return WaitingBytes.of(stage.targets.get(0).pipeline());
    }

    @Test
    void exchangesShareAConnectionWhichIsKeptForAWhile() {
        in("h2");
        ask(get("/1"), true);
        ask(get("/2"), true);
        assertThat(targets).hasSize(1);
        answer(0, 1);
        answer(0, 0);
        assertThat(asked(0, 0)).contains("/1");
        assertThat(asked(0, 1)).contains("/2");
        stage.pass(Http2TargetConnection.IDLE_SECONDS - 1);
        ask(get("/3"), true);
        assertThat(asked(0, 2)).contains("/3");
        stage.pass(Http2TargetConnection.IDLE_SECONDS + 1);
        assertThat(targets.get(0).isOpen()).isTrue(); // it has a stream
        answer(0, 2);
        stage.pass(Http2TargetConnection.IDLE_SECONDS);
        carry();
        assertThat(targets.get(0).goAway).isEqualTo(Http2Error.NO_ERROR);
        assertThat(stage.targets.get(0).isActive()).isFalse();
        ask(get("/4"), true);
        assertThat(asked(1, 0)).contains("/4");
    }

    @Test
    void theTargetSaysHowManyStreamsItTakes() {
        in("h2");
        settings = new Http2Settings().maxConcurrentStreams(1);
        List<Http2FrameStream> asked = new ArrayList<>();
        for (int i = 0; i <= Http2Targets.MAX_CONNECTIONS; i++) {
            asked.add(ask(get("/" + i), true));
        }
        assertThat(targets).hasSize(Http2Targets.MAX_CONNECTIONS);
        assertThat(targets).allMatch(t -> t.streams.size() == 1);
        answer(3, 0);
        assertThat(browser.heard(asked.get(3))).endsWith("hiEND");
        assertThat(asked(3, 1)).contains("/" + Http2Targets.MAX_CONNECTIONS);
        targets.get(3).write(new DefaultHttp2SettingsFrame(new Http2Settings().maxConcurrentStreams(2)));
        carry();
        ask(get("/more"), true);
        assertThat(asked(3, 2)).contains("/more");
        assertThat(targets).hasSize(Http2Targets.MAX_CONNECTIONS);
    }

    @Test
    void whoGoesWhileItWaitsIsForgotten() {
        in("h2");
        settings = new Http2Settings().maxConcurrentStreams(1);
        for (int i = 0; i < Http2Targets.MAX_CONNECTIONS; i++) {
            ask(get("/" + i), true);
        }
        Http2FrameStream gone = ask(get("/gone"), true);
        ask(get("/stays"), true);
        browser.reset(gone, Http2Error.CANCEL);
        carry();
        answer(0, 0);
        assertThat(asked(0, 1)).contains("/stays");
    }

    @Test
    void aTargetThatSpeaksHttp11IsSaidToDoSo() {
        in("http/1.1");
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        stage.answer(0, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        stage.browser.runPendingTasks();
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ").contains("does not speak HTTP/2");
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    @Test
    void aTargetThatSaysNothingIsNotWaitedForForLong() {
        in("http/1.1");
        stage.say("GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        stage.pass(Http2TargetConnection.SETTINGS_SECONDS);
        assertThat(stage.answered()).startsWith("HTTP/1.1 502 ").contains("does not speak HTTP/2");
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    @Test
    void aTargetThatIsNotThereIsTheSameAsInHttp11() {
        in("h2");
        stage.refusal = new FlowException(Reason.NO_AGENT, "away");
        Http2FrameStream page = ask(get("/"), true);
        assertThat(browser.heard(page)).startsWith(":status: 503\n").contains("retry-after: ", "is not connected");
        Http2FrameStream call = ask(call(), true);
        assertThat(browser.heard(call))
                .startsWith(":status: 200\n")
                .contains("content-type: application/grpc\n", "grpc-status: 14\n", "grpc-message: The agent that ")
                .endsWith("\nEND");
    }

    @Test
    void behindGoAwayOtherConnectionsAreUsedAndWhatWasNotServedIsSentAgain() {
        in("h2");
        Http2FrameStream served = ask(get("/served"), true);
        Http2FrameStream again = ask(get("/again").method("POST"), false);
        goAway(0, 5); // a client's streams begin with 3: 1 was for upgrades
        assertThat(targets).hasSize(1); // both are served
        ask(get("/next"), true);
        assertThat(asked(1, 0)).contains("/next");
        goAway(0, 3);
        assertThat(asked(1, 1)).contains(":method: POST\n", ":path: /again\n");
        answer(0, 0);
        assertThat(browser.heard(served)).endsWith("hiEND");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        send(again, "body", true);
        assertThat(asked(1, 1)).isEqualTo("bodyEND");
        answer(1, 1);
        assertThat(browser.heard(again)).endsWith("hiEND");
    }

    @Test
    void aBodyThatWasSentIsNotSentAgain() {
        in("h2");
        Http2FrameStream post = ask(get("/").method("POST"), false);
        send(post, "body", false);
        goAway(0, 0);
        assertThat(targets).hasSize(1);
        assertThat(browser.heard(post)).startsWith(":status: 503\n");
    }

    @Test
    void aRefusedStreamIsTriedOnceMore() {
        in("h2");
        Http2FrameStream post = ask(get("/").method("POST").add("content-length", "0"), true);
        targets.get(0).reset(stream(0, 0), Http2Error.REFUSED_STREAM);
        carry();
        assertThat(asked(1, 0)).contains(":method: POST\n");
        assertThat(browser.heard(post)).isEmpty();
        targets.get(1).reset(stream(1, 0), Http2Error.REFUSED_STREAM);
        carry();
        assertThat(targets).hasSize(2);
        assertThat(browser.heard(post)).startsWith(":status: 503\n").contains("retry-after: ");
    }

    /** Whatever its method: nobody has begun to serve it. */
    @Test
    void aRefusedStreamIsTriedByAnotherWay() {
        in("h2");
        stage.ways.addAll(List.of("a", "b"));
        Http2FrameStream post = ask(get("/").method("POST").add("content-length", "0"), true);
        targets.get(0).reset(stream(0, 0), Http2Error.REFUSED_STREAM);
        carry();
        assertThat(asked(1, 0)).contains(":method: POST\n");
        assertThat(stage.went).containsExactly("a", "b");
        answer(1, 0);
        assertThat(browser.heard(post)).startsWith(":status: 200\n");
        assertThat(stage.told).as("it is no illness").containsExactly("answered by b");
    }

    @Test
    void behindGoAwayAnotherWayIsGone() {
        in("h2");
        stage.ways.addAll(List.of("a", "b"));
        Http2FrameStream post = ask(get("/").method("POST").add("content-length", "0"), true);
        goAway(0, 0);
        assertThat(asked(1, 0)).contains(":method: POST\n");
        answer(1, 0);
        assertThat(browser.heard(post)).startsWith(":status: 200\n");
        assertThat(stage.went).containsExactly("a", "b");
    }

    @Test
    void whatMayBeRepeatedIsServedByAnotherWayWhenAConnectionEnds() {
        in("h2");
        stage.ways.addAll(List.of("a", "b"));
        Http2FrameStream get = ask(get("/get"), true);
        Http2FrameStream post = ask(get("/post").method("POST").add("content-length", "0"), true);
        stage.targets.get(0).end();
        carry();
        assertThat(asked(1, 0)).contains(":path: /get\n");
        assertThat(browser.heard(post)).startsWith(":status: 502\n");
        answer(1, 0);
        assertThat(browser.heard(get)).startsWith(":status: 200\n");
        assertThat(targets.get(1).streams).hasSize(1);
    }

    @Test
    void aBrowserIsLedAgainWhereItWas() {
        in("h2");
        stage.ways.addAll(List.of("a", "b"));
        stage.keepsWays = true;
        Http2FrameStream first = ask(get("/"), true);
        answer(0, 0);
        assertThat(browser.heard(first))
                .contains("set-cookie: culvert-instance=mark-of-a; Path=/; HttpOnly; SameSite=Lax; Secure\n");
        Http2FrameStream second = ask(get("/").add("cookie", "x=1").add("cookie", "culvert-instance=mark-of-b"), true);
        assertThat(stage.went).containsExactly("a", "b");
        assertThat(asked(1, 0)).contains("cookie: x=1\n").doesNotContain("culvert-instance");
        answer(1, 0);
        assertThat(browser.heard(second)).startsWith(":status: 200\n").doesNotContain("set-cookie");
        ask(get("/").add("cookie", "culvert-instance=mark-of-a"), true);
        assertThat(asked(0, 1)).as("over the connection that there is").contains(":path: /\n");
    }

    @Test
    void anotherResetIsNoReasonToSendItAgain() {
        in("h2");
        Http2FrameStream post = ask(get("/").method("POST").add("content-length", "0"), true);
        targets.get(0).reset(stream(0, 0), Http2Error.CANCEL);
        carry();
        assertThat(targets).hasSize(1);
        assertThat(browser.heard(post)).startsWith(":status: 502\n");
        assertThat(targets.get(0).isOpen()).isTrue();
    }

    @Test
    void aTargetsResetIsTheBrowsers() {
        in("h2");
        Http2FrameStream page = ask(get("/"), true);
        head(0, 0, status(200), false);
        targets.get(0).reset(stream(0, 0), Http2Error.ENHANCE_YOUR_CALM);
        carry();
        assertThat(browser.heard(page)).endsWith("RESET " + Http2Error.ENHANCE_YOUR_CALM.code());
        Http2FrameStream call = ask(call(), true);
        targets.get(0).reset(stream(0, 1), Http2Error.CANCEL); // before any answer
        carry();
        assertThat(browser.heard(call)).isEqualTo("RESET " + Http2Error.CANCEL.code());
    }

    @Test
    void aBrowsersResetIsTheTargets() {
        in("h2");
        Http2FrameStream call = ask(call(), false);
        send(call, "one", false);
        browser.reset(call, Http2Error.CANCEL);
        carry();
        assertThat(asked(0, 0)).endsWith("oneRESET " + Http2Error.CANCEL.code());
        assertThat(targets.get(0).isOpen()).isTrue();
        ask(call(), true);
        assertThat(asked(0, 1)).endsWith("END");
    }

    @Test
    void aTargetThatEndsIsTriedAgainByWhatMayBeSentTwice() {
        in("h2");
        Http2FrameStream warm = ask(get("/"), true);
        answer(0, 0);
        assertThat(browser.heard(warm)).endsWith("hiEND");
        ask(get("/again"), true);
        Http2FrameStream once = ask(get("/once").method("POST").add("content-length", "0"), true);
        stage.targets.get(0).end();
        carry();
        assertThat(asked(1, 0)).contains("/again");
        assertThat(targets.get(1).streams).hasSize(1);
        assertThat(browser.heard(once)).startsWith(":status: 502\n");
    }

    @Test
    void anAnswerIsReadOnlyWhileTheBrowserReadsAndHoldsUpNoOther() {
        in("h2");
        browser.takes = false;
        Http2FrameStream slow = ask(get("/slow"), true);
        head(0, 0, status(200), false);
        String piece = "x".repeat(16 << 10);
        int pieces = 64;
        for (int i = 0; i < pieces; i++) {
            answer(0, 0, piece, false);
        }
        int taken = browser.heard(slow).length() - ":status: 200\n".length();
        assertThat(taken).isLessThan(70_000); // the browser's window
        assertThat(targets.get(0).said)
                .isLessThan(Http2TargetConnection.STREAM_WINDOW + (16L << 10)); // what was granted
        browser.write(new DefaultHttp2WindowUpdateFrame(1 << 20)); // of the connection
        Http2FrameStream quick = ask(get("/quick"), true);
        answer(0, 1);
        assertThat(browser.heard(quick)).endsWith("hiEND");
        browser.takes = true;
        browser.grant(slow, taken);
        carry();
        answer(0, 0, "", true);
        assertThat(browser.heard(slow))
                .hasSizeGreaterThan(pieces * piece.length() - taken - 100)
                .endsWith("xEND");
    }

    @Test
    void anUploadIsReadOnlyWhileTheTargetReads() {
        in("h2");
        Http2FrameStream post = ask(get("/").method("POST"), false);
        asked(0, 0);
        targets.get(0).takes = false;
        String piece = "x".repeat(16 << 10);
        int pieces = 64;
        for (int i = 0; i < pieces; i++) {
            browser.send(post, piece, i == pieces - 1);
            carry();
        }
        int taken = asked(0, 0).length();
        assertThat(taken).isLessThan(70_000);
        targets.get(0).takes = true;
        targets.get(0).grant(stream(0, 0), taken);
        carry();
        assertThat(asked(0, 0)).hasSize(pieces * piece.length() - taken + "END".length());
    }

    @Test
    void aWebSocketInHttp11WhereTheTargetTakesExtendedConnect() {
        in("http/1.1");
        settings = new Http2Settings().connectProtocolEnabled(true);
        say("GET /ws HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        assertThat(asked(0, 0))
                .contains(":method: CONNECT\n", ":protocol: websocket\n", ":path: /ws\n", "sec-websocket-version: 13\n")
                .doesNotContain("sec-websocket-key", "END");
        head(0, 0, status(200), false);
        answer(0, 0, "first", false);
        assertThat(stage.answered())
                .startsWith("HTTP/1.1 101 Switching Protocols\r\n")
                .contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "upgrade: websocket\r\n")
                .endsWith("\r\n\r\nfirst");
        say("second");
        assertThat(asked(0, 0)).isEqualTo("second");
        stage.browser.end();
        carry();
        assertThat(asked(0, 0)).startsWith("END");
        assertThat(targets.get(0).isOpen()).isTrue();
    }

    @Test
    void aWebSocketInHttp2() {
        in("h2");
        settings = new Http2Settings().connectProtocolEnabled(true);
        Http2FrameStream ws = ask(get("/ws").method("CONNECT").add(":protocol", "websocket"), false);
        assertThat(asked(0, 0)).contains(":method: CONNECT\n", ":protocol: websocket\n");
        head(0, 0, status(200), false);
        send(ws, "ping", false);
        assertThat(asked(0, 0)).isEqualTo("ping");
        answer(0, 0, "pong", true);
        assertThat(browser.heard(ws)).startsWith(":status: 200\npongEND");
    }

    @ParameterizedTest
    @ValueSource(strings = {"http/1.1", "h2"})
    void aWebSocketIsDeclinedWhereTheTargetDoesNotTakeIt(String protocol) {
        in(protocol);
        if (protocol.equals("h2")) {
            Http2FrameStream ws = ask(get("/ws").method("CONNECT").add(":protocol", "websocket"), false);
            assertThat(browser.heard(ws)).startsWith(":status: 501\n").contains("does not take WebSockets");
        } else {
            say("GET /ws HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
            assertThat(stage.answered()).startsWith("HTTP/1.1 501 ").contains("does not take WebSockets");
        }
        assertThat(targets.get(0).streams).isEmpty();
    }

    @Test
    void anotherUpgradeIsLeftAway() {
        in("http/1.1");
        say("GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: other/1\r\n\r\n");
        assertThat(asked(0, 0))
                .startsWith(":method: GET\n")
                .doesNotContain("other")
                .endsWith("END");
        answer(0, 0);
        assertThat(stage.answered()).startsWith("HTTP/1.1 200 OK\r\n");
    }

    @Test
    void earlyHintsAndContinuePass() {
        in("http/1.1");
        say("POST / HTTP/1.1\r\nHost: app.example.com\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        assertThat(asked(0, 0)).contains("expect: 100-continue\n").doesNotContain("END");
        head(0, 0, status(100), false);
        head(0, 0, status(103).add("link", "</a>"), false);
        assertThat(stage.answered())
                .isEqualTo("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
        say("ok");
        assertThat(asked(0, 0)).isEqualTo("okEND");
        answer(0, 0);
        assertThat(stage.answered()).startsWith("HTTP/1.1 200 OK\r\n");
    }

    /** RFC 9113 8.1, 8.2, 8.3.2: an answer that is none is not passed on. */
    @ParameterizedTest
    @CsvSource({
        "x, 1, '', 0", // no status
        ":status, 20, '', 0",
        ":status, abc, '', 0",
        ":status, 101, '', 0",
        ":status, 100, '', 1", // an end without an answer
        ":status, 204, 'content', 0",
    })
    void malformedAnswers(String name, String value, String content, int ends) {
        in("h2");
        Http2FrameStream page = ask(get("/"), true);
        targets.get(0).head(stream(0, 0), new DefaultHttp2Headers(false).add(name, value), ends == 1);
        carry();
        if (!content.isEmpty()) {
            answer(0, 0, content, false);
            assertThat(browser.heard(page)).endsWith("RESET " + Http2Error.INTERNAL_ERROR.code());
        } else {
            assertThat(browser.heard(page)).startsWith(":status: 502\n");
        }
        assertThat(asked(0, 0).contains("RESET ")).isEqualTo(ends == 0); // else the stream is over
    }

    @ParameterizedTest
    @CsvSource({"connection, close", "transfer-encoding, chunked", "upgrade, x", "Upper, case"})
    void fieldsThatNoAnswerHas(String name, String value) {
        in("h2");
        Http2FrameStream page = ask(get("/"), true);
        targets.get(0).head(stream(0, 0), status(200).add(name, value), true);
        carry();
        assertThat(browser.heard(page)).startsWith(":status: 502\n");
    }

    @Test
    void anAnswerShorterThanItSaysIsNotWhole() {
        in("h2");
        Http2FrameStream page = ask(get("/"), true);
        head(0, 0, status(200).add("content-length", "5"), false);
        answer(0, 0, "four", true);
        assertThat(browser.heard(page)).doesNotContain("END").contains("RESET ");
    }

    @Test
    void anAnswerToHeadHasNoContentAndMayHaveALength() {
        in("http/1.1");
        say("HEAD / HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        head(0, 0, status(200).add("content-length", "5"), true);
        assertThat(stage.answered()).isEqualTo("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    }

    @Test
    void aHeadThatIsTooLargeForTheTarget() {
        in("h2");
        settings = new Http2Settings().maxHeaderListSize(1_000);
        Http2FrameStream page = ask(get("/").add("x", "y".repeat(1_000)), true);
        assertThat(browser.heard(page)).startsWith(":status: 431\n");
        ask(get("/small"), true);
        assertThat(targets).hasSize(1);
        assertThat(asked(0, 0)).contains("/small");
    }

    @Test
    void aCallMayBeSilentWhereAPageIsLate() {
        in("h2");
        Http2FrameStream call = ask(call(), false);
        send(call, "subscribe", false);
        Http2FrameStream page = ask(get("/"), true);
        stage.pass(SiteOptions.ANSWER_SECONDS + 1);
        carry();
        assertThat(browser.heard(page)).startsWith(":status: 504\n");
        stage.pass(Patience.ANSWER_IDLE_SECONDS / 2);
        carry();
        head(0, 0, status(200), false);
        answer(0, 0, "at last", false);
        assertThat(browser.heard(call)).isEqualTo(":status: 200\nat last");
    }

    @Test
    void behindATimeOutOnASilentConnectionAnotherIsTried() {
        in("h2");
        Http2FrameStream page = ask(get("/"), true);
        stage.pass(SiteOptions.ANSWER_SECONDS);
        carry();
        assertThat(browser.heard(page)).startsWith(":status: 504\n");
        ask(get("/next"), true);
        assertThat(asked(1, 0)).contains("/next");
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    @Test
    void aTimeOutOnAConnectionThatSpeaksIsOfItsRequestOnly() {
        in("h2");
        Http2FrameStream page = ask(get("/"), true);
        stage.pass(SiteOptions.ANSWER_SECONDS - 5);
        targets.get(0).write(new DefaultHttp2PingFrame(1));
        carry();
        stage.pass(5);
        carry();
        assertThat(browser.heard(page)).startsWith(":status: 504\n");
        assertThat(asked(0, 0)).endsWith("RESET " + Http2Error.CANCEL.code());
        ask(get("/next"), true);
        assertThat(asked(0, 1)).contains("/next");
    }

    @Test
    void nothingIsLeftBehindTheEnd() {
        in("h2");
        ask(get("/"), true);
        stage.browser.end();
        carry();
        stage.targets.get(0).end();
        stage.pass(1);
        assertThat(stage.browser.runScheduledPendingTasks()).isEqualTo(-1);
        assertThat(stage.targets).noneMatch(EmbeddedChannel::isActive);
    }
}
