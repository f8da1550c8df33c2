package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2GoAwayFrame;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/**
 * A stream of an {@link Http2TargetConnection}. Its channel is read by hand, a frame at a time, and what is not read is not granted
 * again; what is written and not granted makes it unwritable.
 */
final class Http2Target extends ChannelInboundHandlerAdapter implements Target {
    private final Http2TargetConnection connection;
    private final boolean reused;
    private final long beginNanos;

    private @Nullable ChannelHandlerContext context;
    private @Nullable Exchange exchange;
    private @Nullable Http2Headers head; // of the request, until it is known whether anything follows
    private @Nullable ChannelFuture requestEnd;
    private @Nullable Throwable cause;
    private @Nullable Deadline lastWrite;
    private String webSocketKey = "";
    private boolean toHead;
    private boolean connect; // RFC 8441
    private boolean upgraded;
    private boolean answered; // the head that is not of 1xx
    private boolean empty; // what must have no content
    private long length = -1; // of the content, as the head says; -1 when it does not
    private long come; // of the content
    private boolean ended; // nothing more is to come
    private boolean untouched; // the target has done nothing about the request
    private boolean gone;

    Http2Target(Http2TargetConnection connection, boolean reused) {
        this.connection = connection;
        this.reused = reused;
        beginNanos = connection.nanoTime();
    }

    private ChannelHandlerContext ctx() {
        ChannelHandlerContext c = context;
        if (c == null) {
            throw new IllegalStateException("not in a pipeline");
        }
        return c;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        ctx.channel().config().setAutoRead(false);
    }

    // ---- of the exchange ----

    @Override
    public @Nullable Refusal objection(Asked asked) {
        return Http2Requests.isWebSocket(asked.upgrade()) && !connection.takesConnect()
                ? new Refusal(
                        HttpResponseStatus.NOT_IMPLEMENTED,
                        "The server behind " + asked.host()
                                + " is spoken to in HTTP/2, and does not take WebSockets that way (RFC 8441).")
                : null;
    }

    @Override
    public boolean isReused() {
        return reused;
    }

    @Override
    public void boundTo(Channel visitor) {
        connection.boundTo(visitor);
    }

    @Override
    public Channel connection() {
        return connection.channel();
    }

    @Override
    public boolean hasPath() {
        return connection.hasPath();
    }

    @Override
    public void serve(Exchange next, boolean head) {
        exchange = next;
        toHead = head;
    }

    @Override
    public boolean isWritable() {
        ChannelHandlerContext c = context;
        return c != null && c.channel().isWritable();
    }

    @Override
    public void write(Object message) {
        if (gone) {
            ReferenceCountUtil.release(message);
        } else if (message instanceof HttpRequest request) {
            connect = Http2Requests.isWebSocket(request.headers().get(HttpHeaderNames.UPGRADE));
            String key = request.headers().get("Sec-WebSocket-Key");
            webSocketKey = key == null ? "" : key;
            head = Http2Requests.toTarget(request, connect);
        } else if (message instanceof LastHttpContent last) {
            end(last);
        } else if (message instanceof HttpContent content) {
            data(content.content());
        } else {
            data((ByteBuf) message);
        }
    }

    private void data(ByteBuf bytes) {
        writeHead(false);
        if (bytes.isReadable()) {
            ctx().write(new DefaultHttp2DataFrame(bytes));
        } else {
            bytes.release();
        }
    }

    private void end(LastHttpContent last) {
        if (connect) {
            last.release(); // of the request for the upgrade, not of what follows
            return;
        }
        boolean trailed = !last.trailingHeaders().isEmpty();
        if (head != null && !trailed && !last.content().isReadable()) {
            last.release();
            writeHead(true);
            return;
        }
        writeHead(false);
        if (last.content().isReadable() || !trailed) {
            requestEnd = ctx().write(new DefaultHttp2DataFrame(last.content(), !trailed));
        } else {
            last.release();
        }
        if (trailed) {
            requestEnd = ctx().write(new DefaultHttp2HeadersFrame(Http2Fields.of(last.trailingHeaders()), true));
        }
    }

    private void writeHead(boolean ends) {
        Http2Headers h = head;
        if (h != null) {
            head = null;
            ChannelFuture written = ctx().write(new DefaultHttp2HeadersFrame(h, ends));
            written.addListener(w -> {
                if (!w.isSuccess() && cause == null) {
                    cause = w.cause();
                }
            });
            if (ends) {
                requestEnd = written;
            }
        }
    }

    @Override
    public void flush() {
        if (!gone) {
            writeHead(false);
            ctx().flush();
        }
    }

    @Override
    public void read() {
        if (!gone) {
            ctx().read();
        }
    }

    @Override
    public void upgrade() {
        upgraded = true;
    }

