package dev.culvert.gateway.web;

import static dev.culvert.gateway.web.RawHttp2.ACK;
import static dev.culvert.gateway.web.RawHttp2.CONTINUATION;
import static dev.culvert.gateway.web.RawHttp2.DATA;
import static dev.culvert.gateway.web.RawHttp2.END_STREAM;
import static dev.culvert.gateway.web.RawHttp2.GOAWAY;
import static dev.culvert.gateway.web.RawHttp2.HEADERS;
import static dev.culvert.gateway.web.RawHttp2.PING;
import static dev.culvert.gateway.web.RawHttp2.PREFACE;
import static dev.culvert.gateway.web.RawHttp2.RST_STREAM;
import static dev.culvert.gateway.web.RawHttp2.SETTINGS;
import static dev.culvert.gateway.web.RawHttp2.WHOLE;
import static dev.culvert.gateway.web.RawHttp2.fields;
import static dev.culvert.gateway.web.RawHttp2.frame;
import static dev.culvert.gateway.web.RawHttp2.headers;
import static dev.culvert.gateway.web.RawHttp2.settings;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.RawHttp2.Frame;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A visitor's end of a connection in HTTP/2, frame by frame. The target's answer to any path but those of {@link #HOLD} is {@link #ANSWER}.
 */
public abstract class RawVisitor {
    /** Below it nothing is answered. */
    public static final String HOLD = "/hold";

    /** Below it {@link #LARGE_BYTES} are. */
    public static final String LARGE = "/large";

    /** Below it an answer does not wait for the request's end. */
    public static final String EARLY = "/early";

    public static final int LARGE_BYTES = 1 << 20;

    public static final String ANSWER = "hello";

    private final String name;
    private final List<Frame> heard = new ArrayList<>();
    private final RawFrames frames = new RawFrames();
    private int looked;
    private int pings;

    /** @param name of the site, as requests say it */
    protected RawVisitor(String name) {
        this.name = name;
    }

    /** Sends bytes; nothing when the connection is closed. */
    protected abstract void write(byte[] bytes);

    /** What has come, when something has; null at the end, or when nothing more will come. */
    protected abstract byte @Nullable [] read();

    /** Whether the other end has closed the connection; asked when {@link #read} has given null. */
    protected abstract boolean isClosed();

    /** This visitor's requests that have come whole at the target. */
    public abstract int asked();

    /** So many requests come at the target before long, and no more. */
    public abstract void hasAsked(int n);

    /** The preface and empty settings, but that answers are to be compressed without a table. */
    public final RawVisitor begin() {
        return send(PREFACE, settings(RawHttp2.HEADER_TABLE_SIZE, 0));
    }

    public final RawVisitor send(byte[]... frames) {
        write(RawHttp2.bytes(frames));
        return this;
    }

    /** The fields that a request has to have. */
    public final byte[] head(String method, String path) {
        return fields(":method", method, ":scheme", "https", ":authority", name, ":path", path);
    }

    public final byte[] get() {
        return head("GET", "/");
    }

    public final byte[] post() {
        return head("POST", "/");
    }

    /** A request that is not answered, so that its stream stays. */
    public final byte[] held() {
        return head("POST", HOLD);
    }

    public final String name() {
        return name;
    }

    /** The next frame that was not looked at; null at the end. */
    public final @Nullable Frame next() {
        while (looked == heard.size()) {
            byte[] more = read();
            if (more == null) {
                return null;
            }
            heard.addAll(frames.of(more));
        }
        return heard.get(looked++);
    }

    /** The first such frame of those that were not looked at; what comes before it stays looked at. */
    public final Frame await(String what, Predicate<Frame> wanted) {
        for (Frame f = next(); f != null; f = next()) {
            if (wanted.test(f)) {
                return f;
            }
        }
        throw new AssertionError("no " + what + ", but " + told());
    }

    private String told() {
        StringBuilder text = new StringBuilder();
        for (Frame f : heard) {
            text.append("\n  type ").append(f.type()).append(" stream ").append(f.stream());
            if (f.type() == GOAWAY) {
                text.append(" error ").append(f.error());
            } else if (f.type() == RST_STREAM) {
                text.append(" error ").append(f.number());
            } else if (f.type() == HEADERS) {
                text.append(" status ").append(RawHttp2.status(f.payload()));
            }
        }
        return text + (isClosed() ? "\n  the end" : "");
    }

    // ---- what is expected ----

    /** A connection error (5.4.1): GOAWAY with one of these codes, and the end. */
    public final void ends(Integer... codes) {
        Frame said = await("GOAWAY", f -> f.type() == GOAWAY);
        assertThat(said.error()).as("GOAWAY").isIn((Object[]) codes);
        while (next() != null) {
            // what was on its way
        }
        assertThat(isClosed()).isTrue();
    }

    /** The same, but that nothing may have been said: to whom speaks no HTTP/2. */
    public final void isHungUp() {
        while (next() != null) {
            // whatever
        }
        assertThat(isClosed()).isTrue();
    }

    /** A stream error (5.4.2): RST_STREAM, and the connection goes on. */
    public final void resets(int stream, Integer... codes) {
        Frame said = await("RST_STREAM", f -> f.type() == RST_STREAM && f.stream() == stream);
        assertThat(said.number()).as("RST_STREAM").isIn((Object[]) codes);
        goesOn();
    }

    /** A malformed request (8.1.1): reset, and the target has not heard of it. */
    public final void isMalformed(int stream) {
        resets(stream, RawHttp2.PROTOCOL_ERROR);
        assertThat(asked()).isEqualTo(1); // what showed that it goes on
    }

    /** Whichever of both. */
    public final void isMalformedOrRefused(int stream) {
        Frame said = await(
                "RST_STREAM or answer", f -> f.stream() == stream && (f.type() == RST_STREAM || f.type() == HEADERS));
        if (said.type() == HEADERS) {
            assertThat(RawHttp2.status(said.payload())).isEqualTo(400);
        } else {
            assertThat(said.number()).isEqualTo(RawHttp2.PROTOCOL_ERROR);
        }
        assertThat(asked()).isZero();
        goesOn();
    }

    /** The same, answered (8.1.1). */
    public final void isRefused(int stream, int status) {
        Frame head = await("answer", f -> f.type() == HEADERS && f.stream() == stream);
        assertThat(RawHttp2.status(head.payload())).isEqualTo(status);
        assertThat(asked()).isZero();
        goesOn();
    }

    /** The whole answer to a request, as the target gave it. */
    public final void serves(int stream) {
        assertThat(answer(stream)).isEqualTo(ANSWER);
    }

    public final String answer(int stream) {
        Frame head = await("answer", f -> f.stream() == stream && (f.type() == HEADERS || f.type() == RST_STREAM));
        assertThat(head.type()).as("of %s", told()).isEqualTo(HEADERS);
        assertThat(RawHttp2.status(head.payload())).as("of %s", told()).isEqualTo(200);
        return head.has(END_STREAM) ? "" : content(stream);
    }

    private String content(int stream) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        boolean ends = false;
        while (!ends) {
            Frame piece =
                    await("content", f -> f.stream() == stream && f.type() != HEADERS && f.type() != CONTINUATION);
            assertThat(piece.type()).isEqualTo(DATA);
            all.writeBytes(piece.payload());
            ends = piece.has(END_STREAM);
        }
        return all.toString(StandardCharsets.ISO_8859_1);
    }

    /** What was sent had no effect on the connection: another request is served on it, by a stream that none of the rules uses. */
    public final void goesOn() {
        int stream = 1_001 + 2 * pings;
        send(headers(stream, WHOLE, get()));
        serves(stream);
        settle();
    }

    /** All that was sent has been looked at. */
    public final void settle() {
        byte[] payload = {1, 2, 3, 4, 5, 6, 7, (byte) ++pings};
        send(frame(PING, 0, 0, payload));
        await("PING", f -> f.type() == PING && f.has(ACK) && Arrays.equals(f.payload(), payload));
    }

    /** Settings of the visitor's are taken. */
    public final void acknowledged() {
        await("SETTINGS", f -> f.type() == SETTINGS && f.has(ACK));
    }
}
