package dev.culvert.gateway.web;

import dev.culvert.address.AddressText;
import dev.culvert.tunnel.flow.Relay;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An HTTP/1.1 connection of a browser: one exchange after another, in the order of the requests. */
final class Http1Front extends ChannelInboundHandlerAdapter implements Front {
    private static final Logger log = LoggerFactory.getLogger(Http1Front.class);

    /** For a whole head, from its first byte; and from the beginning of the connection to the first. */
    static final long HEAD_SECONDS = 15;

    /** Between an answer and the next request; what browsers wait for, too. */
    static final long KEEP_ALIVE_SECONDS = 60;

    /**
     * How long input is read and thrown away behind the last answer, when more of it may come: a connection that is closed
     * with input unread is reset, and the answer with it.
     */
    static final long LINGER_SECONDS = 2;

    /** Requests on one connection, so that none lives for ever; as many as nginx takes. */
    static final int MAX_REQUESTS = 1_000;

    private enum State {
        /** Between requests. */
        WAITING,
        EXCHANGING,
        UPGRADED,
        /** Nothing more is said. */
        CLOSING
    }

    private final Sites sites;
    private final Browser browser;
    private final RequestDecoder decoder = new RequestDecoder(this::headBegins);
    private final ResponseEncoder encoder = new ResponseEncoder();

    private @Nullable ChannelHandlerContext context;
    private @Nullable Deadline deadline;
    private @Nullable Rest rest;
    private @Nullable Exchange exchange;
    private @Nullable ChannelFuture written; // the end of the last answer
    private State state = State.WAITING;
    private boolean headBegun;
    private boolean toHead;
    private boolean is11;
    private boolean last; // no request follows
    private boolean requestEnded;
    private int requests;

    Http1Front(Sites sites, Browser browser) {
        this.sites = sites;
        this.browser = browser;
    }

    RequestDecoder decoder() {
        return decoder;
    }

    ResponseEncoder encoder() {
        return encoder;
    }

    private ChannelHandlerContext ctx() {
        ChannelHandlerContext c = context;
        if (c == null) {
            throw new IllegalStateException("not in a pipeline");
        }
        return c;
    }

    private Deadline deadline() {
        Deadline d = deadline;
        if (d == null) {
            throw new IllegalStateException("not in a pipeline");
        }
        return d;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        deadline = new Deadline(ctx.channel().eventLoop(), this::expired);
        rest = Rest.of(ctx.channel());
        ctx.channel().config().setAutoRead(false);
        if (ctx.channel().isActive()) {
            begin();
        }
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        begin();
    }

    private void begin() {
        rests(HEAD_SECONDS);
        ctx().read();
    }

    private void rests(long seconds) {
        deadline().set(seconds);
        Rest r = rest;
        if (r != null) {
            r.begin(loop().ticker().nanoTime());
        }
    }

    private void headBegins() {
        Rest r = rest;
        if (r != null && !r.end()) {
            state = State.CLOSING; // somebody else has its place already
            ctx().close();
            return;
        }
        headBegun = true;
        deadline().set(HEAD_SECONDS);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        Exchange e = exchange;
        if (msg instanceof HttpRequest request) {
            if (state == State.WAITING) {
                exchange(request);
            }
        } else if (e == null) {
            ReferenceCountUtil.release(msg); // of a request that has been answered
        } else if (msg instanceof HttpContent content) {
            requestEnded |= content instanceof LastHttpContent;
            e.requestContent(content);
            if (requestEnded) {
                ctx.read(); // once, so that it is seen when the browser goes away
            }
        } else if (msg instanceof ByteBuf bytes) {
            e.bytesFromBrowser(bytes);
        } else {
            ReferenceCountUtil.release(msg);
        }
    }

