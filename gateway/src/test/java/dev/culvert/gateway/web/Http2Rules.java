package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.RawHttp2.ACK;
import static dev.culvert.gateway.web.RawHttp2.CANCEL;
import static dev.culvert.gateway.web.RawHttp2.COMPRESSION_ERROR;
import static dev.culvert.gateway.web.RawHttp2.CONTINUATION;
import static dev.culvert.gateway.web.RawHttp2.DATA;
import static dev.culvert.gateway.web.RawHttp2.ENABLE_PUSH;
import static dev.culvert.gateway.web.RawHttp2.END_HEADERS;
import static dev.culvert.gateway.web.RawHttp2.END_STREAM;
import static dev.culvert.gateway.web.RawHttp2.FLOW_CONTROL_ERROR;
import static dev.culvert.gateway.web.RawHttp2.FRAME_SIZE_ERROR;
import static dev.culvert.gateway.web.RawHttp2.GOAWAY;
import static dev.culvert.gateway.web.RawHttp2.HEADERS;
import static dev.culvert.gateway.web.RawHttp2.HEADER_TABLE_SIZE;
import static dev.culvert.gateway.web.RawHttp2.INITIAL_WINDOW_SIZE;
import static dev.culvert.gateway.web.RawHttp2.LARGEST_FRAME;
import static dev.culvert.gateway.web.RawHttp2.MAX_CONCURRENT_STREAMS;
import static dev.culvert.gateway.web.RawHttp2.MAX_FRAME_SIZE;
import static dev.culvert.gateway.web.RawHttp2.NO_ERROR;
import static dev.culvert.gateway.web.RawHttp2.PADDED;
import static dev.culvert.gateway.web.RawHttp2.PING;
import static dev.culvert.gateway.web.RawHttp2.PREFACE;
import static dev.culvert.gateway.web.RawHttp2.PRIORITY;
import static dev.culvert.gateway.web.RawHttp2.PROTOCOL_ERROR;
import static dev.culvert.gateway.web.RawHttp2.PUSH_PROMISE;
import static dev.culvert.gateway.web.RawHttp2.REFUSED_STREAM;
import static dev.culvert.gateway.web.RawHttp2.RST_STREAM;
import static dev.culvert.gateway.web.RawHttp2.SETTINGS;
import static dev.culvert.gateway.web.RawHttp2.STREAM_CLOSED;
import static dev.culvert.gateway.web.RawHttp2.UNKNOWN;
import static dev.culvert.gateway.web.RawHttp2.WHOLE;
import static dev.culvert.gateway.web.RawHttp2.WINDOW_UPDATE;
import static dev.culvert.gateway.web.RawHttp2.WITH_PRIORITY;
import static dev.culvert.gateway.web.RawHttp2.ascii;
import static dev.culvert.gateway.web.RawHttp2.bytes;
import static dev.culvert.gateway.web.RawHttp2.data;
import static dev.culvert.gateway.web.RawHttp2.fields;
import static dev.culvert.gateway.web.RawHttp2.frame;
import static dev.culvert.gateway.web.RawHttp2.goAway;
import static dev.culvert.gateway.web.RawHttp2.headers;
import static dev.culvert.gateway.web.RawHttp2.integer;
import static dev.culvert.gateway.web.RawHttp2.literal;
import static dev.culvert.gateway.web.RawHttp2.number;
import static dev.culvert.gateway.web.RawHttp2.octets;
import static dev.culvert.gateway.web.RawHttp2.reset;
import static dev.culvert.gateway.web.RawHttp2.settings;
import static dev.culvert.gateway.web.RawHttp2.string;
import static dev.culvert.gateway.web.RawHttp2.windowUpdate;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.RawHttp2.Frame;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The rules of RFC 9113 and RFC 7541 that a client can break at a server, and those that a server has to keep with one that does not:
 * what the tool h2spec looks at, and some more. Where an RFC leaves more than one way, the one that is gone is said.
 */
public final class Http2Rules {
    private static final long MAX_WINDOW = (1L << 31) - 1;

    private final List<Rule> rules = new ArrayList<>();

    private Http2Rules() {}

    /**
     * @param section of RFC 9113, or of RFC 7541 (HPACK)
     * @param run says something that keeps or breaks the rule on a connection on which nothing was said yet, and looks at what comes of it
     */
    public record Rule(String section, String name, Consumer<RawVisitor> run) {
        @Override
        public String toString() {
            return section + " " + name;
        }
    }

    public static List<Rule> all() {
        Http2Rules r = new Http2Rules();
        r.connections();
        r.frames();
        r.streams();
        r.dataAndHeaders();
        r.priorities();
        r.resets();
        r.settingsFrames();
        r.pings();
        r.windows();
        r.continuations();
        r.messages();
        r.fieldsOfRequests();
        r.pseudoFields();
        r.compression();
        return List.copyOf(r.rules);
    }

    /** One that begins with the preface and settings. */
    private void rule(String section, String name, Consumer<RawVisitor> run) {
        bare(section, name, v -> {
            v.begin();
            run.accept(v);
        });
    }

    private void bare(String section, String name, Consumer<RawVisitor> run) {
        rules.add(new Rule(section, name, run));
    }

    private static byte[] continuation(int stream, int flags, byte[]... block) {
        return frame(CONTINUATION, flags, stream, block);
    }

    private static byte[] priority(int stream, int on) {
        return frame(PRIORITY, 0, stream, number(on), octets(15));
    }

    private static byte[] half(byte[] block, boolean first) {
        int middle = block.length / 2;
        return first ? Arrays.copyOf(block, middle) : Arrays.copyOfRange(block, middle, block.length);
    }

    private static String zeros(int n) {
        return "\0".repeat(n);
    }

