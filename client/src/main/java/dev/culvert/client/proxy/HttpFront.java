package dev.culvert.client.proxy;

import dev.culvert.client.forward.SocketSplice;
import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.text.Printable;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.Relay;
import dev.culvert.tunnel.frame.Destination;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A client that speaks HTTP to the proxy: CONNECT becomes a stream of bytes; each other request goes on over a flow of its own, one after
 * the other, and of the client no more is read than one read brings while its turn has not come. Event loop only.
 */
final class HttpFront extends ChannelInboundHandlerAdapter implements HttpExchange.Client {
    /** Between two requests, until the next has come. */
    static final Duration KEEP_ALIVE = Duration.ofSeconds(60);

    /** After the last answer, until the client has closed, too: it may still send, and would be reset. */
    static final Duration LINGER = Duration.ofSeconds(2);

    /** Where browsers find how to use this. */
    static final String CONFIGURATION = "/proxy.pac";

    private static final HttpResponseStatus ESTABLISHED = HttpResponseStatus.valueOf(200, "Connection established");

    private enum State {
        /** The next request is to come. */
        IDLE,
        /** One is under way, and more of it to come. */
        BODY,
        /** One is under way, and is all here. */
        ANSWERING,
        /** What comes is bytes for the far side. */
        TUNNEL,
        CLOSING
    }

    private final ProxySettings settings;
    private final Deadline deadline;
    private final HttpCodecs.RequestDecoder decoder = new HttpCodecs.RequestDecoder();
    private final HttpCodecs.ResponseEncoder encoder = new HttpCodecs.ResponseEncoder();
    private final Queue<Object> waiting = new ArrayDeque<>();
    private State state = State.IDLE;
    private @Nullable ChannelHandlerContext context;
    private @Nullable HttpExchange exchange;
    private @Nullable FlowTarget target; // of the last request
    private boolean oldClient; // HTTP/1.0
    private boolean keepsAlive;
    private boolean answerBegun;
    private boolean inputEnded;
    private boolean processing;

    private HttpFront(ProxySettings settings, Channel channel) {
        this.settings = settings;
        this.deadline = new Deadline(channel.eventLoop(), channel::close);
    }

    /**
     * Serves what comes.
     *
     * @param first by which the first request must have come: ended here
     */
    static void install(ChannelPipeline pipeline, ProxySettings settings, Deadline first) {
        HttpFront front = new HttpFront(settings, pipeline.channel());
        pipeline.addLast(front.decoder, front.encoder, front);
        first.end();
        front.deadline.set(ProxyFront.HANDSHAKE);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
    }

    private ChannelHandlerContext ctx() {
        ChannelHandlerContext c = context;
        if (c == null) {
            throw new IllegalStateException("not in a pipeline");
        }
        return c;
    }

    // ---- what the client says ----

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (state == State.TUNNEL && msg instanceof ByteBuf) {
            ctx.fireChannelRead(msg);
        } else if (state == State.TUNNEL || state == State.CLOSING) {
            ReferenceCountUtil.release(msg);
        } else {
            waiting.add(msg);
            if (msg instanceof HttpRequest request && request.method().equals(HttpMethod.CONNECT)) {
                process(); // what comes behind it in the same read is not HTTP any more
            }
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (state == State.CLOSING) {
            ctx.read();
        } else if (state != State.TUNNEL) {
            process();
        }
    }

    /** Takes what is its turn. */
    private void process() {
        if (processing) {
            return; // whoever does goes on
        }
        processing = true;
        while (!waiting.isEmpty() && takes()) {
            take(waiting.remove());
        }
        processing = false;
        if (state == State.TUNNEL || state == State.CLOSING) {
            waiting.forEach(ReferenceCountUtil::release);
            waiting.clear();
        } else if (waiting.isEmpty()) {
            if (!inputEnded) {
                ctx().read();
            } else if (state != State.ANSWERING) {
                ctx().close(); // in the middle of a request, or between two
            }
        }
    }

    private boolean takes() {
        HttpExchange e = exchange;
        return state == State.IDLE || state == State.BODY && e != null && e.takes();
    }

