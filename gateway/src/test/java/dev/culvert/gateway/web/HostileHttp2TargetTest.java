package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.RawHttp2.ACK;
import static dev.culvert.gateway.web.RawHttp2.CANCEL;
import static dev.culvert.gateway.web.RawHttp2.CONTINUATION;
import static dev.culvert.gateway.web.RawHttp2.DATA;
import static dev.culvert.gateway.web.RawHttp2.ENABLE_PUSH;
import static dev.culvert.gateway.web.RawHttp2.END_HEADERS;
import static dev.culvert.gateway.web.RawHttp2.END_STREAM;
import static dev.culvert.gateway.web.RawHttp2.GOAWAY;
import static dev.culvert.gateway.web.RawHttp2.HEADERS;
import static dev.culvert.gateway.web.RawHttp2.HEADER_TABLE_SIZE;
import static dev.culvert.gateway.web.RawHttp2.INITIAL_WINDOW_SIZE;
import static dev.culvert.gateway.web.RawHttp2.INTERNAL_ERROR;
import static dev.culvert.gateway.web.RawHttp2.MAX_FRAME_SIZE;
import static dev.culvert.gateway.web.RawHttp2.NO_ERROR;
import static dev.culvert.gateway.web.RawHttp2.PADDED;
import static dev.culvert.gateway.web.RawHttp2.PING;
import static dev.culvert.gateway.web.RawHttp2.PREFACE;
import static dev.culvert.gateway.web.RawHttp2.PRIORITY;
import static dev.culvert.gateway.web.RawHttp2.PROTOCOL_ERROR;
import static dev.culvert.gateway.web.RawHttp2.PUSH_PROMISE;
import static dev.culvert.gateway.web.RawHttp2.RST_STREAM;
import static dev.culvert.gateway.web.RawHttp2.SETTINGS;
import static dev.culvert.gateway.web.RawHttp2.UNKNOWN;
import static dev.culvert.gateway.web.RawHttp2.WHOLE;
import static dev.culvert.gateway.web.RawHttp2.WINDOW_UPDATE;
import static dev.culvert.gateway.web.RawHttp2.ascii;
import static dev.culvert.gateway.web.RawHttp2.data;
import static dev.culvert.gateway.web.RawHttp2.fields;
import static dev.culvert.gateway.web.RawHttp2.frame;
import static dev.culvert.gateway.web.RawHttp2.headers;
import static dev.culvert.gateway.web.RawHttp2.literal;
import static dev.culvert.gateway.web.RawHttp2.number;
import static dev.culvert.gateway.web.RawHttp2.octets;
import static dev.culvert.gateway.web.RawHttp2.reset;
import static dev.culvert.gateway.web.RawHttp2.settings;
import static dev.culvert.gateway.web.RawHttp2.windowUpdate;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.RawHttp2.Field;
import dev.culvert.gateway.web.RawHttp2.Frame;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a target in HTTP/2 may do wrong, each with what comes of it: whoever has asked is told, or cut off; who shares the connection goes on
 * where RFC 9113 leaves it (5.4.2), and hears the same where it does not (5.4.1); the next request is served; no memory is left.
 */
final class HostileHttp2TargetTest {
    /** What becomes of the request that is answered wrongly. */
    private enum Its {
        /** Told by a page of the gateway's. */
        BAD_GATEWAY,
        /** Its stream is reset, as its answer has begun. */
        CUT_OFF,
        /** Its answer was whole before. */
        SERVED
    }

    /** @param does what the target does on the connection, of which the stream is given on which it was asked */
    private record Rule(String name, IntFunction<byte[][]> does, Its its, boolean otherLives) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final byte[] OK = fields(":status", "200");

    private final List<Rule> rules = new ArrayList<>();

    static List<Rule> rules() {
        HostileHttp2TargetTest t = new HostileHttp2TargetTest();
        t.heads();
        t.contents();
        t.streams();
        t.connections();
        t.floods();
        return t.rules;
    }

    private void bad(String name, IntFunction<byte[][]> does) {
        rules.add(new Rule(name, does, Its.BAD_GATEWAY, true));
    }

    private void cut(String name, IntFunction<byte[][]> does) {
        rules.add(new Rule(name, does, Its.CUT_OFF, true));
    }

    private void ends(String name, IntFunction<byte[][]> does) {
        rules.add(new Rule(name, does, Its.BAD_GATEWAY, false));
    }