    private void connections() {
        bare("3.4", "the server's preface is SETTINGS, whatever comes", v -> {
            v.send(PREFACE, settings());
            Frame first = v.await("frame", f -> true);
            assertThat(first.type()).isEqualTo(SETTINGS);
            assertThat(first.has(ACK)).isFalse();
            v.send(settings()).goesOn();
        });
        bare(
                "3.4",
                "a preface that is none",
                v -> v.send(ascii("INVALID CONNECTION PREFACE\r\n\r\n")).isHungUp());
        bare(
                "3.4",
                "a request of HTTP/1.1",
                v -> v.send(ascii("GET / HTTP/1.1\r\nHost: " + v.name() + "\r\n\r\n"))
                        .isHungUp());
        bare(
                "3.4",
                "a preface without SETTINGS behind it",
                v -> v.send(PREFACE, headers(1, WHOLE, v.get())).isHungUp());
        bare(
                "3.4",
                "an acknowledgement in place of the first SETTINGS",
                v -> v.send(PREFACE, frame(SETTINGS, ACK, 0)).isHungUp());
        bare("3.4", "a preface in pieces", v -> {
            for (byte b : bytes(PREFACE, settings(HEADER_TABLE_SIZE, 0))) {
                v.send(octets(b));
            }
            v.goesOn();
        });
        rule("3.4", "SETTINGS are acknowledged", v -> v.acknowledged());
        rule("5.4.1", "a connection error tells the last stream, and the end comes behind it", v -> {
            v.send(headers(1, WHOLE, v.get()));
            v.serves(1);
            v.send(frame(PING, 0, 0, number(1)));
            Frame said = v.await("GOAWAY", f -> f.type() == GOAWAY);
            assertThat(said.number()).isPositive(); // any that may have been served
            assertThat(said.error()).isEqualTo(FRAME_SIZE_ERROR);
            v.isHungUp();
        });
        rule("5.4.1", "what comes behind a connection error is not looked at", v -> {
            v.send(frame(PING, 0, 0, number(1)), headers(1, WHOLE, v.get()));
            v.ends(FRAME_SIZE_ERROR);
            assertThat(v.asked()).isZero();
        });
        rule(
                "6.8",
                "GOAWAY of another stream",
                v -> v.send(frame(GOAWAY, 0, 1, number(0), number(0))).ends(PROTOCOL_ERROR));
        rule(
                "6.8",
                "GOAWAY that is too short",
                v -> v.send(frame(GOAWAY, 0, 0, number(0))).ends(FRAME_SIZE_ERROR));
        rule("6.8", "streams of before GOAWAY are answered", v -> {
            v.send(headers(1, END_HEADERS, v.post()), goAway(0, NO_ERROR), data(1, END_STREAM, "body"));
            v.serves(1);
        });
        rule("7", "GOAWAY with a code that is not known", v -> {
            v.send(headers(1, END_HEADERS, v.post()), goAway(0, 0xff), data(1, END_STREAM, "body"));
            v.serves(1);
        });
        rule(
                "7",
                "RST_STREAM with a code that is not known",
                v -> v.send(headers(1, END_HEADERS, v.held()), reset(1, 0xff)).goesOn());
        rule(
                "6.6",
                "PUSH_PROMISE of a client",
                v -> v.send(headers(1, END_HEADERS, v.held()), frame(PUSH_PROMISE, END_HEADERS, 1, number(2), v.get()))
                        .ends(PROTOCOL_ERROR));
    }

    private void frames() {
        rule(
                "4.1",
                "a frame of an unknown type",
                v -> v.send(frame(UNKNOWN, 0xff, 0, ascii("what"))).goesOn());
        rule("4.1", "a frame with flags that are not defined", v -> {
            v.send(frame(PING, 0x16, 0, new byte[8]));
            Frame said = v.await("PING", f -> f.type() == PING);
            assertThat(said.flags()).isEqualTo(ACK);
            v.goesOn();
        });
        rule("4.1", "the reserved bit of a stream's number", v -> {
            v.send(frame(PING, 0, 1 << 31, new byte[8]));
            v.await("PING", f -> f.type() == PING && f.has(ACK));
            v.send(headers(1 | 1 << 31, WHOLE, v.get()));
            v.serves(1);
        });
        rule("4.1", "a frame that comes byte by byte", v -> {
            for (byte b : headers(1, WHOLE, v.get())) {
                v.send(octets(b));
            }
            v.serves(1);
        });
        rule("4.2", "DATA of the largest size", v -> {
            v.send(headers(1, END_HEADERS, v.post()), data(1, END_STREAM, zeros(LARGEST_FRAME)));
            v.serves(1);
        });
        rule(
                "4.2",
                "DATA larger than that",
                v -> v.send(headers(1, END_HEADERS, v.held()), data(1, END_STREAM, zeros(LARGEST_FRAME + 1)))
                        .ends(FRAME_SIZE_ERROR));
        rule("4.2", "HEADERS larger than that", v -> {
            v.send(headers(1, WHOLE, v.get(), fields("x", "a".repeat(LARGEST_FRAME))));
            v.ends(FRAME_SIZE_ERROR);
            assertThat(v.asked()).isZero();
        });
        rule(
                "4.2",
                "a frame of an unknown type larger than that",
                v -> v.send(frame(UNKNOWN, 0, 0, new byte[LARGEST_FRAME + 1])).ends(FRAME_SIZE_ERROR));
        rule(
                "4.3",
                "a block that is none",
                v -> v.send(headers(1, WHOLE, octets(0x00, 0x05, 'a'))).ends(COMPRESSION_ERROR));
        rule(
                "4.3",
                "PRIORITY within a block",
                v -> v.send(
                                headers(1, END_STREAM, half(v.get(), true)),
                                priority(1, 0),
                                continuation(1, END_HEADERS, half(v.get(), false)))
                        .ends(PROTOCOL_ERROR));
        rule(
                "4.3",
                "HEADERS of another stream within a block",
                v -> v.send(headers(1, END_STREAM, half(v.get(), true)), headers(3, WHOLE, v.get()))
                        .ends(PROTOCOL_ERROR));
        rule("5.5", "a frame of an unknown type of a stream", v -> {
            v.send(headers(1, END_HEADERS, v.post()), frame(UNKNOWN, 0, 1, ascii("what")), data(1, END_STREAM, "b"));
            v.serves(1);
        });
        rule(
                "5.5",
                "a frame of an unknown type of an idle stream",
                v -> v.send(frame(UNKNOWN, 0, 7, ascii("what"))).goesOn());
        rule(
                "5.5",
                "a frame of an unknown type within a block",
                v -> v.send(headers(1, END_STREAM, half(v.get(), true)), frame(UNKNOWN, 0, 0, ascii("what")))
                        .ends(PROTOCOL_ERROR));
    }

