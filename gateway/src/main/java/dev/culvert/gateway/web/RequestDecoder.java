package dev.culvert.gateway.web;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Decodes one request at a time: what comes behind it stays bytes until {@link #resume()}, and so does a body until it is
 * wanted. A head is parsed when it is whole, and only if all of its lines are what RFC 9112 calls well-formed: where others
 * could see another end of a line, a field or a request than we do, there is no request (request smuggling).
 */
final class RequestDecoder extends HttpRequestDecoder {
    /** Longest request line: longer ones are accepted nowhere on the way, either. */
    static final int MAX_LINE = 8 << 10;

    /** Most bytes of a head: cookies of one site may be 16 KiB and more. */
    static final int MAX_HEAD = 24 << 10;

    /** Most header lines: browsers send twenty, and each proxy a few more. */
    static final int MAX_LINES = 64;

    /** Some old clients send an empty line behind a body (RFC 9112 2.2). */
    private static final int MAX_EMPTY_LINES = 2;

    /** Largest piece of a body: what a TLS record holds, or one read. */
    private static final int MAX_PIECE = 64 << 10;

    private static final String LENGTH = "content-length:";

    /** Told when the first byte of a head has come. */
    private final Runnable onHead;

    private boolean open = true;
    private boolean inBody;
    private boolean discarding;
    private boolean reading;

    private @Nullable ChunkedSyntax chunked; // of the body; null for none
    private int checked; // bytes of it that were looked at and are still here

    // Of the head that is being looked through; an index is one from the reader index.
    private int looked;
    private int lineStart;
    private int lines;
    private int emptyLines;
    private int lengths;

    RequestDecoder(Runnable onHead) {
        super(new HttpDecoderConfig()
                .setMaxInitialLineLength(MAX_LINE)
                .setMaxHeaderSize(MAX_HEAD)
                .setMaxChunkSize(MAX_PIECE));
        this.onHead = onHead;
    }

    /** The next request, or more of the body, is wanted. */
    void resume(ChannelHandlerContext ctx) throws Exception {
        if (!open && !discarding) {
            open = true;
            if (!reading) { // else the decoder's loop goes on by itself
                channelRead(ctx, Unpooled.EMPTY_BUFFER);
                ctx.fireChannelReadComplete();
            }
        }
    }

    /** Whether more of the present request is to come. */
    boolean isInBody() {
        return inBody;
    }

    /** Whether what comes is thrown away: since {@link #discard()}, or something malformed. */
    boolean isDiscarding() {
        return discarding;
    }

    /** What comes is read and thrown away. */
    void discard() {
        discarding = true;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) throws Exception {
        boolean before = reading;
        reading = true;
        try {
            super.channelRead(ctx, msg);
        } finally {
            reading = before;
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
        if (open || discarding) {
            super.channelReadComplete(ctx); // reads on when nothing could be made of what was read
        } else {
            ctx.fireChannelReadComplete();
        }
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) throws Exception {
        if (discarding) {
            in.skipBytes(in.readableBytes());
            return;
        }
        if (!open) {
            return;
        }
        if (!inBody) {
            try {
                if (!headIsWhole(in)) {
                    return;
                }
            } catch (Refusal e) {
                HttpRequest none = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/");
                none.setDecoderResult(DecoderResult.failure(e));
                discard(in, none, out);
                return;
            }
        }
        ChunkedSyntax syntax = chunked;
        if (syntax != null) {
            try {
                checked = syntax.look(in, in.readerIndex() + checked) - in.readerIndex();
            } catch (Refusal e) {
                HttpContent none = new DefaultLastHttpContent(Unpooled.EMPTY_BUFFER);
                none.setDecoderResult(DecoderResult.failure(e));
                bodyEnds();
                discard(in, none, out);
                return;
            }
        }
        int before = out.size();
        int start = in.readerIndex();
        super.decode(ctx, in, out);
        checked -= syntax == null ? 0 : in.readerIndex() - start;
        for (int i = before; i < out.size(); i++) {
            Object o = out.get(i);
            if (o instanceof HttpRequest request) {
                inBody = true;
                open = false;
                chunked = HttpUtil.isTransferEncodingChunked(request) ? new ChunkedSyntax() : null;
                looked = lineStart = lines = emptyLines = lengths = 0;
            }
            if (o instanceof LastHttpContent) {
                bodyEnds();
            }
            if (o instanceof HttpRequest r && r.decoderResult().isFailure()
                    || o instanceof HttpContent c && c.decoderResult().isFailure()) {
                discarding = true;
            }
        }
    }

    private void bodyEnds() {
        inBody = false;
        open = false;
        chunked = null;
        checked = 0;
    }

    /** Hands on what tells that it is malformed, and nothing behind that. */
    private void discard(ByteBuf in, Object malformed, List<Object> out) {
        out.add(malformed);
        discarding = true;
        in.skipBytes(in.readableBytes());
    }

    @Override
    protected void decodeLast(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) throws Exception {
        if (!discarding && open) {
            super.decodeLast(ctx, in, out);
        }
    }

    @Override
    protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
        // RFC 9112 6.1: an attempt to smuggle, or a broken proxy.
        throw new IllegalArgumentException("both Transfer-Encoding and Content-Length");
    }

    private boolean headIsWhole(ByteBuf in) throws Refusal {
        int start = in.readerIndex();
        int end = in.writerIndex() - start;
        while (looked < end) {
            int b = in.getUnsignedByte(start + looked);
            if (looked == 0 && lines == 0) {
                onHead.run();
            }
            looked++;
            if (b == '\n') {
                if (looked < 2 || in.getByte(start + looked - 2) != '\r') {
                    throw malformed("a line ends without a carriage return");
                }
                int length = looked - 2 - lineStart;
                if (length == 0 && lines > 0) {
                    return true;
                }
                if (length > 0) {
                    line(in, start + lineStart, length);
                    lines++;
                } else if (++emptyLines > MAX_EMPTY_LINES) {
                    throw malformed("it begins with empty lines");
                }
                lineStart = looked;
            } else if (looked - 1 > lineStart && in.getByte(start + looked - 2) == '\r') {
                throw malformed("a carriage return is within a line");
            } else if (b < ' ' && b != '\t' && b != '\r' || b == 0x7f) {
                throw malformed("a control character is within its head");
            }
            if (lines == 0 && looked - lineStart > MAX_LINE) {
                throw new Refusal(
                        HttpResponseStatus.REQUEST_URI_TOO_LONG,
                        "The address of the request is longer than " + MAX_LINE + " bytes.");
            }
            if (looked > MAX_HEAD || lines > 1 + MAX_LINES) {
                throw new Refusal(
                        HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                        "The head of the request is larger than " + MAX_HEAD + " bytes or " + MAX_LINES
                                + " lines. Fewer or smaller cookies may help.");
            }
        }
        return false;
    }

    private void line(ByteBuf in, int start, int length) throws Refusal {
        int first = in.getUnsignedByte(start);
        if (first == ' ' || first == '\t') {
            throw malformed("a line begins with white space"); // RFC 9112 5.2: a fold
        }
        if (lines == 0) {
            int spaces = 0;
            int versionStart = 0;
            for (int i = start; i < start + length; i++) {
                int b = in.getUnsignedByte(i);
                if (b == ' ') {
                    spaces++;
                    versionStart = i + 1;
                }
                if (b < ' ' || b > '~') {
                    throw malformed("its first line has characters that are not allowed");
                }
            }
            if (spaces != 2
                    || !in.slice(versionStart, start + length - versionStart)
                            .toString(US_ASCII)
                            .startsWith("HTTP/")) {
                throw malformed("its first line is not a method, an address and a version");
            }
        } else if (isLength(in, start, length)) {
            if (++lengths > 1) {
                throw malformed("it has more than one Content-Length");
            }
            length(in, start + LENGTH.length(), start + length);
        }
    }

    private static boolean isLength(ByteBuf in, int start, int length) {
        if (length < LENGTH.length()) {
            return false;
        }
        for (int i = 0; i < LENGTH.length(); i++) {
            if (Character.toLowerCase((char) in.getByte(start + i)) != LENGTH.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private static void length(ByteBuf in, int from, int to) throws Refusal {
        int start = from;
        int end = to;
        while (start < end && isSpace(in.getByte(start))) {
            start++;
        }
        while (start < end && isSpace(in.getByte(end - 1))) {
            end--;
        }
        boolean good = start < end;
        for (int i = start; i < end; i++) {
            good &= in.getByte(i) >= '0' && in.getByte(i) <= '9';
        }
        if (!good) {
            throw malformed("its Content-Length is not a number");
        }
    }

    private static boolean isSpace(byte b) {
        return b == ' ' || b == '\t';
    }

    private static Refusal malformed(String what) {
        return new Refusal(HttpResponseStatus.BAD_REQUEST, "The request is malformed: " + what + ".");
    }
}