    @Override
    public void done(boolean keep) {
        exchange = null;
        ChannelFuture e = requestEnd;
        if (!gone && (e == null || !e.isDone())) {
            ctx().writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.CANCEL)); // the target has had enough of it
        }
        close();
    }

    @Override
    public void close() {
        exchange = null;
        Deadline d = lastWrite;
        if (d != null) {
            d.end();
        }
        ChannelHandlerContext c = context;
        if (c != null && !gone) {
            connection.reset();
            c.close(); // with RST_STREAM, unless both sides have ended
        }
    }

    @Override
    public void closeWhenWritten() {
        exchange = null;
        if (gone) {
            return;
        }
        Deadline d = new Deadline(ctx().channel().eventLoop(), this::close);
        lastWrite = d;
        d.set(Http1Target.LAST_WRITE_SECONDS);
        ctx().writeAndFlush(new DefaultHttp2DataFrame(true)).addListener(written -> close());
    }

    // ---- of the target ----

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        Exchange e = exchange;
        if (e == null || ended) {
            ReferenceCountUtil.release(msg);
        } else if (msg instanceof Http2HeadersFrame fields) {
            try {
                if (!answered) {
                    head(e, fields);
                } else {
                    trailers(e, fields);
                }
            } catch (IllegalArgumentException malformed) {
                broken(malformed);
            }
        } else if (msg instanceof Http2DataFrame data) {
            data(e, data);
        } else {
            ReferenceCountUtil.release(msg);
        }
    }

    private void head(Exchange e, Http2HeadersFrame fields) {
        HttpResponse response = Http2Fields.response(fields.headers());
        HttpStatusClass kind = response.status().codeClass();
        if (kind == HttpStatusClass.INFORMATIONAL) {
            if (fields.isEndStream() || response.status().code() == HttpResponseStatus.SWITCHING_PROTOCOLS.code()) {
                throw new IllegalArgumentException("no answer behind one of 1xx");
            }
            e.answerHead(response);
            return;
        }
        answered = true;
        if (connect && kind == HttpStatusClass.SUCCESS) {
            Http2Fields.toSwitching(response, webSocketKey);
            e.answerHead(response);
            if (fields.isEndStream()) {
                bytesEnd();
            }
            return;
        }
        empty = toHead
                || response.status().code() == HttpResponseStatus.NO_CONTENT.code()
                || response.status().code() == HttpResponseStatus.NOT_MODIFIED.code();
        length = empty ? -1 : HttpUtil.getContentLength(response, -1L);
        if (fields.isEndStream() && length > 0) {
            throw new IllegalArgumentException("no content where the head says some");
        }
        e.answerHead(response);
        if (fields.isEndStream()) {
            answerEnd(LastHttpContent.EMPTY_LAST_CONTENT);
        }
    }

    private void trailers(Exchange e, Http2HeadersFrame fields) {
        if (!fields.isEndStream() || upgraded) {
            throw new IllegalArgumentException("fields within content");
        }
        answerEnd(Http2Fields.trailers(fields.headers()));
    }

    private void data(Exchange e, Http2DataFrame data) {
        ByteBuf bytes = data.content();
        if (!answered || empty && bytes.isReadable()) {
            bytes.release();
            broken(new IllegalArgumentException("content without a head that has any"));
        } else if (upgraded) {
            e.bytesFromTarget(bytes);
            if (data.isEndStream()) {
                bytesEnd();
            }
        } else if (data.isEndStream()) {
            come += bytes.readableBytes();
            answerEnd(new DefaultLastHttpContent(bytes));
        } else {
            come += bytes.readableBytes();
            e.answerContent(new DefaultHttpContent(bytes));
        }
    }

    /** The codec looks at lengths too, but not where nothing has come: it knows of no HEAD. */
    private void answerEnd(LastHttpContent last) {
        if (length >= 0 && come != length) {
            last.release();
            broken(new IllegalArgumentException("content of another length than the head says"));
            return;
        }
        ended = true;
        Exchange e = exchange;
        if (e != null) {
            e.answerContent(last);
        } else {
            last.release();
        }
    }

    private void bytesEnd() {
        ended = true;
        Exchange e = exchange;
        exchange = null;
        if (e != null) {
            e.targetEnded(null, false);
        }
        close();
    }

    private void broken(Throwable why) {
        cause = why;
        if (!gone) {
            ctx().writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.PROTOCOL_ERROR));
        }
        Exchange e = exchange;
        if (e != null) {
            e.notHttp();
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        Exchange e = exchange;
        if (e != null) {
            e.targetReadComplete();
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        Exchange e = exchange;
        if (e != null) {
            e.targetWritable();
        }
    }

    /** The end of the stream is told behind what has come before it. */
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof Http2ResetFrame reset) {
            Http2Error error = Http2Error.valueOf(reset.errorCode());
            cause = new StreamReset(error == null ? Http2Error.INTERNAL_ERROR : error);
            if (error == Http2Error.REFUSED_STREAM) { // RFC 9113 8.7
                untouched = true;
                connection.retire();
            }
        } else if (event instanceof Http2GoAwayFrame) { // whose last stream is before this one
            untouched = true;
        }
        ReferenceCountUtil.release(event);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        untouched |= ((Http2StreamChannel) ctx.channel()).stream().id() < 0; // it never went out
        gone(connection.cause());
    }

    /** It has ended, or never begun. */
    void gone(@Nullable Throwable why) {
        if (gone) {
            return;
        }
        gone = true;
        Deadline d = lastWrite;
        if (d != null) {
            d.end();
        }
        Exchange e = exchange;
        exchange = null;
        connection.closed(answered ? null : beginNanos);
        if (e != null) {
            Throwable known = cause == null ? why : cause;
            e.targetEnded(known == null && untouched ? new StreamReset(Http2Error.REFUSED_STREAM) : known, untouched);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable problem) {
        if (cause == null) {
            cause = problem;
        }
        ctx.close();
    }
}
