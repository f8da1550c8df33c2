package dev.culvert.client.proxy;

import dev.culvert.client.uplink.FlowAttempt;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One request and its answer, on a flow of its own. Event loop only. */
final class HttpExchange extends ChannelInboundHandlerAdapter implements FlowAttempt.Listener {
    /** When all has been said, until the target has closed, too. */
    private static final Duration LINGER = Duration.ofSeconds(5);

    /** Whom the answer is for. Event loop. */
    interface Client {
        /** More of the request may be sent. */
        void ready();

        /** @param last whether it is the answer, and not one of 1xx before it */
        void head(HttpResponse head, boolean last);

        /** Takes {@code content}. */
        void content(HttpContent content);

        /** That was a read of the flow. */
        void flush();

        /** The answer is complete; told once, or the next is. */
        void ended();

        /** There will be no answer, or no more of it. */
        void failed(FlowException why);
    }

    private final HttpRequest request;
    private final Client client;
    private @Nullable FlowAttempt attempt;
    private @Nullable LinkFlow flow;
    private boolean interim; // the end of an answer of 1xx is to come
    private boolean over;
    private boolean reads = true;

    private HttpExchange(HttpRequest request, Client client) {
        this.request = request;
        this.client = client;
    }

    /** Begins: the client may be told before this returns that there will be none. */
    static HttpExchange begin(EventLoop loop, FlowAttempt.Opener opener, HttpRequest request, Client client) {
        HttpExchange exchange = new HttpExchange(request, client);
        FlowAttempt attempt = FlowAttempt.begin(loop, opener, exchange);
        if (!exchange.over) {
            exchange.attempt = attempt;
        }
        return exchange;
    }

    @Override
    public void opened(LinkFlow opened) {
        attempt = null;
        flow = opened;
        opened.pipeline().addLast(new HttpClientCodec(HttpCodecs.bounds(), false, false), this);
        opened.writeAndFlush(request, opened.voidPromise());
        opened.config().setAutoRead(reads);
        client.ready();
    }

    @Override
    public void refused(FlowException why) {
        attempt = null;
        fail(why);
    }

    /** Whether more of the request may be sent. */
    boolean takes() {
        LinkFlow f = flow;
        return f != null && f.isWritable();
    }

    /** Sends a part of the request's body; takes it. */
    void send(HttpContent content) {
        LinkFlow f = flow;
        if (f == null || over) {
            content.release();
        } else {
            f.writeAndFlush(content, f.voidPromise());
        }
    }

    /** Whether the answer is wanted now. */
    void reads(boolean wanted) {
        reads = wanted;
        if (flow != null && !over) {
            flow.config().setAutoRead(wanted);
        }
    }

    /** Nobody wants it any more. */
    void abort() {
        over = true;
        if (attempt != null) {
            attempt.cancel();
        }
        if (flow != null) {
            flow.close();
        }
    }

    private void fail(FlowException why) {
        if (!over) {
            over = true;
            if (flow != null) {
                flow.close();
            }
            client.failed(why);
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (over) {
            ReferenceCountUtil.release(msg);
            return;
        }
        if (msg instanceof HttpResponse head) {
            boolean malformed = head.decoderResult().isFailure() || !isFramed(head);
            if (malformed || head.status().equals(HttpResponseStatus.SWITCHING_PROTOCOLS)) {
                ReferenceCountUtil.release(msg);
                fail(new FlowException(Reason.PROTOCOL_ERROR, "the answer is no HTTP that can be sent on"));
                return;
            }
            interim = head.status().codeClass() == HttpStatusClass.INFORMATIONAL;
            client.head(head, !interim);
        }
        if (msg instanceof HttpContent content) {
            content(content);
        }
    }

    private void content(HttpContent content) {
        boolean end = content instanceof LastHttpContent;
        if (content.decoderResult().isFailure()) {
            content.release();
            fail(new FlowException(Reason.PROTOCOL_ERROR, "the answer is malformed"));
        } else if (interim) {
            content.release();
            interim = !end;
        } else {
            client.content(content);
            if (end && !over) {
                end();
            }
        }
    }

    /** What is coded in a way that we do not know would be another message without its coding. */
    private static boolean isFramed(HttpResponse head) {
        List<String> codings = head.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
        return codings.isEmpty()
                || codings.size() == 1 && codings.get(0).strip().equalsIgnoreCase("chunked");
    }

    private void end() {
        over = true;
        LinkFlow f = flow;
        if (f != null) {
            f.config().setAutoRead(true);
            f.shutdownOutput(); // what waits to be sent is of no use to the target any more
            f.eventLoop().schedule(() -> f.close(), LINGER.toMillis(), TimeUnit.MILLISECONDS);
            if (f.isInputShutdown()) {
                f.close();
            }
        }
        client.ended();
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (!over) {
            client.flush();
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (!over && ctx.channel().isWritable()) {
            client.ready();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            if (over) {
                ctx.close();
            } else {
                fail(new FlowException(Reason.RESET, "the target closed before it had answered"));
            }
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        fail(new FlowException(Reason.RESET, "the connection to the target was closed"));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        fail(
                cause instanceof FlowException e
                        ? e
                        : new FlowException(Reason.PROTOCOL_ERROR, "the answer is malformed"));
        ctx.close();
    }
}