    private void streams() {
        rule("5.1", "idle: DATA", v -> v.send(data(1, END_STREAM, "test")).ends(PROTOCOL_ERROR));
        rule("5.1", "idle: RST_STREAM", v -> v.send(reset(1, CANCEL)).ends(PROTOCOL_ERROR));
        rule("5.1", "idle: WINDOW_UPDATE", v -> v.send(windowUpdate(1, 100)).ends(PROTOCOL_ERROR));
        rule(
                "5.1",
                "idle: CONTINUATION",
                v -> v.send(continuation(1, END_HEADERS, v.get())).ends(PROTOCOL_ERROR));
        rule("5.1", "idle: PRIORITY", v -> v.send(priority(1, 0)).goesOn());
        rule(
                "5.1",
                "half-closed: DATA",
                v -> v.send(headers(1, WHOLE, v.held()), data(1, END_STREAM, "test"))
                        .resets(1, STREAM_CLOSED));
        rule(
                "5.1",
                "half-closed: HEADERS",
                v -> v.send(headers(1, WHOLE, v.held()), headers(1, WHOLE, v.get()))
                        .resets(1, STREAM_CLOSED, PROTOCOL_ERROR));
        rule(
                "5.1",
                "half-closed: trailers behind the end",
                v -> v.send(
                                headers(1, END_HEADERS, v.held()),
                                data(1, END_STREAM, "test"),
                                headers(1, WHOLE, fields("x-sum", "1")))
                        .resets(1, STREAM_CLOSED));
        rule(
                "5.1",
                "half-closed: CONTINUATION",
                v -> v.send(headers(1, WHOLE, v.held()), continuation(1, END_HEADERS, v.get()))
                        .ends(PROTOCOL_ERROR, STREAM_CLOSED));
        rule(
                "5.1",
                "half-closed: WINDOW_UPDATE, PRIORITY and RST_STREAM",
                v -> v.send(headers(1, WHOLE, v.held()), windowUpdate(1, 1), priority(1, 0), reset(1, CANCEL))
                        .goesOn());
        rule(
                "5.1",
                "closed by RST_STREAM: DATA",
                v -> v.send(headers(1, END_HEADERS, v.held()), reset(1, CANCEL), data(1, END_STREAM, "test"))
                        .resets(1, STREAM_CLOSED));
        rule(
                "5.1",
                "closed by RST_STREAM: HEADERS",
                v -> v.send(headers(1, END_HEADERS, v.held()), reset(1, CANCEL), headers(1, WHOLE, v.get()))
                        .resets(1, STREAM_CLOSED));
        rule(
                "5.1",
                "closed by RST_STREAM: CONTINUATION",
                v -> v.send(headers(1, END_HEADERS, v.held()), reset(1, CANCEL), continuation(1, END_HEADERS, v.get()))
                        .ends(PROTOCOL_ERROR, STREAM_CLOSED));
        rule(
                "5.1",
                "closed by RST_STREAM: WINDOW_UPDATE, PRIORITY and RST_STREAM",
                v -> v.send(
                                headers(1, END_HEADERS, v.held()),
                                reset(1, CANCEL),
                                windowUpdate(1, 1),
                                priority(1, 0),
                                reset(1, CANCEL))
                        .goesOn());
        rule(
                "5.1",
                "closed by both ends: DATA",
                v -> closed(v, data(1, END_STREAM, "test")).resets(1, STREAM_CLOSED));
        rule(
                "5.1",
                "closed by both ends: HEADERS",
                v -> closed(v, headers(1, WHOLE, v.get())).resets(1, STREAM_CLOSED));
        rule(
                "5.1",
                "closed by both ends: CONTINUATION",
                v -> closed(v, continuation(1, END_HEADERS, v.get())).ends(PROTOCOL_ERROR, STREAM_CLOSED));
        rule(
                "5.1",
                "closed by both ends: WINDOW_UPDATE, PRIORITY and RST_STREAM",
                v -> closed(v, bytes(windowUpdate(1, 1), priority(1, 0), reset(1, CANCEL)))
                        .goesOn());
        rule("5.1", "reset by the server: DATA and trailers are ignored", v -> {
            v.send(headers(1, END_HEADERS, v.held()), data(1, 0, "x"), windowUpdate(1, 0));
            v.send(data(1, 0, "test"), headers(1, WHOLE, fields("x-sum", "1")));
            v.resets(1, PROTOCOL_ERROR);
        });
        rule("5.1.1", "a stream of an even number", v -> {
            v.send(headers(2, WHOLE, v.get())).ends(PROTOCOL_ERROR);
            assertThat(v.asked()).isZero();
        });
        rule(
                "5.1.1",
                "a stream of a lower number than the last: those between are closed",
                v -> v.send(headers(5, WHOLE, v.held()), headers(3, WHOLE, v.get()))
                        .resets(3, STREAM_CLOSED));
        rule("5.1.1", "numbers may be left out", v -> {
            v.send(headers(5, WHOLE, v.get()), headers(99, WHOLE, v.get()));
            v.serves(5);
            v.serves(99);
        });
        rule("5.1.2", "more streams than are granted", v -> {
            Frame said = v.await("SETTINGS", f -> f.type() == SETTINGS && !f.has(ACK));
            int most = Http2Rules.setting(said, MAX_CONCURRENT_STREAMS);
            v.send(frame(SETTINGS, ACK, 0));
            for (int i = 0; i <= most; i++) {
                v.send(headers(1 + 2 * i, WHOLE, v.held()));
            }
            Frame reset = v.await("RST_STREAM", f -> f.type() == RST_STREAM);
            assertThat(reset.stream()).isEqualTo(1 + 2 * most);
            assertThat(reset.number()).isEqualTo(REFUSED_STREAM);
            v.settle();
            v.hasAsked(most);
        });
    }

    /** The value that SETTINGS have for an identifier, which must be there. */
    static int setting(Frame settings, int id) {
        ByteBuffer in = ByteBuffer.wrap(settings.payload());
        while (in.hasRemaining()) {
            int its = in.getShort();
            int value = in.getInt();
            if (its == id) {
                return value;
            }
        }
        throw new AssertionError("no setting " + id);
    }

    private static RawVisitor closed(RawVisitor v, byte[] then) {
        v.send(headers(1, WHOLE, v.get()));
        v.serves(1);
        return v.send(then);
    }