    private static byte[][] frames(byte[]... all) {
        return all;
    }

    private static byte[][] times(int n, byte[]... all) {
        byte[][] out = new byte[n * all.length][];
        for (int i = 0; i < out.length; i++) {
            out[i] = all[i % all.length];
        }
        return out;
    }

    private void head(String... fields) {
        bad(
                "a head of " + String.join(" ", fields).replaceAll("\\p{Cntrl}", "?"),
                s -> frames(headers(s, END_HEADERS, fields(fields)), data(s, END_STREAM, "x")));
    }

    private void heads() {
        head("x", "y");
        head(":status", "");
        head(":status", "20");
        head(":status", "2000");
        head(":status", "abc");
        head(":status", "+20");
        head(":status", "099");
        head(":status", "000");
        head(":status", "101");
        head(":status", "200", ":status", "200");
        head("x", "y", ":status", "200");
        head(":status", "200", ":path", "/");
        head(":status", "200", ":other", "x");
        head(":method", "GET", ":scheme", "http", ":path", "/");
        head(":status", "200", "", "x");
        head(":status", "200", "Upper", "x");
        head(":status", "200", "a b", "x");
        head(":status", "200", "a:b", "x");
        head(":status", "200", "a\r\nb", "x");
        head(":status", "200", "x", "a\r\nb: c");
        head(":status", "200", "x", "a\nb");
        head(":status", "200", "x", "a\0b");
        for (String name : Http2Fields.OF_HTTP1) {
            if (!name.equals("http2-settings")) {
                head(":status", "200", name, "x");
            }
        }
        for (String length : List.of("x", "-1", "+1", "0x1", "1, 2", "99999999999999999999")) {
            head(":status", "200", "content-length", length);
        }
        head(":status", "200", "content-length", "1", "content-length", "2");
        bad("an answer of 1xx that is the end", s -> frames(headers(s, WHOLE, fields(":status", "100"))));
        bad(
                "answers of 1xx without end",
                s -> times(20, headers(s, END_HEADERS, fields(":status", "103", "link", "x"))));
        bad("content without a head", s -> frames(data(s, 0, "x")));
        bad("content without a head as the end", s -> frames(data(s, END_STREAM, "x")));
        bad("the end without a head", s -> frames(data(s, END_STREAM, "")));
        bad(
                "content behind 103",
                s -> frames(headers(s, END_HEADERS, fields(":status", "103")), data(s, END_STREAM, "x")));
        bad("trailers in place of a head", s -> frames(headers(s, WHOLE, fields("grpc-status", "0"))));
        byte[] large = fields("x-bomb", "b".repeat(8_000));
        bad("a head too large", s -> many(s, large, 9));
        byte[] again = new byte[4_000];
        Arrays.fill(again, (byte) (0x80 | 62));
        bad("a bomb of indices", s -> frames(headers(s, WHOLE, OK, literal(0x40, "x-bomb", "b".repeat(4_000)), again)));
    }

    private static byte[][] many(int stream, byte[] fields, int n) {
        byte[][] out = new byte[n + 2][];
        out[0] = headers(stream, END_STREAM, OK);
        for (int i = 1; i <= n; i++) {
            out[i] = frame(CONTINUATION, 0, stream, fields);
        }
        out[n + 1] = frame(CONTINUATION, END_HEADERS, stream);
        return out;
    }

