package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.RawHttp2.ACK;
import static dev.culvert.gateway.web.RawHttp2.CONTINUATION;
import static dev.culvert.gateway.web.RawHttp2.DATA;
import static dev.culvert.gateway.web.RawHttp2.END_HEADERS;
import static dev.culvert.gateway.web.RawHttp2.END_STREAM;
import static dev.culvert.gateway.web.RawHttp2.GOAWAY;
import static dev.culvert.gateway.web.RawHttp2.HEADERS;
import static dev.culvert.gateway.web.RawHttp2.HEADER_TABLE_SIZE;
import static dev.culvert.gateway.web.RawHttp2.INITIAL_WINDOW_SIZE;
import static dev.culvert.gateway.web.RawHttp2.LARGEST_FRAME;
import static dev.culvert.gateway.web.RawHttp2.PING;
import static dev.culvert.gateway.web.RawHttp2.PREFACE;
import static dev.culvert.gateway.web.RawHttp2.RST_STREAM;
import static dev.culvert.gateway.web.RawHttp2.SETTINGS;
import static dev.culvert.gateway.web.RawHttp2.WINDOW_UPDATE;
import static dev.culvert.gateway.web.RawHttp2.fields;
import static dev.culvert.gateway.web.RawHttp2.frame;
import static dev.culvert.gateway.web.RawHttp2.headers;
import static dev.culvert.gateway.web.RawHttp2.settings;
import static dev.culvert.gateway.web.RawHttp2.windowUpdate;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.RawHttp2.Field;
import dev.culvert.gateway.web.RawHttp2.Frame;
import dev.culvert.gateway.web.StrictRequests.Request;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** One in HTTP/2, begun with prior knowledge: frames by RFC 9113, fields by RFC 7541, without tables that grow. */
final class StrictHttp2Target implements StrictServer {
    private static final int WINDOW = 65_535;

    private final List<Request> whole = new ArrayList<>();
    private final RawFrames frames = new RawFrames();
    private final Map<Integer, Stream> streams = new TreeMap<>();
    private final ByteArrayOutputStream block = new ByteArrayOutputStream();
    private byte[] preface = {};
    private boolean greeted;
    private boolean settled;
    private int last; // stream
    private int begun;
    private int within; // the stream whose block is not whole; 0 for none
    private boolean blockEnds;
    private long window = WINDOW;
    private int initialWindow = WINDOW;
    private ByteArrayOutputStream out = new ByteArrayOutputStream();

    private static final class Stream {
        final int id;
        final String method;
        final String path;
        final List<String> fields;
        final StringBuilder body = new StringBuilder();
        boolean ended; // by the other end
        boolean answered;
        long window;
        byte[] left = {}; // of the answer

        Stream(int id, String method, String path, List<String> fields, long window) {
            this.id = id;
            this.method = method;
            this.path = path;
            this.fields = fields;
            this.window = window;
        }
    }

    @Override
    public List<Request> whole() {
        return whole;
    }

    @Override
    public int begun() {
        return begun;
    }

    @Override
    public byte[] hear(byte[] more) {
        byte[] rest = more;
        if (!greeted) {
            greeted = true;
            out.writeBytes(settings(HEADER_TABLE_SIZE, 0));
        }
        if (preface.length < PREFACE.length) {
            int n = Math.min(more.length, PREFACE.length - preface.length);
            preface = RawHttp2.bytes(preface, Arrays.copyOf(more, n));
            assertThat(preface).isEqualTo(Arrays.copyOf(PREFACE, preface.length));
            rest = Arrays.copyOfRange(more, n, more.length);
        }
        for (Frame frame : frames.of(rest)) {
            assertThat(frame.payload().length).isLessThanOrEqualTo(LARGEST_FRAME);
            if (!settled) {
                assertThat(frame.type()).as("the first frame").isEqualTo(SETTINGS);
                settled = true;
            }
            if (within > 0) {
                assertThat(frame.type()).isEqualTo(CONTINUATION);
                assertThat(frame.stream()).isEqualTo(within);
            }
            read(frame);
        }
        byte[] said = out.toByteArray();
        out = new ByteArrayOutputStream();
        return said;
    }