    private void dataAndHeaders() {
        rule(
                "6.1",
                "DATA of stream 0",
                v -> v.send(headers(1, END_HEADERS, v.held()), data(0, 0, "test"))
                        .ends(PROTOCOL_ERROR));
        rule("6.1", "DATA with padding", v -> {
            v.send(
                    headers(1, END_HEADERS, v.post()),
                    frame(DATA, PADDED | END_STREAM, 1, octets(6), ascii("test"), new byte[6]));
            v.serves(1);
        });
        rule("6.1", "DATA that is all padding", v -> {
            v.send(headers(1, END_HEADERS, v.post()), frame(DATA, PADDED, 1, octets(6), new byte[6]));
            v.send(data(1, END_STREAM, "test"));
            v.serves(1);
        });
        rule(
                "6.1",
                "DATA with more padding than it has",
                v -> v.send(
                                headers(1, END_HEADERS, v.held()),
                                frame(DATA, PADDED | END_STREAM, 1, octets(5), ascii("test")))
                        .ends(PROTOCOL_ERROR));
        rule(
                "6.1",
                "DATA with padding that is not there",
                v -> v.send(headers(1, END_HEADERS, v.held()), frame(DATA, PADDED | END_STREAM, 1))
                        .resets(1, FRAME_SIZE_ERROR));
        rule(
                "6.2",
                "HEADERS of stream 0",
                v -> v.send(headers(0, WHOLE, v.get())).ends(PROTOCOL_ERROR));
        rule("6.2", "HEADERS with padding and priority", v -> {
            v.send(headers(1, WHOLE | PADDED | WITH_PRIORITY, octets(4), number(0), octets(200), v.get(), new byte[4]));
            v.serves(1);
        });
        rule(
                "6.2",
                "HEADERS with more padding than they have",
                v -> v.send(headers(1, WHOLE | PADDED, octets(0xff), v.get())).ends(PROTOCOL_ERROR));
        rule(
                "6.2",
                "HEADERS with padding that is not there",
                v -> v.send(headers(1, WHOLE | PADDED)).ends(FRAME_SIZE_ERROR));
        rule(
                "6.2",
                "HEADERS with priority that is not there",
                v -> v.send(headers(1, WHOLE | WITH_PRIORITY, octets(0, 0))).ends(FRAME_SIZE_ERROR));
        rule(
                "6.2",
                "DATA of the same stream within a block",
                v -> v.send(headers(1, 0, half(v.get(), true)), data(1, END_STREAM, "test"))
                        .ends(PROTOCOL_ERROR));
    }

    private void priorities() {
        rule("6.3", "PRIORITY of stream 0", v -> v.send(priority(0, 1)).ends(PROTOCOL_ERROR));
        rule(
                "6.3",
                "PRIORITY that is too short",
                v -> v.send(headers(1, END_HEADERS, v.held()), frame(PRIORITY, 0, 1, number(0)))
                        .resets(1, FRAME_SIZE_ERROR));
        rule(
                "6.3",
                "PRIORITY that is too long",
                v -> v.send(headers(1, END_HEADERS, v.held()), frame(PRIORITY, 0, 1, number(0), octets(1, 1)))
                        .resets(1, FRAME_SIZE_ERROR));
        rule("5.3.2", "PRIORITY and what HEADERS say of it are without meaning", v -> {
            v.send(priority(1, 3), priority(3, 1), priority(5, 1), priority(1, 5));
            v.send(headers(7, WHOLE | WITH_PRIORITY, number(1L << 31 | 1), octets(255), v.get()));
            v.serves(7);
        });
        // RFC 7540 5.3.1 had it that these are errors, RFC 9113 does not say; either is no harm.
        rule(
                "5.3.2",
                "PRIORITY that depends on itself",
                v -> v.send(headers(1, END_HEADERS, v.held()), priority(1, 1)).resets(1, PROTOCOL_ERROR));
        rule(
                "5.3.2",
                "HEADERS that depend on themselves",
                v -> v.send(headers(1, WHOLE | WITH_PRIORITY, number(1), octets(255), v.get()))
                        .ends(PROTOCOL_ERROR));
    }

    private void resets() {
        rule("6.4", "RST_STREAM of stream 0", v -> v.send(reset(0, CANCEL)).ends(PROTOCOL_ERROR));
        rule(
                "6.4",
                "RST_STREAM that is too short",
                v -> v.send(headers(1, END_HEADERS, v.held()), frame(RST_STREAM, 0, 1, octets(0, 0, 0)))
                        .ends(FRAME_SIZE_ERROR));
        rule(
                "6.4",
                "RST_STREAM that is too long",
                v -> v.send(headers(1, END_HEADERS, v.held()), frame(RST_STREAM, 0, 1, number(8), octets(0)))
                        .ends(FRAME_SIZE_ERROR));
        rule("6.4", "RST_STREAM ends its stream and no other", v -> {
            v.send(headers(1, WHOLE, v.held()), headers(3, END_HEADERS, v.post()), reset(1, CANCEL));
            v.send(data(3, END_STREAM, "test"));
            v.serves(3);
        });
    }

    private void settingsFrames() {
        rule(
                "6.5",
                "SETTINGS of another stream",
                v -> v.send(frame(SETTINGS, 0, 1)).ends(PROTOCOL_ERROR));
        rule(
                "6.5",
                "an acknowledgement with content",
                v -> v.send(frame(SETTINGS, ACK, 0, new byte[6])).ends(FRAME_SIZE_ERROR));
        rule(
                "6.5",
                "SETTINGS of a length that is no multiple of 6",
                v -> v.send(frame(SETTINGS, 0, 0, new byte[3])).ends(FRAME_SIZE_ERROR));
        rule(
                "6.5.2",
                "ENABLE_PUSH that is neither 0 nor 1",
                v -> v.send(settings(ENABLE_PUSH, 2)).ends(PROTOCOL_ERROR));
        for (int value : new int[] {0, 1}) {
            rule(
                    "6.5.2",
                    "ENABLE_PUSH of " + value,
                    v -> v.send(settings(ENABLE_PUSH, value)).goesOn());
        }
        rule(
                "6.5.2",
                "a window that is too large",
                v -> v.send(settings(INITIAL_WINDOW_SIZE, MAX_WINDOW + 1)).ends(FLOW_CONTROL_ERROR));
        rule(
                "6.5.2",
                "the largest window",
                v -> v.send(settings(INITIAL_WINDOW_SIZE, MAX_WINDOW)).goesOn());
        rule(
                "6.5.2",
                "frames that are too small",
                v -> v.send(settings(MAX_FRAME_SIZE, LARGEST_FRAME - 1)).ends(PROTOCOL_ERROR));
        rule(
                "6.5.2",
                "frames that are too large",
                v -> v.send(settings(MAX_FRAME_SIZE, 1 << 24)).ends(PROTOCOL_ERROR));
        rule(
                "6.5.2",
                "the largest frames",
                v -> v.send(settings(MAX_FRAME_SIZE, (1 << 24) - 1)).goesOn());
        rule(
                "6.5.2",
                "a setting that is not known",
                v -> v.send(settings(0xff, 1, 0x2a2a, MAX_WINDOW)).goesOn());
        rule(
                "6.5.2",
                "no streams for pushing, and the largest lists",
                v -> v.send(settings(MAX_CONCURRENT_STREAMS, 0, 6, 0xffff_ffffL))
                        .goesOn());
        rule("6.5.3", "each SETTINGS has one acknowledgement", v -> {
            v.acknowledged();
            v.send(settings(), settings(INITIAL_WINDOW_SIZE, 1), settings(INITIAL_WINDOW_SIZE, 1 << 20));
            for (int i = 0; i < 3; i++) {
                v.acknowledged();
            }
            v.goesOn();
        });
        rule("6.5.3", "values are taken in the order in which they come", v -> {
            v.send(settings(INITIAL_WINDOW_SIZE, 100, INITIAL_WINDOW_SIZE, 1), headers(1, WHOLE, v.get()));
            Frame piece = v.await("DATA", f -> f.type() == DATA);
            assertThat(piece.payload()).hasSize(1);
            v.settle();
        });
        rule(
                "6.5.3",
                "an acknowledgement of nothing",
                v -> v.send(frame(SETTINGS, ACK, 0), frame(SETTINGS, ACK, 0), frame(SETTINGS, ACK, 0))
                        .goesOn());
        rule(
                "RFC 8441 3",
                "ENABLE_CONNECT_PROTOCOL that is neither 0 nor 1",
                v -> v.send(settings(8, 2)).ends(PROTOCOL_ERROR));
    }

