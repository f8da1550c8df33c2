package dev.culvert.gateway.web;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.regex.Pattern;

/**
 * Whether a chunked body is written as RFC 9112 7.1 has it. The codec is more lenient with sizes, extensions and folded trailers, and what is
 * before or behind us may read those in yet another way. Looks only: the lines of a body, of which each is seen once; what chunks
 * hold is skipped.
 */
final class ChunkedSyntax {
    /** Longest line with a chunk's size: nobody needs extensions. */
    static final int MAX_SIZE_LINE = 1 << 10;

    private static final String TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";

    /** As many digits as a size of 64 bits has; with extensions, each of which may have a value. */
    private static final Pattern SIZE =
            Pattern.compile("[0-9A-Fa-f]{1,16}(?:[ \\t]*+;[ \\t]*+" + TOKEN + "(?:[ \\t]*+=[ \\t]*+(?:" + TOKEN
                    + "|\"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*+\"))?)*+");

    private static final Pattern TRAILER = Pattern.compile(TOKEN + ":[\\t -~\\x80-\\xff]*+");

    private enum Part {
        SIZE,
        CONTENT,
        /** The line's end behind a chunk. */
        END,
        TRAILERS,
        OVER
    }

    private final StringBuilder line = new StringBuilder(); // what has come of one
    private Part part = Part.SIZE;
    private long left; // of a chunk
    private int trailers;
    private int trailerBytes;

    /**
     * Looks at what has come and was not looked at yet. The buffer is left as it is.
     *
     * @param from where that begins
     * @return where the body ends, or what is there of it
     * @throws Refusal when it is malformed
     */
    int look(ByteBuf in, int from) throws Refusal {
        int at = from;
        int end = in.writerIndex();
        while (at < end && part != Part.OVER) {
            if (part == Part.CONTENT) {
                int n = (int) Math.min(left, end - at);
                left -= n;
                at += n;
                part = left == 0 ? Part.END : Part.CONTENT;
            } else {
                int most = Math.min(end - at, bound() - line.length());
                int lf = in.indexOf(at, at + most, (byte) '\n');
                int n = lf < 0 ? most : lf + 1 - at;
                line.append(in.toString(at, n, ISO_8859_1));
                at += n;
                if (lf >= 0) {
                    lineEnds();
                } else if (line.length() >= bound()) {
                    throw malformed("a line of its chunks or trailers is too long");
                }
            }
        }
        return at;
    }

    private void lineEnds() throws Refusal {
        int length = line.length() - 2;
        if (length < 0 || line.charAt(length) != '\r') {
            throw malformed("a line ends without a carriage return");
        }
        String text = line.substring(0, length);
        line.setLength(0);
        whole(text);
    }

    private int bound() {
        return switch (part) {
            case SIZE -> MAX_SIZE_LINE;
            case END -> 2;
            default -> RequestDecoder.MAX_HEAD - trailerBytes;
        };
    }

    private void whole(String text) throws Refusal {
        switch (part) {
            case SIZE -> {
                if (!SIZE.matcher(text).matches()) {
                    throw malformed("a chunk's size is not well-formed");
                }
                left = size(text);
                part = left == 0 ? Part.TRAILERS : Part.CONTENT;
            }
            case END -> {
                if (!text.isEmpty()) {
                    throw malformed("a chunk is longer than its size");
                }
                part = Part.SIZE;
            }
            default -> {
                trailerBytes += text.length() + 2;
                if (text.isEmpty()) {
                    part = Part.OVER;
                } else if (++trailers > RequestDecoder.MAX_LINES) {
                    throw malformed("it has too many trailers");
                } else if (!TRAILER.matcher(text).matches()) {
                    throw malformed("a trailer is not well-formed");
                }
            }
        }
    }

    private static long size(String line) throws Refusal {
        int end = 0;
        while (end < line.length() && Character.digit(line.charAt(end), 16) >= 0) {
            end++;
        }
        long size = Long.parseUnsignedLong(line, 0, end, 16);
        if (size < 0) {
            throw malformed("a chunk is larger than any may be");
        }
        return size;
    }

    private static Refusal malformed(String what) {
        return new Refusal(HttpResponseStatus.BAD_REQUEST, "The body of the request is malformed: " + what + ".");
    }
}
