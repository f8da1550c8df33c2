package dev.culvert.gateway.instance;

import dev.culvert.gateway.instance.HealthChecks.Found;
import dev.culvert.gateway.publish.Published;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.PublicationOptions.HealthCheck;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec;
import io.netty.handler.codec.http2.HttpConversionUtil;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Connects to a target, and asks it for a page if that is wanted, in the protocol that it is spoken to otherwise. From any thread. */
public final class TargetLook implements HealthChecks.Look {
    /** An answer's head that is larger is none of a page that is there for this. */
    private static final int MAX_LINE = 4 << 10;

    private static final int MAX_HEAD = 16 << 10;
    private static final int MAX_PIECE = 8 << 10;

    /** They say something of the gateway, its link to the agent or the agent, and nothing of the target. */
    private static final Set<Reason> OF_THE_WAY = EnumSet.of(
            Reason.NO_AGENT,
            Reason.LINK_LOST,
            Reason.SHUTTING_DOWN,
            Reason.UNKNOWN,
            Reason.MOVED,
            Reason.OVERLOADED,
            Reason.PROHIBITED);

    /** How a target is connected to through an instance, with TLS where it speaks that. */
    public interface Connector {
        /** Called on {@code loop}, where the channel, which is the caller's, then is; nothing of it has been read. */
        Future<? extends Channel> connect(EventLoop loop, Published published, String answerer);
    }

    private final Supplier<EventLoop> loops;
    private final Connector connector;

    /** @param loops on which looks take turns */
    public TargetLook(Supplier<EventLoop> loops, Connector connector) {
        this.loops = loops;
        this.connector = connector;
    }

    @Override
    public void look(Published published, String answerer, HealthCheck check, Duration within, Consumer<Found> done) {
        EventLoop loop = loops.get();
        loop.execute(() -> new One(loop, published, check, within, done).begin(answerer));
    }

    private static Found failure(Throwable cause) {
        return cause instanceof FlowException flow && OF_THE_WAY.contains(flow.reason())
                ? Found.NOTHING
                : Found.unwell(String.valueOf(cause.getMessage()));
    }

    /** One look. On its event loop. */
    private final class One {
        private final EventLoop loop;
        private final Published published;
        private final HealthCheck check;
        private final Consumer<Found> done;
        private final Future<?> deadline;
        private @Nullable Future<? extends Channel> connecting;
        private @Nullable Channel channel;
        private boolean ended;

        One(EventLoop loop, Published published, HealthCheck check, Duration within, Consumer<Found> done) {
            this.loop = loop;
            this.published = published;
            this.check = check;
            this.done = done;
            deadline = loop.schedule(
                    () -> end(Found.unwell("nothing has come of it within " + within.toSeconds() + " s")),
                    within.toMillis(),
                    TimeUnit.MILLISECONDS);
        }

        void begin(String answerer) {
            Future<? extends Channel> future = connector.connect(loop, published, answerer);
            connecting = future;
            future.addListener(f -> {
                connecting = null;
                Channel made = f.isSuccess() ? (Channel) f.getNow() : null;
                if (made == null) {
                    end(failure(f.cause()));
                } else if (ended) {
                    made.close();
                } else {
                    connected(made);
                }
            });
        }

        private void connected(Channel made) {
            channel = made;
            String path = check.path();
            if (path == null) {
                end(Found.WELL);
            } else if (published.publication().to().scheme() == Scheme.H2C) {
                ask2(made, request(path));
            } else {
                made.pipeline().addLast(new HttpClientCodec(MAX_LINE, MAX_HEAD, MAX_PIECE), new Answer());
                made.config().setAutoRead(true);
                made.writeAndFlush(request(path));
            }
        }

        private FullHttpRequest request(String path) {
            FullHttpRequest request =
                    new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path, Unpooled.EMPTY_BUFFER);
            String host = published.publication().options().host();
            if (host == null) {
                WebName name = (WebName) published.publication().at();
                host = name.host().isWildcard()
                        ? published.publication().to().host()
                        : name.host().name();
            }
            request.headers()
                    .set(HttpHeaderNames.HOST, host)
                    .set(HttpHeaderNames.USER_AGENT, "culvert-health-check")
                    .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
            return request;
        }

        /** In HTTP/2 with prior knowledge (RFC 9113 3.3). */
        private void ask2(Channel made, FullHttpRequest request) {
            request.headers().set(HttpConversionUtil.ExtensionHeaderNames.SCHEME.text(), "http");
            made.pipeline()
                    .addLast(
                            Http2FrameCodecBuilder.forClient()
                                    .initialSettings(
                                            Http2Settings.defaultSettings().pushEnabled(false))
                                    .build(),
                            new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()),
                            new Ended());
            made.config().setAutoRead(true);
            new Http2StreamChannelBootstrap(made).open().addListener(opened -> {
                if (!opened.isSuccess()) {
                    ReferenceCountUtil.release(request);
                    end(failure(opened.cause()));
                    return;
                }
                Channel stream = (Channel) opened.getNow();
                stream.pipeline().addLast(new Http2StreamFrameToHttpObjectCodec(false), new Answer());
                stream.writeAndFlush(request);
            });
        }

        private void end(Found found) {
            if (ended) {
                return;
            }
            ended = true;
            deadline.cancel(false);
            Future<? extends Channel> pending = connecting;
            if (pending != null) {
                pending.cancel(false);
            }
            Channel made = channel;
            if (made != null) {
                made.close();
            }
            done.accept(found);
        }

        /** Without an answer it has failed. */
        private class Ended extends ChannelInboundHandlerAdapter {
            @Override
            public void channelInactive(ChannelHandlerContext ctx) {
                end(Found.unwell("it has closed the connection without an answer"));
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                end(failure(cause));
            }
        }

        private final class Answer extends Ended {
            @Override
            public void channelRead(ChannelHandlerContext ctx, Object msg) {
                if (msg instanceof HttpResponse response) {
                    HttpResponseStatus status = response.status();
                    if (response.decoderResult().isFailure()) {
                        end(Found.unwell("its answer is not HTTP"));
                    } else if (status.codeClass() != HttpStatusClass.INFORMATIONAL) {
                        boolean well = status.codeClass() == HttpStatusClass.SUCCESS
                                || status.codeClass() == HttpStatusClass.REDIRECTION;
                        end(well ? Found.WELL : Found.unwell("it answers " + status.code()));
                    }
                }
                ReferenceCountUtil.release(msg);
            }
        }
    }
}