    private void pings() {
        rule("6.7", "PING is answered with what it holds", v -> {
            v.send(frame(PING, 0, 0, ascii("whatever")));
            Frame said = v.await("PING", f -> f.type() == PING);
            assertThat(said.has(ACK)).isTrue();
            assertThat(said.text()).isEqualTo("whatever");
        });
        rule("6.7", "an acknowledgement is not answered", v -> {
            v.send(frame(PING, ACK, 0, ascii("nobody's")), frame(PING, 0, 0, ascii("whatever")));
            assertThat(v.await("PING", f -> f.type() == PING).text()).isEqualTo("whatever");
        });
        rule(
                "6.7",
                "PING of another stream",
                v -> v.send(frame(PING, 0, 1, new byte[8])).ends(PROTOCOL_ERROR));
        rule(
                "6.7",
                "PING that is too short",
                v -> v.send(frame(PING, 0, 0, new byte[6])).ends(FRAME_SIZE_ERROR));
        rule(
                "6.7",
                "PING that is too long",
                v -> v.send(frame(PING, 0, 0, new byte[9])).ends(FRAME_SIZE_ERROR));
    }

    private void windows() {
        rule(
                "6.9",
                "an increment of 0 for the connection",
                v -> v.send(windowUpdate(0, 0)).ends(PROTOCOL_ERROR));
        rule(
                "6.9",
                "an increment of 0 for a stream",
                v -> v.send(headers(1, END_HEADERS, v.held()), windowUpdate(1, 0))
                        .resets(1, PROTOCOL_ERROR));
        rule(
                "6.9",
                "WINDOW_UPDATE that is too short",
                v -> v.send(frame(WINDOW_UPDATE, 0, 0, octets(0, 0, 1))).ends(FRAME_SIZE_ERROR));
        rule(
                "6.9",
                "WINDOW_UPDATE that is too long",
                v -> v.send(frame(WINDOW_UPDATE, 0, 0, number(1), octets(0))).ends(FRAME_SIZE_ERROR));
        rule(
                "6.9",
                "the reserved bit of an increment",
                v -> v.send(windowUpdate(0, 1L << 31 | 1)).goesOn());
        rule("6.9.1", "no more is sent than is granted", v -> {
            v.send(settings(INITIAL_WINDOW_SIZE, 1), headers(1, WHOLE, v.get()));
            Frame piece = v.await("DATA", f -> f.type() == DATA);
            assertThat(piece.payload()).hasSize(1);
            v.settle();
            v.send(windowUpdate(1, 2));
            Frame more = v.await("DATA", f -> f.type() == DATA);
            assertThat(more.payload()).hasSize(2);
        });
        rule("6.9.1", "nor more than is granted for the connection", v -> {
            v.send(settings(INITIAL_WINDOW_SIZE, MAX_WINDOW), headers(1, WHOLE, v.head("GET", RawVisitor.LARGE)));
            int granted = 65_535;
            for (int come = 0; come < granted; ) {
                come += v.await("DATA", f -> f.type() == DATA).payload().length;
                assertThat(come).isLessThanOrEqualTo(granted);
            }
            byte[] marker = ascii("no more!");
            v.send(frame(PING, 0, 0, marker));
            Frame then = v.await("DATA or PING", f -> f.type() == DATA || f.type() == PING);
            assertThat(then.type()).isEqualTo(PING);
            v.send(windowUpdate(0, 1));
            assertThat(v.await("DATA", f -> f.type() == DATA).payload()).hasSize(1);
        });
        rule(
                "6.9.1",
                "a window of the connection that is too large",
                v -> v.send(windowUpdate(0, MAX_WINDOW), windowUpdate(0, MAX_WINDOW))
                        .ends(FLOW_CONTROL_ERROR));
        rule(
                "6.9.1",
                "a window of a stream that is too large",
                v -> v.send(headers(1, END_HEADERS, v.held()), windowUpdate(1, MAX_WINDOW), windowUpdate(1, MAX_WINDOW))
                        .resets(1, FLOW_CONTROL_ERROR));
        rule("6.9.2", "a window that is changed while a stream waits", v -> {
            v.send(settings(INITIAL_WINDOW_SIZE, 0), headers(1, WHOLE, v.get()));
            v.await("HEADERS", f -> f.type() == HEADERS);
            v.send(settings(INITIAL_WINDOW_SIZE, 1));
            assertThat(v.await("DATA", f -> f.type() == DATA).payload()).hasSize(1);
        });
        rule("6.9.2", "a window that is negative", v -> {
            v.send(settings(INITIAL_WINDOW_SIZE, 3), headers(1, WHOLE, v.get()));
            assertThat(v.await("DATA", f -> f.type() == DATA).payload()).hasSize(3);
            v.send(settings(INITIAL_WINDOW_SIZE, 2), windowUpdate(1, 2));
            assertThat(v.await("DATA", f -> f.type() == DATA).payload()).hasSize(1);
        });
        // The connection's end, by the letter; Netty ends the streams that are concerned.
        rule(
                "6.9.2",
                "a change by which a stream's window is too large",
                v -> v.send(
                                headers(1, WHOLE, v.held()),
                                windowUpdate(1, 100_000),
                                settings(INITIAL_WINDOW_SIZE, MAX_WINDOW))
                        .resets(1, FLOW_CONTROL_ERROR));
    }