    private void take(Object msg) {
        if (state == State.IDLE && msg instanceof HttpRequest request) {
            request(request);
            if (msg instanceof LastHttpContent) {
                ReferenceCountUtil.release(msg); // malformed, and so refused
            }
        } else if (state == State.BODY && msg instanceof HttpContent content && exchange != null) {
            if (content.decoderResult().isFailure()) {
                content.release();
                abort();
                return;
            }
            if (content instanceof LastHttpContent) {
                state = State.ANSWERING;
            }
            exchange.send(content);
        } else {
            ReferenceCountUtil.release(msg);
        }
    }

    private void request(HttpRequest request) {
        deadline.end();
        answerBegun = false;
        encoder.toHead(request.method().equals(HttpMethod.HEAD));
        oldClient = !request.protocolVersion().equals(HttpVersion.HTTP_1_1);
        keepsAlive = !oldClient && HttpUtil.isKeepAlive(request);
        try {
            ProxyRequest asked = ProxyRequest.of(request);
            Credentials credentials = settings.credentials();
            String shown = request.headers().get(HttpHeaderNames.PROXY_AUTHORIZATION);
            Destination to = asked.destination();
            if (to == null) {
                own(request);
            } else if (credentials != null && !credentials.match(shown)) {
                unknown(shown != null);
            } else if (asked.onward() == null) {
                tunnel(to);
            } else {
                state = State.BODY;
                target = new FlowTarget(null, to);
                HttpExchange begun = HttpExchange.begin(
                        ctx().channel().eventLoop(),
                        handler -> settings.destinations().open(to, source(), handler),
                        asked.onward(),
                        this);
                if (state == State.BODY) {
                    exchange = begun;
                }
            }
        } catch (ProxyRequest.Unfit e) {
            answer(e.status(), String.valueOf(e.getMessage()));
        }
    }

    private @Nullable InetSocketAddress source() {
        return ctx().channel().remoteAddress() instanceof InetSocketAddress inet ? inet : null;
    }

    /** Of the proxy itself. */
    private void own(HttpRequest request) {
        boolean reads =
                request.method().equals(HttpMethod.GET) || request.method().equals(HttpMethod.HEAD);
        if (reads && request.uri().equals(CONFIGURATION)) {
            String script = settings.configuration().apply(ctx().channel().localAddress());
            answer(HttpResponseStatus.OK, script, "application/x-ns-proxy-autoconfig");
        } else {
            answer(
                    HttpResponseStatus.NOT_FOUND,
                    "this is a proxy: let your browser use it as one, or read its configuration from " + CONFIGURATION);
        }
    }

    private void unknown(boolean wrong) {
        if (wrong) {
            state = State.CLOSING;
            ctx().executor()
                    .schedule(this::unauthenticated, ProxySettings.WRONG_PASSWORD_MILLIS, TimeUnit.MILLISECONDS);
        } else {
            unauthenticated();
        }
    }

    private void unauthenticated() {
        FullHttpResponse response = response(
                HttpResponseStatus.PROXY_AUTHENTICATION_REQUIRED, "this proxy wants a password\n", "text/plain");
        response.headers().set(HttpHeaderNames.PROXY_AUTHENTICATE, "Basic realm=\"culvert\"");
        close(response);
    }

    private void tunnel(Destination to) {
        state = State.TUNNEL;
        Channel channel = ctx().channel();
        SocketSplice.begin(
                channel, handler -> settings.destinations().open(to, source(), handler), new SocketSplice.Outcome() {
                    @Override
                    public void opened(LinkFlow flow) {
                        channel.pipeline().remove(encoder);
                        channel.pipeline().remove(HttpFront.this);
                        channel.writeAndFlush(
                                ByteBufUtil.writeAscii(
                                        channel.alloc(), HttpVersion.HTTP_1_1 + " " + ESTABLISHED + "\r\n\r\n"),
                                channel.voidPromise());
                    }

                    @Override
                    public void refused(FlowException why) {
                        refuse(new FlowTarget(null, to), why);
                    }
                });
        channel.pipeline().remove(decoder); // which passes on what it has
    }

    // ---- what the target says ----

    @Override
    public void ready() {
        process();
    }