    private void read(Frame frame) {
        switch (frame.type()) {
            case HEADERS -> {
                assertThat(frame.flags() & ~(END_STREAM | END_HEADERS)).isZero();
                block.reset();
                within = frame.stream();
                blockEnds = frame.has(END_STREAM);
                more(frame);
            }
            case CONTINUATION -> {
                assertThat(within).isPositive();
                more(frame);
            }
            case DATA -> data(frame);
            case SETTINGS -> settingsOf(frame);
            case PING -> {
                if (!frame.has(ACK)) {
                    out.writeBytes(frame(PING, ACK, 0, frame.payload()));
                }
            }
            case WINDOW_UPDATE -> granted(frame);
            case RST_STREAM -> {
                assertThat(frame.payload()).hasSize(4);
                assertThat(frame.stream()).isBetween(1, last);
                streams.remove(frame.stream());
            }
            case GOAWAY -> assertThat(frame.stream()).isZero();
            default -> throw new AssertionError("a frame of type " + frame.type());
        }
    }

    private void more(Frame frame) {
        block.writeBytes(frame.payload());
        if (frame.has(END_HEADERS)) {
            int id = within;
            within = 0;
            List<Field> fields = RawHttp2.fieldsOf(block.toByteArray());
            Stream known = streams.get(id);
            if (known != null) {
                trailers(known, fields);
            } else {
                head(id, fields);
            }
        }
    }

    private void head(int id, List<Field> all) {
        assertThat(id % 2).isEqualTo(1);
        assertThat(id).as("a new stream").isGreaterThan(last);
        last = id;
        Map<String, String> pseudo = new HashMap<>();
        List<String> fields = new ArrayList<>();
        for (Field field : all) {
            if (field.name().startsWith(":")) {
                assertThat(fields).as("before %s", field).isEmpty();
                assertThat(pseudo.put(field.name(), field.value()))
                        .as("%s before", field)
                        .isNull();
            } else {
                check(field);
                fields.add(field.name() + ": " + field.value());
            }
        }
        assertThat(pseudo.keySet()).isEqualTo(Set.of(":method", ":scheme", ":authority", ":path"));
        assertThat(pseudo.get(":scheme")).isEqualTo("http");
        assertThat(pseudo.get(":authority")).matches("[0-9A-Za-z._:\\[\\]-]+");
        assertThat(fields).noneMatch(f -> f.startsWith("host:"));
        String method = pseudo.getOrDefault(":method", "");
        String path = pseudo.getOrDefault(":path", "");
        assertThat(method + " " + path + " HTTP/1.1").matches(StrictRequests.LINE);
        fields.add("host: " + pseudo.get(":authority"));
        begun++;
        Stream stream = new Stream(id, method, path, fields, initialWindow);
        streams.put(id, stream);
        if (blockEnds) {
            ended(stream);
        } else if (path.startsWith(RawVisitor.EARLY)) {
            answer(stream);
        }
    }

    private static void check(Field field) {
        assertThat(field.name()).matches("[!#$%&'*+.^_`|~0-9a-z-]+");
        assertThat(field.value()).matches("([!-~\\x80-\\xff]([\\t\\x20-\\x7e\\x80-\\xff]*[!-~\\x80-\\xff])?)?");
        assertThat(Http2Fields.OF_HTTP1).doesNotContain(field.name());
        if (field.name().equals("te")) {
            assertThat(field.value()).isEqualTo("trailers");
        }
        StrictRequests.isNoneThatACgiProgramMistakes(field.name() + ":");
    }