    private void continuations() {
        rule("6.10", "a block in many frames", v -> {
            v.send(
                    headers(1, END_STREAM, v.get()),
                    continuation(1, 0, fields("x-one", "1".repeat(4_000))),
                    continuation(1, END_HEADERS, fields("x-two", "2")));
            v.serves(1);
        });
        rule("6.10", "a block that is cut within a field", v -> {
            v.send(
                    headers(1, END_STREAM, half(v.get(), true)),
                    continuation(1, 0),
                    continuation(1, END_HEADERS, half(v.get(), false)));
            v.serves(1);
        });
        rule("6.10", "END_STREAM of CONTINUATION is no flag", v -> {
            v.send(headers(1, 0, v.post()), continuation(1, WHOLE, fields("x-one", "1")));
            v.send(data(1, END_STREAM, "test"));
            v.serves(1);
        });
        rule(
                "6.10",
                "anything else within a block",
                v -> v.send(headers(1, END_STREAM, v.get()), frame(PING, 0, 0, new byte[8]))
                        .ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "SETTINGS within a block",
                v -> v.send(headers(1, END_STREAM, v.get()), settings()).ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "WINDOW_UPDATE within a block",
                v -> v.send(headers(1, END_STREAM, v.get()), windowUpdate(0, 1)).ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "RST_STREAM within a block",
                v -> v.send(headers(1, END_STREAM, v.get()), reset(1, CANCEL)).ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "GOAWAY within a block",
                v -> v.send(headers(1, END_STREAM, v.get()), goAway(0, NO_ERROR))
                        .ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "CONTINUATION of stream 0",
                v -> v.send(headers(1, END_STREAM, v.get()), continuation(0, END_HEADERS, fields("x", "y")))
                        .ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "CONTINUATION of another stream",
                v -> v.send(headers(1, END_STREAM, v.get()), continuation(3, END_HEADERS, fields("x", "y")))
                        .ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "CONTINUATION behind the end of a block",
                v -> v.send(headers(1, WHOLE, v.held()), continuation(1, END_HEADERS, fields("x", "y")))
                        .ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "CONTINUATION behind the last CONTINUATION",
                v -> v.send(
                                headers(1, END_STREAM, v.held()),
                                continuation(1, END_HEADERS, fields("x", "y")),
                                continuation(1, END_HEADERS, fields("x", "y")))
                        .ends(PROTOCOL_ERROR));
        rule(
                "6.10",
                "CONTINUATION behind DATA",
                v -> v.send(
                                headers(1, END_HEADERS, v.held()),
                                data(1, 0, "test"),
                                continuation(1, END_HEADERS, fields("x", "y")))
                        .ends(PROTOCOL_ERROR));
    }

    private void messages() {
        rule("8.1", "GET", v -> {
            v.send(headers(1, WHOLE, v.get()));
            v.serves(1);
        });
        rule("8.1", "HEAD", v -> {
            v.send(headers(1, WHOLE, v.head("HEAD", "/")));
            assertThat(v.answer(1)).isEmpty();
        });
        rule("8.1", "POST with trailers", v -> {
            v.send(headers(1, END_HEADERS, v.post()), data(1, 0, "test"), headers(1, WHOLE, fields("x-sum", "1")));
            v.serves(1);
        });
        rule("8.1", "trailers without content", v -> {
            v.send(headers(1, END_HEADERS, v.post()), headers(1, WHOLE, fields("x-sum", "1")));
            v.serves(1);
        });
        rule("8.1", "an empty DATA frame as the end", v -> {
            v.send(headers(1, END_HEADERS, v.post()), data(1, END_STREAM, ""));
            v.serves(1);
        });
        rule(
                "8.1",
                "a second head without an end",
                v -> v.send(headers(1, END_HEADERS, v.held()), headers(1, END_HEADERS, fields("x-sum", "1")))
                        .resets(1, PROTOCOL_ERROR));
        rule(
                "8.1",
                "DATA behind trailers",
                v -> v.send(
                                headers(1, END_HEADERS, v.held()),
                                headers(1, WHOLE, fields("x-sum", "1")),
                                data(1, END_STREAM, "test"))
                        .resets(1, STREAM_CLOSED));
        rule("8.1", "an answer before the request's end, whose rest is not wanted", v -> {
            v.send(headers(1, END_HEADERS, v.head("POST", "/early")));
            v.serves(1);
            Frame reset = v.await("RST_STREAM", f -> f.type() == RST_STREAM && f.stream() == 1);
            assertThat(reset.number()).isEqualTo(NO_ERROR);
            v.send(data(1, END_STREAM, "test")).goesOn();
        });
        length("less than DATA", "1", "test");
        length("more than DATA", "5", "test");
        length("less than many DATA", "7", "test", "test");
        length("more than many DATA", "9", "test", "test");
        length("something without DATA", "1");
        rule("8.1.1", "content-length of something, and the head is all", v -> {
            v.send(headers(1, WHOLE, v.post(), fields("content-length", "5")));
            v.isMalformed(1);
        });
        rule("8.1.1", "content-length that is no number", v -> {
            v.send(headers(1, END_HEADERS, v.post(), fields("content-length", "4x")), data(1, END_STREAM, "test"));
            v.isMalformed(1);
        });
        rule("8.1.1", "content-length twice", v -> {
            v.send(
                    headers(1, END_HEADERS, v.post(), fields("content-length", "4", "content-length", "5")),
                    data(1, END_STREAM, "test"));
            v.isMalformed(1);
        });
        rule("8.1.1", "content-length with a sign", v -> {
            v.send(headers(1, END_HEADERS, v.post(), fields("content-length", "+4")), data(1, END_STREAM, "test"));
            v.isMalformed(1);
        });
        rule("8.1.1", "content-length that is right", v -> {
            v.send(
                    headers(1, END_HEADERS, v.post(), fields("content-length", "8")),
                    data(1, 0, "test"),
                    data(1, END_STREAM, "test"));
            v.serves(1);
        });
        rule(
                "8.4",
                "PUSH_PROMISE on a new stream",
                v -> v.send(frame(PUSH_PROMISE, END_HEADERS, 1, number(2), v.get()))
                        .ends(PROTOCOL_ERROR));
        rule("8.8.1", "streams are answered on their own", v -> {
            v.send(headers(1, WHOLE, v.held()), headers(3, WHOLE, v.get()), headers(5, WHOLE, v.get()));
            v.serves(3);
            v.serves(5);
        });
    }

