package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Frames and field blocks of HTTP/2 byte by byte (RFC 9113 4.1, RFC 7541): also such as no codec would write. */
public final class RawHttp2 {
    public static final int DATA = 0;
    public static final int HEADERS = 1;
    public static final int PRIORITY = 2;
    public static final int RST_STREAM = 3;
    public static final int SETTINGS = 4;
    public static final int PUSH_PROMISE = 5;
    public static final int PING = 6;
    public static final int GOAWAY = 7;
    public static final int WINDOW_UPDATE = 8;
    public static final int CONTINUATION = 9;
    public static final int UNKNOWN = 0x42;

    public static final int ACK = 1;
    public static final int END_STREAM = 1;
    public static final int END_HEADERS = 4;
    public static final int PADDED = 8;
    public static final int WITH_PRIORITY = 0x20;
    public static final int WHOLE = END_HEADERS | END_STREAM;

    public static final int NO_ERROR = 0;
    public static final int PROTOCOL_ERROR = 1;
    public static final int INTERNAL_ERROR = 2;
    public static final int FLOW_CONTROL_ERROR = 3;
    public static final int STREAM_CLOSED = 5;
    public static final int FRAME_SIZE_ERROR = 6;
    public static final int REFUSED_STREAM = 7;
    public static final int CANCEL = 8;
    public static final int COMPRESSION_ERROR = 9;
    public static final int ENHANCE_YOUR_CALM = 11;

    public static final int HEADER_TABLE_SIZE = 1;
    public static final int ENABLE_PUSH = 2;
    public static final int MAX_CONCURRENT_STREAMS = 3;
    public static final int INITIAL_WINDOW_SIZE = 4;
    public static final int MAX_FRAME_SIZE = 5;

    public static final int LARGEST_FRAME = 1 << 14;

    public static final byte[] PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private RawHttp2() {}

    public record Frame(int type, int flags, int stream, byte[] payload) {
        public boolean has(int flag) {
            return (flags & flag) != 0;
        }

        public int number() {
            return ByteBuffer.wrap(payload).getInt();
        }

        /** Of GOAWAY. */
        public int error() {
            return ByteBuffer.wrap(payload).getInt(4);
        }

        public String text() {
            return new String(payload, StandardCharsets.ISO_8859_1);
        }
    }

    public static byte[] bytes(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    public static byte[] octets(int... values) {
        byte[] all = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            all[i] = (byte) values[i];
        }
        return all;
    }

    public static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    public static byte[] number(long value) {
        return ByteBuffer.allocate(4).putInt((int) value).array();
    }

    public static byte[] frame(int type, int flags, int stream, byte[]... payload) {
        byte[] all = bytes(payload);
        return ByteBuffer.allocate(9 + all.length)
                .put((byte) (all.length >> 16))
                .putShort((short) all.length)
                .put((byte) type)
                .put((byte) flags)
                .putInt(stream)
                .put(all)
                .array();
    }

    /** Pairs of identifier and value. */
    public static byte[] settings(long... pairs) {
        ByteBuffer all = ByteBuffer.allocate(3 * pairs.length);
        for (int i = 0; i < pairs.length; i += 2) {
            all.putShort((short) pairs[i]).putInt((int) pairs[i + 1]);
        }
        return frame(SETTINGS, 0, 0, all.array());
    }

    public static byte[] headers(int stream, int flags, byte[]... block) {
        return frame(HEADERS, flags, stream, block);
    }

    public static byte[] data(int stream, int flags, String text) {
        return frame(DATA, flags, stream, ascii(text));
    }

    public static byte[] reset(int stream, int error) {
        return frame(RST_STREAM, 0, stream, number(error));
    }

    public static byte[] windowUpdate(int stream, long increment) {
        return frame(WINDOW_UPDATE, 0, stream, number(increment));
    }

    public static byte[] goAway(int last, int error) {
        return frame(GOAWAY, 0, 0, number(last), number(error));
    }

    // ---- RFC 7541 ----