    @Override
    public void head(HttpResponse head, boolean last) {
        if (!last) {
            if (!oldClient) {
                ctx().write(
                                new DefaultHttpResponse(
                                        HttpVersion.HTTP_1_1, head.status(), ProxyHeaders.forwarded(head.headers())),
                                ctx().voidPromise());
                ctx().writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT, ctx().voidPromise());
            }
            return;
        }
        answerBegun = true;
        HttpResponse out =
                new DefaultHttpResponse(HttpVersion.HTTP_1_1, head.status(), ProxyHeaders.forwarded(head.headers()));
        boolean empty = encoder.isContentAlwaysEmpty(head);
        if (!empty && !out.headers().contains(HttpHeaderNames.CONTENT_LENGTH)) {
            if (oldClient) {
                keepsAlive = false;
            } else {
                out.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
            }
        }
        if (!keepsAlive) {
            out.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        }
        ctx().write(out, ctx().voidPromise());
    }

    @Override
    public void content(HttpContent content) {
        if (content instanceof LastHttpContent last && !last.trailingHeaders().isEmpty()) {
            last.trailingHeaders()
                    .clear(); // they are for who asked for them, which goes no further than to us (RFC 9110 6.5.1)
        }
        ctx().write(content, ctx().voidPromise());
        if (exchange != null && !ctx().channel().isWritable()) {
            exchange.reads(false);
        }
    }

    @Override
    public void flush() {
        ctx().flush();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (exchange != null) {
            exchange.reads(ctx.channel().isWritable());
        }
        ctx.fireChannelWritabilityChanged();
    }

    @Override
    public void ended() {
        exchange = null;
        if (state == State.ANSWERING && keepsAlive && !inputEnded) {
            state = State.IDLE;
            ctx().flush();
            deadline.set(KEEP_ALIVE);
            process();
        } else {
            close(Unpooled.EMPTY_BUFFER); // also when the request is not all here: what comes of it cannot be told
            // from another
        }
    }

    @Override
    public void failed(FlowException why) {
        exchange = null;
        if (answerBegun) {
            abort();
        } else {
            refuse(target, why);
        }
    }

    private void refuse(@Nullable FlowTarget to, FlowException why) {
        String words = to == null ? String.valueOf(why.getMessage()) : to.why(why);
        settings.complaints().say(words);
        answer(Refusals.http(why.reason()), Printable.line(words));
    }

    // ---- ends ----

    private void answer(HttpResponseStatus status, String text) {
        answer(status, text + "\n", "text/plain; charset=utf-8");
    }

    private void answer(HttpResponseStatus status, String body, String type) {
        close(response(status, body, type));
    }

    private static FullHttpResponse response(HttpResponseStatus status, String body, String type) {
        FullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1, status, Unpooled.copiedBuffer(body, StandardCharsets.UTF_8));
        response.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, type)
                .set(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes())
                .set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE)
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        return response;
    }

    /** Writes the last that there is to say, and waits a moment for the client to have it before the connection goes. */
    private void close(Object last) {
        state = State.CLOSING;
        exchange = null;
        Channel channel = ctx().channel();
        deadline.set(LINGER);
        ctx().writeAndFlush(last).addListener(written -> {
            if (written.isSuccess() && !inputEnded && channel instanceof DuplexChannel duplex) {
                duplex.shutdownOutput();
                channel.read();
            } else {
                channel.close();
            }
        });
    }

    /** Half of an answer must not look like one. */
    private void abort() {
        state = State.CLOSING;
        HttpExchange e = exchange;
        exchange = null;
        if (e != null) {
            e.abort();
        }
        Relay.reset(ctx().channel());
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event != ChannelInputShutdownEvent.INSTANCE) {
            return;
        }
        inputEnded = true;
        if (state == State.TUNNEL) {
            ctx.fireUserEventTriggered(event);
        } else if (state == State.CLOSING) {
            ctx.close();
        } else {
            process();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        gone();
        ctx.fireChannelInactive();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        gone();
    }

    private void gone() {
        deadline.end();
        HttpExchange e = exchange;
        exchange = null;
        if (e != null) {
            e.abort();
        }
        waiting.forEach(ReferenceCountUtil::release);
        waiting.clear();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }
}