    private void exchange(HttpRequest request) {
        state = State.EXCHANGING;
        headBegun = false;
        requestEnded = false;
        deadline().clear();
        is11 = !request.protocolVersion().equals(HttpVersion.HTTP_1_0);
        toHead = HttpMethod.HEAD.equals(request.method());
        last = ++requests >= MAX_REQUESTS
                || !HttpUtil.isKeepAlive(request)
                || request.decoderResult().isFailure();
        Exchange e = new Exchange(this, sites, browser, request);
        exchange = e;
        e.begin();
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        Exchange e = exchange;
        if (state == State.CLOSING || state == State.WAITING && ctx.channel().isWritable()) {
            ctx.read();
        } else if (e != null) {
            e.browserReadComplete();
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        Exchange e = exchange;
        if (e != null) {
            e.browserWritable();
        } else if (state == State.WAITING) {
            next();
        }
    }

    // ---- of the exchange ----

    @Override
    public boolean speaksHttp2() {
        return false;
    }

    @Override
    public EventLoop loop() {
        return ctx().channel().eventLoop();
    }

    @Override
    public Channel connection() {
        return ctx().channel();
    }

    @Override
    public boolean isWritable() {
        return ctx().channel().isWritable();
    }

    @Override
    public void wantRequest() {
        ctx().read();
        if (state == State.UPGRADED) {
            if (ctx().pipeline().context(decoder) != null) {
                ctx().pipeline().remove(decoder); // which hands on what it still holds
            }
        } else if (decoder.isInBody()) {
            resume();
        }
    }

    private void resume() {
        try {
            decoder.resume(ctx().pipeline().context(decoder));
        } catch (Exception e) {
            ctx().fireExceptionCaught(e);
        }
    }

    @Override
    public void inform(HttpResponse head) {
        ctx().writeAndFlush(head, ctx().voidPromise());
    }

    @Override
    public void answer(HttpResponse head, boolean mayHaveBody) {
        encoder.toHead(toHead);
        boolean framed = !mayHaveBody || head.headers().contains(HttpHeaderNames.CONTENT_LENGTH);
        if (!framed && is11) {
            head.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
        }
        // What is left of the request when it has been answered is not worth reading.
        last |= !framed && !is11
                || decoder.isInBody()
                || decoder.isDiscarding()
                || head.headers().contains(HttpHeaderNames.CONNECTION);
        if (last) {
            head.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        } else if (!is11) {
            head.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.KEEP_ALIVE);
        }
        ctx().write(head, ctx().voidPromise());
    }

    @Override
    public void content(HttpContent content) {
        if (content instanceof LastHttpContent) {
            written = ctx().write(content);
        } else {
            ctx().write(content, ctx().voidPromise());
        }
    }

    @Override
    public void upgrade(HttpResponse head) {
        state = State.UPGRADED;
        ctx().writeAndFlush(head, ctx().voidPromise());
        ctx().pipeline().remove(encoder);
    }

    @Override
    public void bytes(ByteBuf bytes) {
        ctx().write(bytes, ctx().voidPromise());
    }

    @Override
    public void flush() {
        ctx().flush();
    }

    @Override
    public void ended(boolean requestRead) {
        exchange = null;
        if (!ctx().channel().isActive()) {
            return;
        }
        if (state == State.UPGRADED || last) {
            close(requestRead);
            return;
        }
        ctx().flush();
        if (ctx().channel().isActive()) {
            state = State.WAITING; // not before: the flush may make it writable
            untilNext();
            next();
        }
    }

    /** The time between requests begins when the answer has been taken. */
    private void untilNext() {
        ChannelFuture w = written;
        if (w == null || w.isDone()) {
            rests(KEEP_ALIVE_SECONDS);
            return;
        }
        deadline().set(Patience.WRITE_SECONDS);
        w.addListener(f -> {
            if (state == State.WAITING && written == w && !headBegun) {
                rests(KEEP_ALIVE_SECONDS);
            }
        });
    }

    /** Who sends requests without reading the answers is not served before he does. */
    private void next() {
        if (ctx().channel().isWritable()) {
            resume();
        }
        if (state == State.WAITING && ctx().channel().isWritable()) {
            ctx().read();
        }
    }

    private void close(boolean requestRead) {
        boolean linger = state != State.UPGRADED && !requestRead;
        state = State.CLOSING;
        decoder.discard();
        deadline().set(Patience.WRITE_SECONDS);
        ctx().writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(written -> {
            if (linger && written.isSuccess()) {
                deadline().set(LINGER_SECONDS);
                ctx().read();
            } else {
                ctx().close();
            }
        });
    }

    @Override
    public void abort(Http2Error error) {
        exchange = null;
        state = State.CLOSING;
        decoder.discard();
        Relay.reset(ctx().channel());
    }

    // ---- ends ----

    private void expired() {
        if (state == State.WAITING && headBegun) {
            log.debug("{} has not sent a whole request in time", AddressText.of(browser.address()));
        }
        ctx().close();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            // A browser that only wants to read: it is given its answer, if it has asked.
            if (state == State.EXCHANGING && requestEnded) {
                last = true;
            } else {
                ctx.close();
            }
        } else {
            ctx.fireUserEventTriggered(event);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        gone();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        gone();
    }

    private void gone() {
        Exchange e = exchange;
        exchange = null;
        state = State.CLOSING;
        deadline().end();
        if (e != null) {
            e.browserEnded();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        log.debug("closing {}: {}", AddressText.of(browser.address()), cause.toString());
        ctx.close();
    }
}
