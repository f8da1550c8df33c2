package dev.culvert.client.uplink;

import dev.culvert.tunnel.connect.Connector;
import dev.culvert.tunnel.connect.Dialling;
import dev.culvert.tunnel.connect.Repetition;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.PromiseNotifier;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The way to the gateway through a client of the same token that is up on this machine: before one of the uplink's own connectors dials,
 * that client is asked whether this process may join it. Where none is, or it may not be asked, its own link is made as if there was none.
 */
final class Joining {
    /** For the answer of a process on this machine; one that is stopped takes connections all the same. */
    static final Duration PATIENCE = Duration.ofSeconds(2);

    private final List<Path> places;
    private final String tokenId;
    private final Voice voice;
    private final Repetition refusals = new Repetition();
    private BooleanSupplier wanted = () -> true;
    private volatile long beyondMicros;

    /**
     * @param places where the socket for flows of a client that is up may be; none for an own link in any case
     * @param tokenId of the token that this process was given
     */
    Joining(List<Path> places, String tokenId, Voice voice) {
        this.places = List.copyOf(places);
        this.tokenId = tokenId;
        this.voice = voice;
    }

    /** Joins only while this holds: flows of an own link that wait for another would be lost. Before the first link is made. */
    void onlyWhile(BooleanSupplier holds) {
        wanted = holds;
    }

    /** The round trip from the far end of the present link to the gateway: nothing, when it is the gateway itself. Any thread. */
    long beyondMicros() {
        return beyondMicros;
    }

    /** The same connector, which joins where it can. */
    Connector before(Connector own) {
        return new Joined(own);
    }

    private final class Joined implements Connector {
        private final Connector own;

        Joined(Connector own) {
            this.own = own;
        }

        @Override
        public URI gateway() {
            return own.gateway();
        }

        @Override
        public Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver, Dialling dialling) {
            if (!wanted.getAsBoolean()) {
                beyondMicros = 0;
                return own.connect(loop, settings, receiver, dialling);
            }
            Promise<Link> promise = loop.newPromise();
            next(places.iterator(), loop, receiver, promise, () -> {
                beyondMicros = 0;
                PromiseNotifier.cascade(own.connect(loop, settings, receiver, dialling), promise);
            });
            return promise;
        }

        @Override
        public boolean hasAnother() {
            return own.hasAnother();
        }

        @Override
        public CompletionStage<@Nullable String> offered(String token) {
            return own.offered(token);
        }
    }

    private void next(
            Iterator<Path> left, EventLoop loop, FrameReceiver receiver, Promise<Link> promise, Runnable nowhere) {
        if (promise.isDone()) {
            return; // not wanted any more
        }
        if (!left.hasNext()) {
            nowhere.run();
            return;
        }
        Promise<Void> over = loop.newPromise();
        over.addListener(f -> {
            if (f.cause() instanceof JoinGreeting.Refused why
                    && refusals.isNews(
                            String.valueOf(why.getMessage()), loop.ticker().nanoTime())) {
                voice.say("the client that is up is not joined: " + why.getMessage());
            }
            if (!f.isSuccess()) {
                next(left, loop, receiver, promise, nowhere);
            }
        });
        Greeting greeting = new Greeting(receiver, promise, over);
        new Bootstrap()
                .group(loop)
                .channel(EventLoops.domainSocketChannel())
                .handler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(greeting.lines, greeting);
                    }
                })
                .connect(EventLoops.domainAddress(left.next()))
                .addListener(f -> {
                    if (!f.isSuccess()) {
                        over.tryFailure(f.cause()); // nobody is there, or not for us
                    }
                });
    }

    /** Asks, and makes a link of the connection when that is granted. */
    private final class Greeting extends SimpleChannelInboundHandler<ByteBuf> {
        private final LineBasedFrameDecoder lines = new LineBasedFrameDecoder(JoinGreeting.MAX_LINE);
        private final FrameReceiver receiver;
        private final Promise<Link> promise;
        private final Promise<Void> over;
        private @Nullable Future<?> late;

        Greeting(FrameReceiver receiver, Promise<Link> promise, Promise<Void> over) {
            this.receiver = receiver;
            this.promise = promise;
            this.over = over;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            late = ctx.executor().schedule(() -> ctx.close(), PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            ctx.writeAndFlush(JoinGreeting.ask(tokenId));
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, ByteBuf line) {
            JoinGreeting.Welcome welcome;
            try {
                welcome = JoinGreeting.answered(line);
            } catch (JoinGreeting.Refused e) {
                over.tryFailure(e);
                ctx.close();
                return;
            }
            if (!promise.setUncancellable()) {
                ctx.close();
                return;
            }
            beyondMicros = welcome.roundTripMicros();
            voice.say("joins the client that is up, process " + welcome.process());
            Link link =
                    new Link(Link.Role.WEBSOCKET_CLIENT, true, JoinGreeting.LINK, receiver, JoinGreeting.LINK_VERSION);
            LinkUpgrade.install(ctx.channel(), link, this, lines);
            over.trySuccess(null);
            promise.trySuccess(link);
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            if (late != null) {
                late.cancel(false);
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            over.tryFailure(new IOException("no answer"));
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            over.tryFailure(cause);
            ctx.close();
        }
    }
}