    private void contents() {
        byte[] three = fields(":status", "200", "content-length", "3");
        cut("less content than it says", s -> frames(headers(s, END_HEADERS, three), data(s, END_STREAM, "ab")));
        cut("no content where it says some", s -> frames(headers(s, END_HEADERS, three), data(s, END_STREAM, "")));
        bad("the end where it says some content", s -> frames(headers(s, WHOLE, three)));
        cut(
                "less content than it says, and trailers",
                s -> frames(headers(s, END_HEADERS, three), data(s, 0, "ab"), headers(s, WHOLE, fields("x", "y"))));
        cut(
                "more content than it says",
                s -> frames(headers(s, END_HEADERS, three), data(s, 0, "ab"), data(s, END_STREAM, "cd")));
        cut("content of 204", s -> frames(headers(s, END_HEADERS, fields(":status", "204")), data(s, END_STREAM, "x")));
        cut("content of 304", s -> frames(headers(s, END_HEADERS, fields(":status", "304")), data(s, END_STREAM, "x")));
        cut("a second head", s -> frames(headers(s, END_HEADERS, OK), headers(s, END_HEADERS, OK)));
        cut(
                "103 behind the head",
                s -> frames(headers(s, END_HEADERS, OK), headers(s, END_HEADERS, fields(":status", "103"))));
        cut(
                "trailers that are not the end",
                s -> frames(headers(s, END_HEADERS, OK), data(s, 0, "x"), headers(s, END_HEADERS, fields("x", "y"))));
        for (String field : List.of(":status", ":path", ":what", "Upper", "connection", "transfer-encoding")) {
            cut(
                    field + " in trailers",
                    s -> frames(headers(s, END_HEADERS, OK), data(s, 0, "x"), headers(s, WHOLE, fields(field, "200"))));
        }
        cut(
                "CR LF in trailers",
                s -> frames(headers(s, END_HEADERS, OK), data(s, 0, "x"), headers(s, WHOLE, fields("x", "a\r\nb: c"))));
        rules.add(new Rule(
                "content behind the end",
                s -> frames(headers(s, END_HEADERS, OK), data(s, END_STREAM, "x"), data(s, END_STREAM, "more")),
                Its.SERVED,
                true));
        rules.add(new Rule(
                "a head behind the end",
                s -> frames(headers(s, END_HEADERS, OK), data(s, END_STREAM, "x"), headers(s, WHOLE, OK)),
                Its.SERVED,
                true));
        rules.add(new Rule(
                "padding, as much as may be",
                s -> frames(
                        headers(s, END_HEADERS, OK), frame(DATA, PADDED | END_STREAM, s, octets(255), new byte[255])),
                Its.SERVED,
                true));
    }

    private void streams() {
        for (int code : new int[] {NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, CANCEL, 0xff}) {
            bad("RST_STREAM " + code, s -> frames(reset(s, code)));
            cut(
                    "RST_STREAM " + code + " within an answer",
                    s -> frames(headers(s, END_HEADERS, OK), data(s, 0, "x"), reset(s, code)));
        }
        bad("RST_STREAM behind 103", s -> frames(headers(s, END_HEADERS, fields(":status", "103")), reset(s, CANCEL)));
        bad("WINDOW_UPDATE of 0", s -> frames(windowUpdate(s, 0)));
        bad("a window too large", s -> frames(windowUpdate(s, (1L << 31) - 1)));
        cut(
                "a window too large within an answer",
                s -> frames(headers(s, END_HEADERS, OK), windowUpdate(s, (1L << 31) - 1)));
        bad("PRIORITY that is too short", s -> frames(frame(PRIORITY, 0, s, number(0))));
    }

