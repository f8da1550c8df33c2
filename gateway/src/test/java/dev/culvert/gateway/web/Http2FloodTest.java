package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.RawHttp2.ACK;
import static dev.culvert.gateway.web.RawHttp2.CANCEL;
import static dev.culvert.gateway.web.RawHttp2.CONTINUATION;
import static dev.culvert.gateway.web.RawHttp2.DATA;
import static dev.culvert.gateway.web.RawHttp2.END_HEADERS;
import static dev.culvert.gateway.web.RawHttp2.END_STREAM;
import static dev.culvert.gateway.web.RawHttp2.ENHANCE_YOUR_CALM;
import static dev.culvert.gateway.web.RawHttp2.INITIAL_WINDOW_SIZE;
import static dev.culvert.gateway.web.RawHttp2.PADDED;
import static dev.culvert.gateway.web.RawHttp2.PING;
import static dev.culvert.gateway.web.RawHttp2.PRIORITY;
import static dev.culvert.gateway.web.RawHttp2.PROTOCOL_ERROR;
import static dev.culvert.gateway.web.RawHttp2.SETTINGS;
import static dev.culvert.gateway.web.RawHttp2.UNKNOWN;
import static dev.culvert.gateway.web.RawHttp2.WHOLE;
import static dev.culvert.gateway.web.RawHttp2.bytes;
import static dev.culvert.gateway.web.RawHttp2.data;
import static dev.culvert.gateway.web.RawHttp2.fields;
import static dev.culvert.gateway.web.RawHttp2.frame;
import static dev.culvert.gateway.web.RawHttp2.goAway;
import static dev.culvert.gateway.web.RawHttp2.headers;
import static dev.culvert.gateway.web.RawHttp2.literal;
import static dev.culvert.gateway.web.RawHttp2.number;
import static dev.culvert.gateway.web.RawHttp2.octets;
import static dev.culvert.gateway.web.RawHttp2.reset;
import static dev.culvert.gateway.web.RawHttp2.settings;
import static dev.culvert.gateway.web.RawHttp2.windowUpdate;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Frames that are cheap to send and dear to take, without end: the connection is ended within a bound, the target hears no more than its
 * share, no memory is left, and another visitor is served.
 */
final class Http2FloodTest {
    /** Resets within their time, those of either end. */
    private static final int RESETS = 200;

    private final RawStage stage = new RawStage();
    private final RawStage.Visitor other = stage.visitor();
    private final RawStage.Visitor flood = stage.visitor();

    @BeforeEach
    void begin() {
        other.begin();
        flood.begin();
    }

    @AfterEach
    void isOver() {
        other.goesOn();
        stage.close();
        assertThat(stage.usedMemory()).isZero();
    }

    /** Sends until the connection is ended, which it must be before {@code most} have gone. */
    private void isEndedWithin(int most, IntFunction<byte[]> frames, Integer... codes) {
        int sent = 0;
        while (flood.isOpen()) {
            assertThat(sent).isLessThan(most);
            flood.send(frames.apply(sent++));
        }
        flood.ends(codes);
        assertThat(flood.stage().targets).noneMatch(Stage.End::isActive);
    }

    static Stream<Arguments> idleFrames() {
        byte[] held = fields(":method", "POST", ":scheme", "https", ":authority", Stage.NAME, ":path", RawVisitor.HOLD);
        return Stream.of(
                row("PING", frame(PING, 0, 0, new byte[8])),
                row("PING that acknowledges", frame(PING, ACK, 0, new byte[8])),
                row("SETTINGS", settings(INITIAL_WINDOW_SIZE, 100)),
                row("empty SETTINGS", settings()),
                row("SETTINGS that acknowledge", frame(SETTINGS, ACK, 0)),
                row("PRIORITY of an idle stream", frame(PRIORITY, 0, 7, number(0), octets(1))),
                row("PRIORITY of a stream", frame(PRIORITY, 0, 1, number(0), octets(1))),
                row("WINDOW_UPDATE of the connection", windowUpdate(0, 1)),
                row("WINDOW_UPDATE of a stream", windowUpdate(1, 1)),
                row("unknown frames", frame(UNKNOWN, 0, 0)),
                row("unknown frames of a stream", frame(UNKNOWN, 0, 1, new byte[1_000])),
                row("GOAWAY", goAway(0, 0)),
                row("RST_STREAM of a stream that is closed", bytes(reset(1, CANCEL), reset(1, CANCEL))),
                row("WINDOW_UPDATE of a stream that is closed", bytes(reset(1, CANCEL), windowUpdate(1, 1))),
                Arguments.of("all of them by turns on one held stream", new byte[][] {
                    headers(1, END_HEADERS, held), bytes(frame(PING, 0, 0, new byte[8]), windowUpdate(0, 1), settings())
                }));
    }

