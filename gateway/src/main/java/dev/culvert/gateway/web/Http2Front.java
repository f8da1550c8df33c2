package dev.culvert.gateway.web;

import dev.culvert.address.AddressText;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A stream of HTTP/2: one exchange. Its channel is read by hand, a frame at a time: what is not read is not granted again, so that
 * its window is the bound. Only ever on its event loop (netty#17600: a stream whose autoRead is changed elsewhere may stall).
 */
final class Http2Front extends ChannelInboundHandlerAdapter implements Front {
    private static final Logger log = LoggerFactory.getLogger(Http2Front.class);

    /** How long a browser may take to end its side of a stream that is over. */
    static final long LINGER_SECONDS = 10;

    private final Sites sites;
    private final Browser browser;
    private final Http2Received received;
    private @Nullable ChannelHandlerContext context;
    private @Nullable Deadline lastWrite;
    private @Nullable Exchange exchange;
    private @Nullable Http2Headers head; // of the answer, until it is known whether anything follows
    private @Nullable ChannelFuture written;
    private boolean begun;
    private boolean connect; // RFC 8441
    private boolean upgraded;
    private boolean inputEnded;
    private boolean lingers; // all is said, and the browser's end is waited for

    /** @param received is told of each piece of a body that is read */
    Http2Front(Sites sites, Browser browser, Http2Received received) {
        this.sites = sites;
        this.browser = browser;
        this.received = received;
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

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        ctx.read();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (msg instanceof Http2HeadersFrame head) {
            if (!begun) {
                begin(head);
            } else {
                trailers(head);
            }
        } else if (msg instanceof Http2DataFrame data) {
            received.read(data);
            data(data.content(), data.isEndStream());
        } else {
            ReferenceCountUtil.release(msg);
        }
    }

    private void begin(Http2HeadersFrame head) {
        begun = true;
        connect = Http2Requests.isExtendedConnect(head.headers());
        Exchange e =
                new Exchange(this, sites, browser, Http2Requests.of(head.headers(), head.isEndStream() && !connect));
        exchange = e;
        e.begin();
        if (head.isEndStream() && exchange == e) {
            e.requestContent(LastHttpContent.EMPTY_LAST_CONTENT);
        }
    }

    private void trailers(Http2HeadersFrame frame) {
        Exchange e = exchange;
        if (e == null) {
            return;
        }
        if (!frame.isEndStream() || upgraded) {
            reset(Http2Error.PROTOCOL_ERROR);
            return;
        }
        try {
            e.requestContent(Http2Fields.trailers(frame.headers()));
        } catch (IllegalArgumentException malformed) {
            reset(Http2Error.PROTOCOL_ERROR);
        }
    }

    private void data(ByteBuf bytes, boolean ends) {
        Exchange e = exchange;
        inputEnded |= ends;
        if (e == null) {
            bytes.release();
            if (lingers && ends) {
                ctx().close();
            } else if (lingers) {
                ctx().read();
            }
        } else if (!upgraded) {
            e.requestContent(ends ? new DefaultLastHttpContent(bytes) : new DefaultHttpContent(bytes));
        } else {
            e.bytesFromBrowser(bytes);
            if (ends) {
                e.browserSaidAll();
            }
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        Exchange e = exchange;
        if (e != null) {
            e.browserReadComplete();
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        Exchange e = exchange;
        if (e != null) {
            e.browserWritable();
        }
    }

    // ---- of the exchange ----

    @Override
    public boolean speaksHttp2() {
        return true;
    }

    @Override
    public EventLoop loop() {
        return ctx().channel().eventLoop();
    }

    @Override
    public Channel connection() {
        return ctx().channel().parent();
    }

    @Override
    public boolean isWritable() {
        return ctx().channel().isWritable();
    }

    @Override
    public void wantRequest() {
        ctx().read();
    }

    @Override
    public void inform(HttpResponse head) {
        ctx().writeAndFlush(new DefaultHttp2HeadersFrame(Http2Fields.of(head.status(), head.headers()), false));
    }

    @Override
    public void answer(HttpResponse head, boolean mayHaveBody) {
        HttpResponseStatus status = head.status();
        // To CONNECT a success would mean that the target has switched.
        boolean lies = connect && status.code() / 100 == 2;
        this.head = Http2Fields.of(lies ? HttpResponseStatus.BAD_GATEWAY : status, head.headers());
    }

    @Override
    public void content(HttpContent content) {
        HttpHeaders trailers = content instanceof LastHttpContent last ? last.trailingHeaders() : null;
        boolean ends = trailers != null;
        boolean trailed = trailers != null && !trailers.isEmpty();
        boolean empty = !content.content().isReadable();
        if (head != null && ends && empty && !trailed) { // which is what gRPC calls Trailers-Only
            content.release();
            writeHead(true);
            return;
        }
        writeHead(false);
        if (!empty || ends && !trailed) {
            written = ctx().write(new DefaultHttp2DataFrame(content.content(), ends && !trailed));
        } else {
            content.release();
        }
        if (trailers != null && trailed) {
            written = ctx().write(new DefaultHttp2HeadersFrame(Http2Fields.of(trailers), true));
        }
    }

    private void writeHead(boolean ends) {
        Http2Headers h = head;
        if (h != null) {
            head = null;
            written = ctx().write(new DefaultHttp2HeadersFrame(h, ends));
        }
    }

    @Override
    public void upgrade(HttpResponse head) {
        upgraded = true;
        head.headers().remove("Sec-WebSocket-Accept");
        ctx().writeAndFlush(new DefaultHttp2HeadersFrame(Http2Fields.of(HttpResponseStatus.OK, head.headers()), false));
    }

    @Override
    public void bytes(ByteBuf bytes) {
        ctx().write(new DefaultHttp2DataFrame(bytes));
    }

    @Override
    public void flush() {
        writeHead(false);
        ctx().flush();
    }

    @Override
    public void ended(boolean requestRead) {
        exchange = null;
        ChannelHandlerContext ctx = ctx();
        if (!ctx.channel().isActive()) {
            return;
        }
        ChannelFuture last = upgraded ? ctx.write(new DefaultHttp2DataFrame(true)) : written;
        Deadline deadline = new Deadline(loop(), ctx::close);
        lastWrite = deadline;
        deadline.set(Patience.WRITE_SECONDS);
        ctx.flush();
        if (last != null) {
            last.addListener(f -> {
                if (upgraded && !inputEnded) {
                    // Closing would reset the stream, and a browser forgets what it has not read of one that is. It
                    // ends its
                    // side when it has (a WebSocket that was closed), or the deadline does.
                    lingers = true;
                    deadline.set(LINGER_SECONDS);
                    ctx.read();
                    return;
                }
                deadline.end();
                if (!requestRead) {
                    reset(Http2Error.NO_ERROR); // RFC 9113 8.1: the rest of the request is not wanted
                } else {
                    ctx.close();
                }
            });
        }
    }

    @Override
    public void abort(Http2Error error) {
        exchange = null;
        reset(error);
    }

    private void reset(Http2Error error) {
        if (ctx().channel().isActive()) {
            ctx().writeAndFlush(new DefaultHttp2ResetFrame(error));
            ctx().close();
        }
    }

    // ---- ends ----

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof Http2ResetFrame) {
            gone();
            // Not now: the codec does not know it as closed yet, and would answer with a reset (RFC 9113 5.4.2).
            loop().execute(ctx::close);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        Deadline d = lastWrite;
        if (d != null) {
            d.end();
        }
        gone();
    }

    private void gone() {
        Exchange e = exchange;
        exchange = null;
        if (e != null) {
            e.browserEnded();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        log.debug("closing a stream of {}: {}", AddressText.of(browser.address()), cause.toString());
        if (!(cause instanceof Http2Exception.StreamException)) { // which it is reset with behind this
            ctx.close();
        }
    }
}