    private void trailers(Stream stream, List<Field> all) {
        assertThat(stream.ended).isFalse();
        assertThat(blockEnds).as("trailers are the end").isTrue();
        assertThat(all).noneMatch(f -> f.name().startsWith(":"));
        all.forEach(StrictHttp2Target::check);
        ended(stream);
    }

    private void data(Frame frame) {
        assertThat(frame.flags() & ~END_STREAM).isZero();
        assertThat(frame.stream()).isBetween(1, last);
        int n = frame.payload().length;
        if (n > 0) {
            out.writeBytes(windowUpdate(0, n));
        }
        Stream stream = streams.get(frame.stream());
        if (stream == null) {
            return; // on its way when it was answered
        }
        assertThat(stream.ended).isFalse();
        stream.body.append(frame.text());
        if (frame.has(END_STREAM)) {
            ended(stream);
        } else if (n > 0) {
            out.writeBytes(windowUpdate(frame.stream(), n));
        }
    }

    private void ended(Stream stream) {
        stream.ended = true;
        Request request =
                new Request(stream.method + " " + stream.path + " HTTP/2", stream.fields, stream.body.toString());
        List<String> lengths = request.values("content-length");
        assertThat(lengths).hasSizeLessThan(2);
        if (!lengths.isEmpty()) {
            assertThat(lengths.get(0)).isEqualTo(Integer.toString(stream.body.length()));
        }
        whole.add(request);
        if (stream.answered) {
            streams.remove(stream.id);
        } else if (!stream.path.startsWith(RawVisitor.HOLD)) {
            answer(stream);
        }
    }

    private void answer(Stream stream) {
        stream.answered = true;
        String content = StrictServer.content(stream.path);
        boolean toHead = stream.method.equals("HEAD");
        out.writeBytes(headers(
                stream.id,
                toHead ? RawHttp2.WHOLE : END_HEADERS,
                fields(":status", "200", ANSWERS, stream.path, "content-length", Integer.toString(content.length()))));
        if (toHead) {
            streams.remove(stream.id);
        } else {
            stream.left = content.getBytes(StandardCharsets.ISO_8859_1);
            send(stream);
        }
    }

    private void send(Stream stream) {
        while (stream.left.length > 0 && Math.min(window, stream.window) > 0) {
            int n = (int) Math.min(Math.min(stream.left.length, LARGEST_FRAME), Math.min(window, stream.window));
            byte[] piece = Arrays.copyOf(stream.left, n);
            stream.left = Arrays.copyOfRange(stream.left, n, stream.left.length);
            window -= n;
            stream.window -= n;
            out.writeBytes(frame(DATA, stream.left.length == 0 ? END_STREAM : 0, stream.id, piece));
        }
        if (stream.answered && stream.left.length == 0 && stream.ended) {
            streams.remove(stream.id);
        }
    }

    private void granted(Frame frame) {
        assertThat(frame.payload()).hasSize(4);
        assertThat(frame.number()).isPositive();
        if (frame.stream() == 0) {
            window += frame.number();
        } else {
            assertThat(frame.stream()).isBetween(1, last);
            Stream stream = streams.get(frame.stream());
            if (stream != null) {
                stream.window += frame.number();
            }
        }
        List.copyOf(streams.values()).forEach(this::send);
    }

    private void settingsOf(Frame frame) {
        assertThat(frame.stream()).isZero();
        if (frame.has(ACK)) {
            assertThat(frame.payload()).isEmpty();
            return;
        }
        assertThat(frame.payload().length % 6).isZero();
        ByteBuffer all = ByteBuffer.wrap(frame.payload());
        while (all.hasRemaining()) {
            int what = all.getShort();
            int value = all.getInt();
            if (what == INITIAL_WINDOW_SIZE) {
                int change = value - initialWindow;
                initialWindow = value;
                streams.values().forEach(s -> s.window += change);
            }
        }
        out.writeBytes(frame(SETTINGS, ACK, 0));
    }
}