    private static Arguments row(String name, byte[] again) {
        byte[] held = fields(":method", "POST", ":scheme", "https", ":authority", Stage.NAME, ":path", RawVisitor.HOLD);
        return Arguments.of(name, new byte[][] {headers(1, END_HEADERS, held), again});
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("idleFrames")
    void framesThatBringNothing(String name, byte[][] firstAndAgain) {
        flood.send(firstAndAgain[0]);
        isEndedWithin(Http2Budget.MAX + 1, n -> firstAndAgain[1], ENHANCE_YOUR_CALM);
        assertThat(flood.stage().targets).hasSize(1);
    }

    /** They are not counted by how they are cut. */
    @Test
    void pingsByteByByteAndManyAtOnce() {
        byte[] ping = frame(PING, 0, 0, new byte[8]);
        for (int i = 0; i < 50; i++) {
            for (byte b : ping) {
                flood.send(octets(b));
            }
        }
        flood.settle();
        assertThat(flood.isOpen()).isTrue();
        byte[] many = new byte[ping.length * (Http2Budget.MAX + 1)];
        for (int i = 0; i < many.length; i++) {
            many[i] = ping[i % ping.length];
        }
        flood.send(many);
        flood.ends(ENHANCE_YOUR_CALM);
    }

    /** What a visitor of good will sends with time is never too much. */
    @Test
    void someFramesASecondGoOnForEver() {
        for (int second = 0; second < 500; second++) {
            for (int i = 0; i < Http2Budget.PER_SECOND; i++) {
                flood.send(windowUpdate(0, 1));
            }
            if (second % 30 == 0) {
                flood.goesOn(); // else it is closed as idle
            }
            flood.stage().pass(1);
        }
        flood.goesOn();
    }

    /** Who reads much says so as often: each DATA pays for two. */
    @Test
    void windowUpdatesForWhatIsReadAreFree() {
        flood.send(settings(INITIAL_WINDOW_SIZE, 1_000_000), windowUpdate(0, 10_000_000));
        for (int i = 0; i < 20; i++) {
            int stream = 1 + 2 * i;
            flood.send(headers(stream, WHOLE, flood.head("GET", RawVisitor.LARGE)));
            for (int come = 0; come < RawVisitor.LARGE_BYTES; ) {
                int n = flood.await("DATA", f -> f.type() == DATA).payload().length;
                come += n;
                flood.send(windowUpdate(0, n));
                if (come < RawVisitor.LARGE_BYTES) {
                    flood.send(windowUpdate(stream, n));
                }
            }
        }
        flood.goesOn();
    }

    /** Go's clients and servers grant what a program has read, which may be little each time. */
    @Test
    void windowUpdatesForLittleAtATimeAreFreeToo() {
        flood.send(settings(INITIAL_WINDOW_SIZE, 1_000_000), windowUpdate(0, 10_000_000));
        for (int i = 0; i < 20; i++) {
            int stream = 1 + 2 * i;
            flood.send(headers(stream, WHOLE, flood.head("GET", RawVisitor.LARGE)));
            for (int come = 0; come < RawVisitor.LARGE_BYTES; ) {
                int n = flood.await("DATA", f -> f.type() == DATA).payload().length;
                come += n;
                for (int read = 0; read < n; read += 512) {
                    flood.send(windowUpdate(0, Math.min(512, n - read)));
                    if (come < RawVisitor.LARGE_BYTES) {
                        flood.send(windowUpdate(stream, Math.min(512, n - read)));
                    }
                }
            }
        }
        flood.goesOn();
    }

    @Test
    void emptyData() {
        flood.send(headers(1, END_HEADERS, flood.held()));
        isEndedWithin(10, n -> data(1, 0, ""), ENHANCE_YOUR_CALM);
    }

    @Test
    void dataThatIsPaddingOnly() {
        flood.send(headers(1, END_HEADERS, flood.held()));
        isEndedWithin(10, n -> frame(DATA, PADDED, 1, octets(255), new byte[255]), ENHANCE_YOUR_CALM);
    }

    /** As much as the stream's window holds, in single bytes, at a target that takes none. */
    @Test
    void dataInSingleBytesThatNobodyReads() {
        flood.send(headers(1, END_HEADERS, flood.post()), data(1, 0, "x"));
        flood.stage().targets.get(0).takes(false);
        isEndedWithin(3 * Http2Received.MAX_WAITING, n -> data(1, 0, "x"), ENHANCE_YOUR_CALM);
    }

    /** Whatever streams there are, and without a moment for them. */
    @Test
    void piecesThatNobodyReadsEndTheConnectionAtOnce() {
        flood.send(headers(1, END_HEADERS, flood.post()), data(1, 0, "x"));
        flood.stage().targets.get(0).takes(false);
        byte[][] pieces = new byte[2 * Http2Received.MAX_WAITING][];
        Arrays.fill(pieces, data(1, 0, "x"));
        flood.send(bytes(pieces));
        assertThat(flood.isOpen()).isFalse();
        flood.ends(ENHANCE_YOUR_CALM);
    }

    @Test
    void dataBeyondTheWindow() {
        flood.send(headers(1, END_HEADERS, flood.post()), data(1, 0, "x"));
        flood.stage().targets.get(0).takes(false);
        long before = stage.usedMemory();
        String piece = "x".repeat(RawHttp2.LARGEST_FRAME);
        for (int i = 0; i < 64; i++) {
            flood.send(data(1, 0, piece));
            assertThat(stage.usedMemory() - before).isLessThan(2 << 20);
        }
        flood.resets(1, RawHttp2.FLOW_CONTROL_ERROR);
    }

    @Test
    void emptyContinuations() {
        flood.send(headers(1, END_STREAM, flood.get()));
        isEndedWithin(20, n -> frame(CONTINUATION, 0, 1), ENHANCE_YOUR_CALM);
    }

    @Test
    void continuationsWithoutEnd() {
        flood.send(headers(1, END_STREAM, flood.get()));
        byte[] more = fields("x-more", "m".repeat(4_000));
        isEndedWithin(
                2 * RequestDecoder.MAX_HEAD / 4_000,
                n -> frame(CONTINUATION, 0, 1, more),
                PROTOCOL_ERROR,
                ENHANCE_YOUR_CALM);
        assertThat(flood.asked()).isZero();
    }

    @Test
    void aHeadThatIsNeverEnded() {
        flood.send(headers(1, END_STREAM, flood.get()));
        flood.stage().pass(Http1Front.HEAD_SECONDS);
        assertThat(flood.isOpen()).isFalse();
        flood.ends(RawHttp2.NO_ERROR);
    }

    @Test
    void rapidReset() {
        isEndedWithin(
                RESETS + 1,
                n -> bytes(headers(1 + 2 * n, WHOLE, flood.get()), reset(1 + 2 * n, CANCEL)),
                ENHANCE_YOUR_CALM);
        assertThat(flood.asked()).isLessThanOrEqualTo(RESETS + 1);
    }

    static Stream<Arguments> madeResets() {
        return Stream.of(
                provoked("an increment of 0", s -> windowUpdate(s, 0)),
                provoked("a window too large", s -> windowUpdate(s, (1L << 31) - 1)),
                provoked("PRIORITY that is too short", s -> frame(PRIORITY, 0, s, number(0))),
                provoked("PRIORITY that depends on itself", s -> frame(PRIORITY, 0, s, number(s), octets(1))),
                provoked("DATA behind the end", s -> bytes(data(s, END_STREAM, "x"), data(s, 0, "x"))),
                provoked("HEADERS behind the end", s -> bytes(data(s, END_STREAM, "x"), headers(s, WHOLE))),
                provoked("a second head", s -> headers(s, END_HEADERS, fields("x", "y"))),
                provoked("pseudo-fields in trailers", s -> headers(s, WHOLE, fields(":path", "/"))),
                provoked("DATA with padding that is not there", s -> frame(DATA, PADDED, s)));
    }

    private static Arguments provoked(String name, IntFunction<byte[]> with) {
        return Arguments.of(name, with);
    }

    /** MadeYouReset (CVE-2025-8671): resets that the server sends, for which the target has worked in vain. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("madeResets")
    void resetsThatAreProvoked(String name, IntFunction<byte[]> with) {
        isEndedWithin(
                RESETS + 2,
                n -> bytes(headers(1 + 2 * n, END_HEADERS, flood.held()), with.apply(1 + 2 * n)),
                ENHANCE_YOUR_CALM);
        assertThat(flood.stage().targets.size()).isLessThanOrEqualTo(RESETS + 2);
    }

    @Test
    void streamsThatAreNotGranted() {
        flood.send(frame(SETTINGS, ACK, 0));
        isEndedWithin(400, n -> headers(1 + 2 * n, WHOLE, flood.held()), ENHANCE_YOUR_CALM);
        assertThat(flood.asked()).isEqualTo(100);
    }

    @Test
    void malformedHeads() {
        isEndedWithin(RESETS + 2, n -> headers(1 + 2 * n, WHOLE, flood.get(), fields("X", "y")), ENHANCE_YOUR_CALM);
        assertThat(flood.asked()).isZero();
    }

    @Test
    void headsOfStreamsThatAreClosed() {
        flood.send(headers(1, END_HEADERS, flood.held()), reset(1, CANCEL));
        isEndedWithin(RESETS + 2, n -> headers(1, WHOLE, flood.get()), ENHANCE_YOUR_CALM);
    }

    /** A field of 4,000 bytes that the table holds, a thousand times at a byte each. */
    @Test
    void aBombOfIndices() {
        byte[] again = new byte[4_000];
        Arrays.fill(again, (byte) (0x80 | 62));
        flood.send(headers(1, WHOLE, flood.get(), literal(0x40, "x-bomb", "b".repeat(4_000)), again));
        flood.isRefused(1, 431);
    }

    @Test
    void aBombOfEmptyCookies() {
        byte[] again = new byte[16_000];
        Arrays.fill(again, (byte) (0x80 | 62));
        flood.send(headers(1, WHOLE, flood.get(), literal(0x40, "cookie", ""), again));
        flood.isRefused(1, 431);
    }

    @Test
    void moreFieldsThanAHeadHas() {
        byte[][] all = new byte[RequestDecoder.MAX_LINES + 1][];
        Arrays.fill(all, fields("x", "y"));
        flood.send(headers(1, WHOLE, flood.get(), bytes(all)));
        flood.isRefused(1, 431);
    }

    /** A hundred large answers, of which nothing is taken. */
    @Test
    void answersThatAreNotRead() {
        flood.send(settings(INITIAL_WINDOW_SIZE, 0));
        for (int i = 0; i < 100; i++) {
            flood.send(headers(1 + 2 * i, WHOLE, flood.held()));
        }
        assertThat(flood.stage().targets).hasSize(100);
        String piece = "x".repeat(16 << 10);
        int most = 0;
        for (Stage.End target : flood.stage().targets) {
            target.receive("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
            int pieces = 0;
            for (int reads = -1; reads != target.reads && pieces < 1_000; pieces++) {
                reads = target.reads;
                target.receive(piece);
            }
            most = Math.max(most, pieces);
        }
        assertThat(most)
                .as("pieces of 16 KiB that a stream takes, which has 64 KiB to wait in")
                .isLessThanOrEqualTo(8);
        flood.settle();
        assertThat(stage.usedMemory()).isLessThan(100L * 8 * piece.length());
        flood.stage().pass(Patience.WRITE_SECONDS);
        assertThat(flood.stage().targets).noneMatch(Stage.End::isActive);
        flood.settle();
        flood.send(settings(INITIAL_WINDOW_SIZE, 65_535));
    }
}