    private void connections() {
        ends(
                "PUSH_PROMISE",
                s -> frames(
                        frame(SETTINGS, ACK, 0),
                        frame(PUSH_PROMISE, END_HEADERS, s, number(2), fields(":method", "GET"))));
        ends(
                "PUSH_PROMISE, and what is pushed, before it has heard that none may be",
                s -> frames(
                        frame(PUSH_PROMISE, END_HEADERS, s, number(2), fields(":method", "GET")),
                        headers(2, WHOLE, OK)));
        ends("a stream of its own", s -> frames(headers(2, WHOLE, OK)));
        ends("a stream that was not asked for", s -> frames(headers(s + 100, WHOLE, OK)));
        ends("content of a stream that was not asked for", s -> frames(data(s + 100, 0, "x")));
        ends("RST_STREAM of one", s -> frames(reset(s + 100, CANCEL)));
        ends("WINDOW_UPDATE of one", s -> frames(windowUpdate(s + 100, 1)));
        ends("HEADERS of the connection", s -> frames(headers(0, WHOLE, OK)));
        ends("DATA of the connection", s -> frames(data(0, 0, "x")));
        ends("SETTINGS of a stream", s -> frames(frame(SETTINGS, 0, s)));
        ends("SETTINGS that are cut", s -> frames(frame(SETTINGS, 0, 0, new byte[5])));
        ends("an acknowledgement of SETTINGS with some", s -> frames(frame(SETTINGS, ACK, 0, new byte[6])));
        ends("leave to push", s -> frames(settings(ENABLE_PUSH, 1)));
        ends("a first window that is too large", s -> frames(settings(INITIAL_WINDOW_SIZE, 1L << 31)));
        ends("frames that are too small", s -> frames(settings(MAX_FRAME_SIZE, 16_383)));
        ends("frames that are too large", s -> frames(settings(MAX_FRAME_SIZE, 1 << 24)));
        bad(
                "first windows that make a stream's too large",
                s -> frames(windowUpdate(s, (1L << 31) - 1 - 65_535), settings(INITIAL_WINDOW_SIZE, 65_536)));
        ends("WINDOW_UPDATE of 0 of the connection", s -> frames(windowUpdate(0, 0)));
        ends("a window of the connection that is too large", s -> frames(windowUpdate(0, (1L << 31) - 1)));
        ends("WINDOW_UPDATE that is cut", s -> frames(frame(WINDOW_UPDATE, 0, 0, new byte[3])));
        ends("PING that is cut", s -> frames(frame(PING, 0, 0, new byte[7])));
        ends("GOAWAY that is cut", s -> frames(frame(GOAWAY, 0, 0, new byte[7])));
        ends("RST_STREAM that is cut", s -> frames(frame(RST_STREAM, 0, s, new byte[3])));
        ends("a frame larger than it may be", s -> frames(frame(DATA, 0, s, new byte[(1 << 14) + 1])));
        ends("padding that is not there", s -> frames(frame(HEADERS, PADDED | END_HEADERS, s, octets(200), OK)));
        ends("CONTINUATION of nothing", s -> frames(frame(CONTINUATION, END_HEADERS, s, OK)));
        ends("another frame within a block", s -> frames(headers(s, 0, OK), frame(PING, 0, 0, new byte[8])));
        ends(
                "CONTINUATION of another stream",
                s -> frames(headers(s, 0, OK), frame(CONTINUATION, END_HEADERS, s + 2, OK)));
        ends("a field beyond the tables", s -> frames(headers(s, WHOLE, octets(0x80 | 90))));
        ends("the field of no index", s -> frames(headers(s, WHOLE, octets(0x80))));
        ends(
                "a string longer than its block",
                s -> frames(headers(s, WHOLE, OK, octets(0x00, 0x01, 'x', 0x7f, 0x10, 'a'))));
        ends(
                "an integer without end",
                s -> frames(headers(s, WHOLE, octets(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))));
        ends("a table larger than it may be", s -> frames(headers(s, WHOLE, octets(0x3f, 0xe2, 0x1f), OK)));
        ends("HTTP/1.1", s -> frames(ascii("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")));
        ends("the preface of a client", s -> frames(PREFACE));
    }