    /** The target has heard of it, but never the whole of it: its connection is closed. */
    private void length(String name, String length, String... pieces) {
        rule("8.1.1", "content-length of " + name, v -> {
            v.send(headers(1, END_HEADERS, v.post(), fields("content-length", length)));
            for (int i = 0; i < pieces.length; i++) {
                v.send(data(1, i == pieces.length - 1 ? END_STREAM : 0, pieces[i]));
            }
            if (pieces.length == 0) {
                v.send(data(1, END_STREAM, ""));
            }
            v.resets(1, PROTOCOL_ERROR);
            assertThat(v.asked()).isEqualTo(1);
        });
    }

    private void malformed(String section, String name, String... fields) {
        rule(section, name, v -> {
            v.send(headers(1, WHOLE, v.get(), fields(fields)));
            v.isMalformed(1);
        });
    }

    private void fieldsOfRequests() {
        malformed("8.2.1", "a name in upper case", "X-Test", "ok");
        malformed("8.2.1", "a name with a space", "x test", "ok");
        malformed("8.2.1", "a name with a colon", "x:test", "ok");
        malformed("8.2.1", "a name with CR LF", "x\r\ny", "ok");
        malformed("8.2.1", "a name with a control character", "x\u0001", "ok");
        malformed("8.2.1", "a name that is not ASCII", "x\u00e9", "ok");
        malformed("8.2.1", "an empty name", "", "ok");
        malformed("8.2.1", "a value with NUL", "x-test", "a\0b");
        malformed("8.2.1", "a value with CR", "x-test", "a\rb");
        malformed("8.2.1", "a value with LF", "x-test", "a\nb");
        malformed("8.2.1", "a value with CR LF and another request", "x-test", "a\r\n\r\nGET / HTTP/1.1\r\nhost: b");
        for (String value : List.of(" a", "\ta", "a ", "a\t", " ", "\t")) {
            rule("8.2.1", "a value with white space around it: [" + value.replace("\t", "tab") + "]", v -> {
                v.send(headers(1, WHOLE, v.get(), fields("x-test", value)));
                v.isMalformedOrRefused(1);
            });
        }
        rule("8.2.1", "an empty value, and one that is not ASCII", v -> {
            v.send(headers(1, WHOLE, v.get(), fields("x-test", "", "x-other", "caf\u00e9")));
            v.serves(1);
        });
        malformed("8.2.2", "connection", "connection", "keep-alive");
        malformed("8.2.2", "keep-alive", "keep-alive", "timeout=5");
        malformed("8.2.2", "proxy-connection", "proxy-connection", "keep-alive");
        malformed("8.2.2", "transfer-encoding", "transfer-encoding", "chunked");
        malformed("8.2.2", "upgrade", "upgrade", "h2c");
        rule("8.2.2", "http2-settings", v -> {
            v.send(headers(1, WHOLE, v.get(), fields("http2-settings", "AAMAAABkAAQAAP__")));
            v.isMalformedOrRefused(1);
        });
        malformed("8.2.2", "te that is not trailers", "te", "trailers, deflate;q=0.5");
        rule("8.2.2", "te: trailers", v -> {
            v.send(headers(1, WHOLE, v.get(), fields("te", "trailers")));
            v.serves(1);
        });
        rule("8.2.3", "a cookie in pieces", v -> {
            v.send(headers(1, WHOLE, v.get(), fields("cookie", "a=b", "cookie", "c=d")));
            v.serves(1);
        });
    }

    private void whole(String section, String name, String... fields) {
        rule(section, name, v -> {
            v.send(headers(1, WHOLE, fields(fields)));
            v.isMalformed(1);
        });
    }

    private void pseudoFields() {
        malformed("8.3", "a pseudo-field that is not known", ":test", "ok");
        malformed("8.3", "a pseudo-field of answers", ":status", "200");
        rule("8.3", "a pseudo-field of answers alone", v -> {
            v.send(headers(1, WHOLE, fields(":status", "200")));
            v.isMalformed(1);
        });
        rule("8.3", "pseudo-fields behind others", v -> {
            v.send(headers(
                    1,
                    WHOLE,
                    fields(
                            ":method",
                            "GET",
                            ":scheme",
                            "https",
                            "x-test",
                            "ok",
                            ":authority",
                            v.name(),
                            ":path",
                            "/")));
            v.isMalformed(1);
        });
        for (String field : List.of(":method", ":path", ":status", ":authority", ":what")) {
            rule("8.3", field + " in trailers", v -> {
                v.send(headers(1, END_HEADERS, v.held()), data(1, 0, "test"), headers(1, WHOLE, fields(field, "/")));
                v.resets(1, PROTOCOL_ERROR);
            });
        }
        whole("8.3.1", "no :method", ":scheme", "https", ":authority", "a", ":path", "/");
        whole("8.3.1", "no :scheme", ":method", "GET", ":authority", "a", ":path", "/");
        whole("8.3.1", "no :path", ":method", "GET", ":scheme", "https", ":authority", "a");
        whole("8.3.1", "an empty :path", ":method", "GET", ":scheme", "https", ":authority", "a", ":path", "");
        whole("8.3.1", "no pseudo-fields", "x-test", "ok");
        malformed("8.3.1", ":method twice", ":method", "GET");
        malformed("8.3.1", ":scheme twice", ":scheme", "https");
        malformed("8.3.1", ":path twice", ":path", "/");
        malformed("8.3.1", ":authority twice", ":authority", "other");
        rule("8.3.1", "the host in place of :authority", v -> {
            v.send(headers(1, WHOLE, fields(":method", "GET", ":scheme", "https", ":path", "/", "host", v.name())));
            v.serves(1);
        });
        rule("8.3.1", "a host that is :authority", v -> {
            v.send(headers(1, WHOLE, v.get(), fields("host", v.name())));
            v.serves(1);
        });
        refused("8.3.1", "a host that is not :authority", v -> bytes(v.get(), fields("host", "other.test")));
        refused("8.3.1", "a host twice", v -> bytes(v.get(), fields("host", v.name(), "host", v.name())));
        refused(
                "8.3.1",
                "neither host nor :authority",
                v -> fields(":method", "GET", ":scheme", "https", ":path", "/"));
        whole("8.3.1", "an empty :authority", ":method", "GET", ":scheme", "https", ":authority", "", ":path", "/");
        refused(
                "8.3.1",
                ":authority with a user",
                v -> fields(":method", "GET", ":scheme", "https", ":authority", "u@" + v.name(), ":path", "/"));
        refused(
                "8.3.1",
                ":authority with a path",
                v -> fields(":method", "GET", ":scheme", "https", ":authority", v.name() + "/x", ":path", "/"));
        for (String path : List.of(
                "x",
                "*",
                "https://app.example.com/",
                "/#fragment",
                "/a b",
                "/ HTTP/1.1",
                "//\u00e9",
                "/a/../b",
                "/a/%2e%2e/b")) {
            refused("8.3.1", ":path " + path, v -> v.head("GET", path));
        }
        for (String path : List.of("/\r\nx: y", "/ HTTP/1.1\r\nhost: other\r\n\r\n", "/\0", "/\t")) {
            rule("8.3.1", ":path with " + path.replaceAll("\\p{Cntrl}", "?"), v -> {
                v.send(headers(1, WHOLE, v.head("GET", path)));
                v.isMalformedOrRefused(1);
            });
        }
        for (String method : List.of("GE T", "GET\r\nx: y", "G\0", "")) {
            rule("8.3.1", ":method " + method.replaceAll("\\p{Cntrl}", "?"), v -> {
                v.send(headers(1, WHOLE, v.head(method, "/")));
                v.isMalformedOrRefused(1);
            });
        }
        rule("8.3.1", "OPTIONS of the asterisk", v -> {
            v.send(headers(1, WHOLE, v.head("OPTIONS", "*")));
            v.serves(1);
        });
        rule("8.5", "CONNECT is not served", v -> {
            v.send(headers(1, END_HEADERS, fields(":method", "CONNECT", ":authority", v.name())));
            v.isRefused(1, 501);
        });
        rule("8.5", "CONNECT with :scheme and :path", v -> {
            v.send(headers(1, END_HEADERS, v.head("CONNECT", "/")));
            v.isRefused(1, 501);
        });
        rule("8.5", "CONNECT without :authority", v -> {
            v.send(headers(1, END_HEADERS, fields(":method", "CONNECT")));
            v.isMalformed(1);
        });
        rule("RFC 8441 4", "extended CONNECT without :path", v -> {
            v.send(headers(
                    1,
                    END_HEADERS,
                    fields(
                            ":method",
                            "CONNECT",
                            ":protocol",
                            "websocket",
                            ":scheme",
                            "https",
                            ":authority",
                            v.name())));
            v.isMalformed(1);
        });
        rule("RFC 8441 4", ":protocol of another method", v -> {
            v.send(headers(1, WHOLE, v.get(), fields(":protocol", "websocket")));
            v.isMalformedOrRefused(1);
        });
    }