    /** Literals without indexing, of names and values in turn. */
    public static byte[] fields(String... namesAndValues) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            out.writeBytes(literal(0x00, namesAndValues[i], namesAndValues[i + 1]));
        }
        return out.toByteArray();
    }

    /** @param kind its first byte: 0x40 with, 0x00 without indexing, 0x10 never */
    public static byte[] literal(int kind, String name, String value) {
        return bytes(octets(kind), string(name), string(value));
    }

    public static byte[] string(String text) {
        return bytes(integer(0, 7, text.length()), ascii(text));
    }

    /** 5.1: behind the bits of its first byte that are said. */
    public static byte[] integer(int first, int prefix, int value) {
        int most = (1 << prefix) - 1;
        if (value < most) {
            return octets(first | value);
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(first | most);
        int left = value - most;
        while (left >= 0x80) {
            out.write(left & 0x7f | 0x80);
            left >>= 7;
        }
        out.write(left);
        return out.toByteArray();
    }

    /** Appendix A: names and values in turn, from index 1 on. */
    private static final String[] STATIC_TABLE = {
        ":authority",
        "",
        ":method",
        "GET",
        ":method",
        "POST",
        ":path",
        "/",
        ":path",
        "/index.html",
        ":scheme",
        "http",
        ":scheme",
        "https",
        ":status",
        "200",
        ":status",
        "204",
        ":status",
        "206",
        ":status",
        "304",
        ":status",
        "400",
        ":status",
        "404",
        ":status",
        "500",
        "accept-charset",
        "",
        "accept-encoding",
        "gzip, deflate",
        "accept-language",
        "",
        "accept-ranges",
        "",
        "accept",
        "",
        "access-control-allow-origin",
        "",
        "age",
        "",
        "allow",
        "",
        "authorization",
        "",
        "cache-control",
        "",
        "content-disposition",
        "",
        "content-encoding",
        "",
        "content-language",
        "",
        "content-length",
        "",
        "content-location",
        "",
        "content-range",
        "",
        "content-type",
        "",
        "cookie",
        "",
        "date",
        "",
        "etag",
        "",
        "expect",
        "",
        "expires",
        "",
        "from",
        "",
        "host",
        "",
        "if-match",
        "",
        "if-modified-since",
        "",
        "if-none-match",
        "",
        "if-range",
        "",
        "if-unmodified-since",
        "",
        "last-modified",
        "",
        "link",
        "",
        "location",
        "",
        "max-forwards",
        "",
        "proxy-authenticate",
        "",
        "proxy-authorization",
        "",
        "range",
        "",
        "referer",
        "",
        "refresh",
        "",
        "retry-after",
        "",
        "server",
        "",
        "set-cookie",
        "",
        "strict-transport-security",
        "",
        "transfer-encoding",
        "",
        "user-agent",
        "",
        "vary",
        "",
        "via",
        "",
        "www-authenticate",
        "",
    };

    public record Field(String name, String value) {}

    /** What an encoder that was granted no table has written; of a string in Huffman's code only that it is one. */
    public static List<Field> fieldsOf(byte[] block) {
        List<Field> all = new ArrayList<>();
        ByteBuffer in = ByteBuffer.wrap(block);
        skipTableSizes(in);
        while (in.hasRemaining()) {
            all.add(field(in));
        }
        return all;
    }

    private static void skipTableSizes(ByteBuffer in) {
        while (in.hasRemaining() && (in.get(in.position()) & 0xe0) == 0x20) {
            integer(in, in.get(), 5);
        }
    }

    private static Field field(ByteBuffer in) {
        int first = in.get() & 0xff;
        if (first >= 0x80) {
            int index = 2 * (integer(in, first, 7) - 1);
            return new Field(STATIC_TABLE[index], STATIC_TABLE[index + 1]);
        }
        assertThat(first & 0xe0).as("a table's size between fields").isNotEqualTo(0x20);
        int index = integer(in, first, first >= 0x40 ? 6 : 4);
        String name = index == 0 ? string(in) : STATIC_TABLE[2 * (index - 1)];
        return new Field(name, string(in));
    }

    private static int integer(ByteBuffer in, int first, int prefix) {
        int most = (1 << prefix) - 1;
        int value = first & most;
        for (int shift = 0; value >= most && shift < 28; shift += 7) {
            int b = in.get();
            value += (b & 0x7f) << shift;
            if (b >= 0) {
                break;
            }
        }
        return value;
    }

    private static String string(ByteBuffer in) {
        int first = in.get() & 0xff;
        byte[] text = new byte[integer(in, first, 7)];
        in.get(text);
        return first >= 0x80 ? "huffman-" + text.length : new String(text, StandardCharsets.ISO_8859_1);
    }

    /** The status of an answer whose encoder was granted no table; 0 when it does not begin with one. */
    public static int status(byte[] block) {
        ByteBuffer in = ByteBuffer.wrap(block);
        skipTableSizes(in);
        Field first = in.hasRemaining() ? field(in) : new Field("", "");
        return first.name().equals(":status") ? Integer.parseInt(first.value()) : 0;
    }
}