    private void floods() {
        ends("PING without end", s -> times(Http2Budget.MAX + 100, frame(PING, 0, 0, new byte[8])));
        ends("acknowledgements without end", s -> times(Http2Budget.MAX + 100, frame(PING, ACK, 0, new byte[8])));
        ends("SETTINGS without end", s -> times(Http2Budget.MAX + 100, settings(INITIAL_WINDOW_SIZE, 65_535)));
        ends("PRIORITY without end", s -> times(Http2Budget.MAX + 100, frame(PRIORITY, 0, s, number(0), octets(1))));
        ends("WINDOW_UPDATE without end", s -> times(Http2Budget.MAX + 100, windowUpdate(0, 1)));
        ends("unknown frames without end", s -> times(Http2Budget.MAX + 100, frame(UNKNOWN, 0, 0, new byte[100])));
        ends("CONTINUATION without end", s -> {
            byte[][] all = times(100, frame(CONTINUATION, 0, s, fields("x", "y".repeat(8_000))));
            all[0] = headers(s, END_STREAM, OK);
            return all;
        });
        ends("empty CONTINUATION without end", s -> {
            byte[][] all = times(100, frame(CONTINUATION, 0, s));
            all[0] = headers(s, END_STREAM, OK);
            return all;
        });
        rules.add(new Rule(
                "empty DATA without end",
                s -> {
                    byte[][] all = times(200, data(s, 0, ""));
                    all[0] = headers(s, END_HEADERS, OK);
                    return all;
                },
                Its.CUT_OFF,
                false));
        rules.add(new Rule(
                "trailers without end",
                s -> {
                    byte[][] all = times(100, frame(CONTINUATION, 0, s, fields("x", "y".repeat(8_000))));
                    all[0] = headers(s, END_HEADERS, OK);
                    all[1] = headers(s, END_STREAM, fields("x", "y"));
                    return all;
                },
                Its.CUT_OFF,
                false));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void comesToWhatItShould(Rule rule) {
        Bench bench = new Bench();
        int asked = bench.ask("/asked");
        int other = bench.ask("/other");
        Target first = bench.target();
        first.say(settings(HEADER_TABLE_SIZE, 0));
        first.say(rule.does.apply(first.stream("/asked")));
        switch (rule.its) {
            case BAD_GATEWAY -> assertThat(bench.statusOf(asked)).isEqualTo(502);
            case SERVED -> assertThat(bench.statusOf(asked)).isEqualTo(200);
            case CUT_OFF -> {
                assertThat(bench.statusOf(asked)).isBetween(200, 304);
                assertThat(bench.isCutOff(asked)).isTrue();
            }
        }
        if (rule.otherLives) {
            assertThat(first.isOpen()).isTrue();
            first.say(headers(first.stream("/other"), END_HEADERS, OK), data(first.stream("/other"), END_STREAM, "hi"));
            assertThat(bench.statusOf(other)).isEqualTo(200);
            assertThat(bench.isCutOff(other)).isFalse();
        } else {
            assertThat(first.isOpen()).isFalse();
            assertThat(bench.statusOf(other)).isEqualTo(502);
        }
        int next = bench.ask("/next");
        Target last = bench.target();
        assertThat(last == first).as("the same connection").isEqualTo(rule.otherLives);
        last.say(settings(HEADER_TABLE_SIZE, 0));
        last.say(headers(last.stream("/next"), WHOLE, OK));
        assertThat(bench.statusOf(next)).isEqualTo(200);
        assertThat(bench.stage.records)
                .filteredOn(r -> r.target().equals("/asked"))
                .singleElement()
                .satisfies(r -> {
                    assertThat(r.status()).isEqualTo(bench.statusOf(asked));
                    assertThat(r.whole()).isEqualTo(rule.its != Its.CUT_OFF);
                });
        if (rule.its == Its.BAD_GATEWAY) {
            assertThat(bench.stage.told).as("against the way").contains("unanswered by a");
        }
        bench.close();
    }

    /** Requests that wait for what a target does not grant are answered in time. */
    @ParameterizedTest
    @CsvSource({
        "3, 0, GET", // no streams
        "4, 0, POST", // no window
    })
    void aTargetThatGrantsNothing(int setting, int value, String method) {
        Bench bench = new Bench();
        int asked = bench.ask(method, "/asked", 10);
        Target first = bench.target();
        first.say(settings(HEADER_TABLE_SIZE, 0, setting, value));
        for (int i = 0; i < SiteOptions.ANSWER_SECONDS; i++) {
            bench.stage.pass(1);
        }
        assertThat(bench.statusOf(asked)).isEqualTo(504);
        bench.close();
    }

    /** What is beyond a window is never kept: of a stream that nobody reads, and then of all. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void contentBeyondTheWindow(boolean ofOne) {
        Bench bench = new Bench();
        int asked = bench.ask("/asked");
        int other = bench.ask("/other");
        Target target = bench.target();
        target.say(settings(HEADER_TABLE_SIZE, 0));
        bench.visitor.send(settings(INITIAL_WINDOW_SIZE, 0)); // it reads nothing
        target.say(headers(target.stream("/asked"), END_HEADERS, OK));
        byte[] piece = new byte[RawHttp2.LARGEST_FRAME];
        long before = bench.memory.metric().usedHeapMemory();
        for (int i = 0; i < 40 && target.isOpen(); i++) {
            target.say(frame(DATA, 0, target.stream("/asked"), piece));
            assertThat(bench.memory.metric().usedHeapMemory() - before)
                    .isLessThan(2 * Http2TargetConnection.STREAM_WINDOW);
        }
        assertThat(target.isOpen()).isTrue();
        bench.visitor.send(settings(INITIAL_WINDOW_SIZE, 1_000_000));
        assertThat(bench.statusOf(asked)).isEqualTo(200);
        assertThat(bench.isCutOff(asked)).isTrue();
        if (ofOne) {
            target.say(headers(target.stream("/other"), WHOLE, OK));
            assertThat(bench.statusOf(other)).isEqualTo(200);
        }
        bench.close();
    }

    /** A visitor in HTTP/2, whose streams are exchanges of their own, and the target's ends of connections. */
    private static final class Bench {
        final UnpooledByteBufAllocator memory = new UnpooledByteBufAllocator(false);
        final Stage stage = new Stage("h2", true, false, memory);
        final Map<Stage.End, Target> targets = new HashMap<>();
        final Map<Integer, Integer> statuses = new HashMap<>();
        final Map<Integer, Boolean> resets = new HashMap<>();
        final RawVisitor visitor = new Visitor();
        private int stream = -1;

        Bench() {
            stage.speaksHttp2 = true;
            stage.ways.add("a");
            visitor.begin();
        }

        /** None that may be sent again. */
        int ask(String path) {
            return ask("POST", path, 0);
        }

        int ask(String method, String path, int length) {
            stream += 2;
            visitor.send(headers(
                    stream,
                    length == 0 ? WHOLE : END_HEADERS,
                    visitor.head(method, path),
                    fields("content-length", Integer.toString(length))));
            if (length > 0) {
                visitor.send(data(stream, END_STREAM, "x".repeat(length)));
            }
            return stream;
        }

        /** The last connection to the target that is open, or that was. */
        Target target() {
            Stage.End end = stage.targets.get(stage.targets.size() - 1);
            return targets.computeIfAbsent(end, e -> new Target(stage, e));
        }

        private void hear() {
            for (Frame f = visitor.next(); f != null; f = visitor.next()) {
                if (f.type() == HEADERS && RawHttp2.status(f.payload()) >= 200) {
                    statuses.putIfAbsent(f.stream(), RawHttp2.status(f.payload()));
                } else if (f.type() == RST_STREAM) {
                    resets.put(f.stream(), true);
                }
            }
        }

        @Nullable
        Integer statusOf(int its) {
            hear();
            return statuses.get(its);
        }

        boolean isCutOff(int its) {
            hear();
            return resets.containsKey(its);
        }

        void close() {
            assertThat(stage.browser.isActive()).isTrue();
            stage.close();
            assertThat(memory.metric().usedHeapMemory()).isZero();
            assertThat(memory.metric().usedDirectMemory()).isZero();
        }

        private final class Visitor extends RawVisitor {
            Visitor() {
                super(Stage.NAME);
            }

            @Override
            protected void write(byte[] bytes) {
                stage.browser.writeInbound(stage.browser.alloc().buffer().writeBytes(bytes));
            }

            @Override
            protected byte @Nullable [] read() {
                stage.browser.runPendingTasks();
                byte[] all = ServedStage.drained(stage.browser);
                return all.length == 0 ? null : all;
            }

            @Override
            protected boolean isClosed() {
                return !stage.browser.isActive();
            }

            @Override
            public int asked() {
                return stage.targets.size();
            }

            @Override
            public void hasAsked(int n) {
                assertThat(asked()).isEqualTo(n);
            }
        }
    }

    /** One connection, in bytes. */
    private static final class Target {
        private final Stage stage;
        private final Stage.End end;
        private final RawFrames frames = new RawFrames();
        private final Map<String, Integer> streams = new HashMap<>();
        private boolean greeted;

        Target(Stage stage, Stage.End end) {
            this.stage = stage;
            this.end = end;
        }

        boolean isOpen() {
            stage.browser.runPendingTasks();
            return end.isActive();
        }

        void say(byte[]... all) {
            for (byte[] bytes : all) {
                if (end.isActive()) {
                    end.writeInbound(end.alloc().buffer().writeBytes(bytes));
                    stage.browser.runPendingTasks();
                }
            }
        }

        /** The stream by which a path was asked for. */
        int stream(String path) {
            byte[] more = ServedStage.drained(end);
            if (!greeted && more.length > 0) {
                greeted = true;
                assertThat(Arrays.copyOf(more, PREFACE.length)).isEqualTo(PREFACE);
                more = Arrays.copyOfRange(more, PREFACE.length, more.length);
            }
            for (Frame f : frames.of(more)) {
                if (f.type() == HEADERS) {
                    for (Field field : RawHttp2.fieldsOf(f.payload())) {
                        if (field.name().equals(":path")) {
                            streams.put(field.value(), f.stream());
                        }
                    }
                }
            }
            return streams.getOrDefault(path, 0);
        }
    }
}
