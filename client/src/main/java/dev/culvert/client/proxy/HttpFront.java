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
import io.netty.handler.codec.http.DefaultHttpResponse;
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
    /** Between two requests: from when the client's system has all of an answer until the next request has come. */
    static final Duration KEEP_ALIVE = Duration.ofSeconds(60);

    /** After the client's system has all of the last answer, until it has closed, too: it may still send, and would be reset. */
    static final Duration LINGER = Duration.ofSeconds(2);

    /**
     * Of a request: until more of it comes; and, once its client sends no more and so may be gone, until more of its answer comes. A
     * client that takes its answer slowly is waited for.
     */
    static final Duration PROGRESS = Duration.ofSeconds(60);

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
    private int requests; // so far

    private HttpFront(ProxySettings settings, Channel channel) {
        this.settings = settings;
        this.deadline = new Deadline(channel.eventLoop(), this::expired);
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
            } else if (state == State.IDLE) {
                close(Unpooled.EMPTY_BUFFER);
            } else if (state == State.BODY) {
                state = State.CLOSING; // in the middle of a request
                ctx().close();
            }
        }
        watch();
    }

    /** There was progress, or it is another who is waited for. The target may take its time while somebody surely waits for it. */
    private void watch() {
        if (state == State.BODY || state == State.ANSWERING) {
            boolean hasSaidAll = inputEnded && ctx().channel().isWritable();
            if (hasSaidAll || state == State.BODY && waiting.isEmpty()) {
                deadline.set(PROGRESS);
            } else {
                deadline.end();
            }
        }
    }

    private void expired() {
        HttpExchange e = exchange;
        if (e == null) {
            ctx().channel().close();
        } else if (answerBegun) {
            abort();
        } else {
            e.abort();
            answer(
                    inputEnded ? HttpResponseStatus.GATEWAY_TIMEOUT : HttpResponseStatus.REQUEST_TIMEOUT,
                    (inputEnded ? "no answer" : "no more of the request") + " came for " + PROGRESS.toSeconds() + " s");
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
        requests++;
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
                close(OwnAnswers.to(request, settings, ctx().channel().localAddress()));
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

    private void unknown(boolean wrong) {
        if (wrong) {
            state = State.CLOSING;
            ctx().executor()
                    .schedule(
                            () -> close(OwnAnswers.unauthenticated()),
                            ProxySettings.WRONG_PASSWORD_MILLIS,
                            TimeUnit.MILLISECONDS);
        } else {
            close(OwnAnswers.unauthenticated());
        }
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
        watch();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (exchange != null) {
            exchange.reads(ctx.channel().isWritable());
            watch();
        }
        ctx.fireChannelWritabilityChanged();
    }

    @Override
    public void ended() {
        exchange = null;
        if (state == State.ANSWERING && keepsAlive && !inputEnded) {
            state = State.IDLE;
            deadline.end();
            int answered = requests;
            ctx().writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(written -> {
                if (written.isSuccess() && state == State.IDLE && requests == answered) {
                    deadline.set(KEEP_ALIVE);
                }
            });
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
        close(OwnAnswers.text(status, text));
    }

    /** Writes the last that there is to say, and waits a moment for the client to have it before the connection goes. */
    private void close(Object last) {
        state = State.CLOSING;
        exchange = null;
        Channel channel = ctx().channel();
        deadline.end(); // what waits for a slow client is not cut off
        ctx().writeAndFlush(last).addListener(written -> {
            if (written.isSuccess() && !inputEnded && channel instanceof DuplexChannel duplex) {
                duplex.shutdownOutput();
                deadline.set(LINGER);
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
            if (ctx.channel() instanceof DuplexChannel duplex && duplex.isOutputShutdown()) {
                ctx.close(); // else when the last has been written
            }
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