    private void refused(String section, String name, Function<RawVisitor, byte[]> block) {
        rule(section, name, v -> {
            v.send(headers(1, WHOLE, block.apply(v)));
            v.isRefused(1, 400);
        });
    }

    private void block(String section, String name, Function<RawVisitor, byte[]> block) {
        rule("RFC 7541 " + section, name, v -> {
            v.send(headers(1, WHOLE, block.apply(v)));
            v.serves(1);
        });
    }

    private void badBlock(String section, String name, byte[] badBehind) {
        rule("RFC 7541 " + section, name, v -> {
            v.send(headers(1, WHOLE, v.get(), badBehind));
            v.ends(COMPRESSION_ERROR);
            assertThat(v.asked()).isZero();
        });
    }

    private void compression() {
        byte[] indexedGet = octets(0x82, 0x87, 0x84); // :method GET, :scheme https, :path /
        block("6.1", "fields by the static table's index", v -> bytes(indexedGet, fields(":authority", v.name())));
        for (int kind : new int[] {0x40, 0x00, 0x10}) {
            String how = kind == 0x40 ? "with indexing" : kind == 0 ? "without indexing" : "never indexed";
            block("6.2", "a literal " + how, v -> bytes(v.get(), literal(kind, "x-test", "ok")));
            block(
                    "6.2",
                    "a literal " + how + ", its name by index",
                    v -> bytes(v.get(), integer(kind, kind == 0x40 ? 6 : 4, 58), string("agent"))); // user-agent
            block(
                    "5.2",
                    "a literal " + how + " in Huffman's code",
                    v -> bytes(v.get(), octets(kind), string("x-test"), octets(0x82, 0x3f, 0x5f)));
        }
        rule("RFC 7541 2.3.3", "a field by the dynamic table's index", v -> {
            v.send(headers(1, WHOLE, v.get(), literal(0x40, "x-test", "ok")));
            v.serves(1);
            v.send(headers(3, WHOLE, v.get(), octets(0x80 | 62)));
            v.serves(3);
        });
        block(
                "4.2",
                "a table of another size at the beginning",
                v -> bytes(integer(0x20, 5, 0), integer(0x20, 5, 4_096), v.get()));
        block(
                "5.1",
                "an integer in more bytes than it needs",
                v -> bytes(v.get(), octets(0x00), string("x-test"), octets(0x7f, 0x81, 0x00), ascii("a".repeat(128))));
        badBlock("2.3.3", "an index beyond the tables", octets(0x80 | 70));
        badBlock("2.3.3", "a literal whose name is beyond the tables", bytes(integer(0x40, 6, 70), string("x")));
        badBlock("6.1", "index 0", octets(0x80));
        badBlock("4.2", "a table of another size at the end", integer(0x20, 5, 1));
        rule("RFC 7541 6.3", "a table that is larger than it may be", v -> {
            v.send(headers(1, WHOLE, integer(0x20, 5, 4_097), v.get())).ends(COMPRESSION_ERROR);
            assertThat(v.asked()).isZero();
        });
        badBlock("5.1", "an integer that is too large", octets(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f));
        badBlock("5.1", "an integer that does not end", octets(0xff, 0x80));
        badBlock("5.2", "a string longer than its block", octets(0x00, 0x01, 'x', 0x7f, 0x10, 'a'));
        // Huffman: "1" is 00001, "0" is 00000, EOS thirty ones.
        badBlock(
                "5.2",
                "padding of Huffman's code that is longer than 7 bits",
                bytes(octets(0x00), string("x-test"), octets(0x82, 0x0f, 0xff)));
        badBlock(
                "5.2",
                "padding of Huffman's code that is not of EOS",
                bytes(octets(0x00), string("x-test"), octets(0x81, 0x08)));
        badBlock(
                "5.2",
                "EOS in Huffman's code",
                bytes(octets(0x00), string("x-test"), octets(0x85, 0x0f, 0xff, 0xff, 0xff, 0xff)));
    }
}
