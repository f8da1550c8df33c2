package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2ChannelDuplexHandler;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Promise;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** One browser in HTTP/2, whose target speaks HTTP/1.1. */
final class Http2Test {
    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

    private final Stage stage = new Stage("h2");
    private final Http2FrameCodec codec = Http2FrameCodecBuilder.forClient()
            .initialSettings(Http2Settings.defaultSettings())
            .validateHeaders(false)
            .build();
    private final Map<Http2FrameStream, String> heard = new HashMap<>();
    private final Http2ChannelDuplexHandler ears = new Http2ChannelDuplexHandler() {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (msg instanceof Http2HeadersFrame head) {
                StringBuilder text = new StringBuilder();
                head.headers()
                        .forEach(f -> text.append(f.getKey())
                                .append(": ")
                                .append(f.getValue())
                                .append('\n'));
                hear(head.stream(), text + (head.isEndStream() ? "END" : ""));
            } else if (msg instanceof Http2DataFrame data) {
                hear(
                        data.stream(),
                        data.content().toString(StandardCharsets.ISO_8859_1) + (data.isEndStream() ? "END" : ""));
            } else if (msg instanceof Http2ResetFrame reset) {
                hear(reset.stream(), "RESET " + reset.errorCode());
            }
            ReferenceCountUtil.release(msg);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof Http2ResetFrame reset) {
                hear(reset.stream(), "RESET " + reset.errorCode());
            }
        }
    };
    private final EmbeddedChannel client = new EmbeddedChannel(codec, ears);

    private void hear(Http2FrameStream stream, String text) {
        heard.merge(stream, text, String::concat);
    }

    @AfterEach
    void close() {
        stage.close();
        client.finishAndReleaseAll();
    }

    /** Carries what either side has written to the other. */
    private void carry() {
        boolean more = true;
        while (more) {
            more = false;
            stage.browser.runPendingTasks();
            for (ByteBuf b = client.readOutbound(); b != null; b = client.readOutbound()) {
                more = true;
                stage.browser.writeInbound(b);
            }
            for (ByteBuf b = stage.browser.readOutbound(); b != null; b = stage.browser.readOutbound()) {
                more = true;
                client.writeInbound(b);
            }
        }
    }

    private static Http2Headers get(String path) {
        return new DefaultHttp2Headers(false)
                .method("GET")
                .scheme("https")
                .authority("app.example.com")
                .path(path);
    }

    private Http2FrameStream ask(Http2Headers head, boolean ends) {
        Http2FrameStream stream = ears.newStream();
        client.writeOutbound(new DefaultHttp2HeadersFrame(head, ends).stream(stream));
        carry();
        return stream;
    }

    private void send(Http2FrameStream stream, String text, boolean ends) {
        client.writeOutbound(new DefaultHttp2DataFrame(Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1), ends)
                .stream(stream));
        carry();
    }

    private void answer(int n, String text) {
        stage.answer(n, text);
        carry();
    }

    private String heard(Http2FrameStream stream) {
        String text = heard.remove(stream);
        return text == null ? "" : text;
    }

    @Test
    void aRequestAndItsAnswer() {
        Http2FrameStream stream =
                ask(get("/a?b").add("cookie", "x=1").add("cookie", "y=2").add("te", "trailers"), true);
        assertThat(stage.asked(0))
                .startsWith("GET /a?b HTTP/1.1\r\nhost: app.example.com\r\n")
                .contains("cookie: x=1; y=2\r\n", "te: trailers\r\n", "X-Forwarded-Proto: https\r\n")
                .doesNotContain("x-http2", "ransfer-", "ontent-");
        answer(
                0,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\nConnection: x\r\nX: y\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 2\r\n\r\n");
        assertThat(heard(stream)).isEqualTo(":status: 200\nx-a: b\nhix-sum: 2\nEND");
    }

    @Test
    void streamsHaveConnectionsOfTheirOwnWhichAreUsedAgain() {
        Http2FrameStream one = ask(get("/1"), true);
        Http2FrameStream two = ask(get("/2"), true);
        assertThat(stage.targets).hasSize(2);
        answer(1, OK);
        answer(0, OK);
        assertThat(heard(one)).isEqualTo(heard(two)).endsWith("hiEND");
        ask(get("/3"), true);
        assertThat(stage.targets).hasSize(2);
    }

    @Test
    void aBodyIsStreamed() {
        Http2FrameStream stream = ask(get("/").method("POST"), false);
        assertThat(stage.asked(0)).contains("transfer-encoding: chunked\r\n");
        send(stream, "abc", false);
        assertThat(stage.asked(0)).isEqualTo("3\r\nabc\r\n");
        send(stream, "", true);
        assertThat(stage.asked(0)).isEqualTo("0\r\n\r\n");
        answer(0, OK);
        assertThat(heard(stream)).endsWith("hiEND");
    }

    @Test
    void aTargetThatDoesNotReadHoldsUpItsStreamOnly() {
        Http2FrameStream stream = ask(get("/").method("POST"), false);
        stage.asked(0);
        stage.targets.get(0).takes(false);
        String piece = "x".repeat(16 << 10);
        for (int i = 0; i < 40; i++) {
            send(stream, piece, i == 39);
        }
        String before = stage.asked(0);
        // What was being read when it stopped; the window is the bound of the rest.
        assertThat(before.length()).isLessThan(4 * piece.length());
        answerOther();
        stage.targets.get(0).takes(true);
        carry();
        assertThat((before + stage.asked(0)).chars().filter(c -> c == 'x').count())
                .isEqualTo(40L * piece.length());
    }

    private void answerOther() {
        Http2FrameStream other = ask(get("/other"), true);
        answer(1, OK);
        assertThat(heard(other)).endsWith("hiEND");
    }

    @Test
    void anEarlyAnswerEndsTheRequest() {
        Http2FrameStream stream = ask(get("/").method("POST"), false);
        answer(0, OK);
        assertThat(heard(stream)).endsWith("hiENDRESET 0");
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    @Test
    void aResetFreesTheTarget() {
        Http2FrameStream stream = ask(get("/"), true);
        client.writeOutbound(new DefaultHttp2ResetFrame(Http2Error.CANCEL).stream(stream));
        carry();
        assertThat(stage.targets.get(0).isActive()).isFalse();
        assertThat(stage.browser.isActive()).isTrue();
    }

    @Test
    void anAnswerThatIsCutOffIsReset() {
        Http2FrameStream stream = ask(get("/"), true);
        answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
        stage.targets.get(0).end();
        carry();
        assertThat(heard(stream)).endsWith("abRESET " + Http2Error.INTERNAL_ERROR.code());
    }

    @Test
    void aWebSocketOverHttp2() {
        Http2Headers head = get("/ws").method("CONNECT").add(":protocol", "websocket");
        head.add("sec-websocket-version", "13");
        Http2FrameStream stream = ask(head, false);
        assertThat(stage.asked(0))
                .startsWith("GET /ws HTTP/1.1\r\n")
                .contains("upgrade: websocket\r\n", "Sec-WebSocket-Key: ", "sec-websocket-version: 13\r\n")
                .doesNotContain("chunked");
        answer(
                0,
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        + "Content-Length: 0\r\nSec-WebSocket-Accept: a\r\n\r\nfirst");
        assertThat(heard(stream)).isEqualTo(":status: 200\nfirst");
        send(stream, "second", false);
        assertThat(stage.asked(0)).isEqualTo("second");
        stage.targets.get(0).end();
        carry();
        assertThat(heard(stream))
                .as("a reset would make a browser forget what it has not read")
                .isEqualTo("END");
        send(stream, "closed", true);
        assertThat(heard(stream)).isEmpty();
    }

    /** As Chromium closes them: its last message ends its side, and it waits for the target's. */
    @Test
    void aWebSocketThatTheBrowserEndsHearsTheTargetsLastWord() {
        Http2FrameStream stream = ask(get("/ws").method("CONNECT").add(":protocol", "websocket"), false);
        answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
        stage.asked(0);
        send(stream, "close", true);
        assertThat(stage.asked(0)).isEqualTo("close");
        assertThat(stage.targets.get(0).isActive()).isTrue();
        answer(0, "closed");
        stage.targets.get(0).end();
        carry();
        assertThat(heard(stream)).endsWith("firstclosedEND");
    }

    @Test
    void aTargetThatDoesNotEndAWebSocketIsClosed() {
        Http2FrameStream stream = ask(get("/ws").method("CONNECT").add(":protocol", "websocket"), false);
        answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
        send(stream, "close", true);
        stage.pass(Patience.LAST_WORD_SECONDS);
        carry();
        assertThat(stage.targets.get(0).isActive()).isFalse();
        assertThat(heard(stream)).endsWith("firstEND");
    }

    @Test
    void aBrowserThatDoesNotEndAWebSocketIsReset() {
        Http2FrameStream stream = ask(get("/ws").method("CONNECT").add(":protocol", "websocket"), false);
        answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
        stage.targets.get(0).end();
        carry();
        assertThat(heard(stream)).endsWith("firstEND");
        send(stream, "still here", false);
        stage.pass(Http2Front.LINGER_SECONDS);
        carry();
        assertThat(heard(stream)).startsWith("RESET");
    }

    @Test
    void aTargetThatDoesNotSwitchIsNoSuccess() {
        Http2Headers head = get("/ws").method("CONNECT").add(":protocol", "websocket");
        Http2FrameStream stream = ask(head, false);
        answer(0, OK);
        assertThat(heard(stream)).startsWith(":status: 502\n");
    }

    @Test
    void whatHttp1WouldReadOtherwiseIsNotPassedOn() {
        ask(get("/").add("transfer-encoding", "chunked"), true);
        ask(get("/").add("connection", "close"), true);
        ask(get("/").add("x", "a\r\nb: c"), true);
        ask(get("/").add("x\r\ny", "z"), true);
        ask(get("/").add("host", "other"), true);
        ask(get("/ HTTP/1.1\r\nx: y"), true);
        ask(get("/ x"), true);
        ask(get("http://app.example.com/"), true);
        ask(get("/").method("GE T"), true);
        ask(get("/").method("CONNECT"), false);
        ask(get("/").authority("a@app.example.com"), true);
        assertThat(stage.targets).isEmpty();
        assertThat(stage.browser.isActive()).isTrue();
    }

    @Test
    void aBodyOfAnotherLengthIsNeverWholeAtTheTarget() {
        Http2FrameStream longer = ask(get("/").method("POST").add("content-length", "3"), false);
        send(longer, "abcGET /hidden HTTP/1.1\r\n\r\n", true);
        assertThat(stage.asked(0)).doesNotContain("hidden");
        assertThat(stage.targets.get(0).isActive()).isFalse();
        Http2FrameStream shorter = ask(get("/").method("POST").add("content-length", "3"), false);
        send(shorter, "ab", true);
        assertThat(stage.targets.get(1).isActive()).isFalse();
    }

    @Test
    void aRapidResetEndsTheConnection() {
        for (int i = 0; i < 250 && stage.browser.isActive(); i++) {
            Http2FrameStream stream = ask(get("/"), true);
            client.writeOutbound(new DefaultHttp2ResetFrame(Http2Error.CANCEL).stream(stream));
            carry();
        }
        stage.pass(60);
        assertThat(stage.browser.isActive()).isFalse();
        assertThat(stage.targets).hasSizeLessThan(205).noneMatch(EmbeddedChannel::isActive);
    }

    @Test
    void aConnectionWithoutStreamsIsClosed() {
        Http2FrameStream stream = ask(get("/"), true);
        stage.pass(Http1Front.KEEP_ALIVE_SECONDS - 1);
        assertThat(stage.browser.isActive()).isTrue();
        answer(0, OK);
        assertThat(heard(stream)).endsWith("hiEND");
        stage.pass(Http1Front.KEEP_ALIVE_SECONDS);
        assertThat(stage.browser.isActive()).isFalse();
    }

    @Test
    void aBodyThatIsTooLarge() {
        stage.options = SiteOptions.PLAIN.withMaxBody(9);
        Http2FrameStream said = ask(get("/").method("POST").add("content-length", "10"), false);
        assertThat(heard(said)).startsWith(":status: 413");
        assertThat(stage.targets).isEmpty();
        Http2FrameStream streamed = ask(get("/").method("POST"), false);
        send(streamed, "012345678", false);
        assertThat(stage.asked(0)).endsWith("012345678\r\n");
        send(streamed, "9", true);
        assertThat(heard(streamed)).startsWith(":status: 413");
        assertThat(stage.targets.get(0).isActive()).isFalse();
    }

    /** While a password is looked at, which takes its time, other streams of the connection go on. */
    @Test
    void whoIsNotLetInYetHoldsNobodyUp() {
        stage.holdsEntry = true;
        Http2FrameStream waits = ask(get("/a").method("POST"), false);
        send(waits, "body", true);
        Promise<String> entry = stage.entry();
        stage.holdsEntry = false;
        Http2FrameStream passes = ask(get("/b"), true);
        assertThat(stage.asked(0)).startsWith("GET /b");
        answer(0, OK);
        assertThat(heard(passes)).startsWith(":status: 200");
        assertThat(heard(waits)).isEmpty();
        entry.setSuccess("ann");
        carry();
        assertThat(stage.asked(1)).startsWith("POST /a").contains("X-Forwarded-User: ann\r\n", "body");
    }

    @Test
    void whoIsNotLetInIsTold() {
        stage.turnsAway = new Refusal(
                HttpResponseStatus.UNAUTHORIZED,
                "Who is it?",
                "WWW-Authenticate",
                "Basic realm=\"x\", charset=\"UTF-8\"");
        Http2FrameStream stream = ask(get("/"), true);
        assertThat(heard(stream))
                .startsWith(":status: 401")
                .contains("www-authenticate: Basic realm=\"x\", charset=\"UTF-8\"\n");
        assertThat(stage.targets).isEmpty();
    }
}
