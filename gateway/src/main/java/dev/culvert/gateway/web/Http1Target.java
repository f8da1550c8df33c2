package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequestEncoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.util.ReferenceCountUtil;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a target in HTTP/1.1, which serves one exchange at a time, and else lies in {@link Http1Targets}. One, so that an answer is
 * never taken for that to another request. On its event loop, which is that of the browser's connection, too.
 */
final class Http1Target extends ChannelInboundHandlerAdapter implements Target {
    /** Longest status line. */
    private static final int MAX_LINE = 8 << 10;

    /** Most bytes of a head: targets are trusted with more than browsers, and some set many cookies. */
    private static final int MAX_HEAD = 64 << 10;

    /** Largest piece of a body: what a read brings. */
    private static final int MAX_PIECE = 64 << 10;

    /** For what was still to be written when the browser has gone. */
    static final long LAST_WRITE_SECONDS = 10;

    private final Channel channel;
    private final Site site;
    private final AnswerDecoder decoder;
    private final HttpRequestEncoder encoder = new HttpRequestEncoder();
    private final Deadline idle;
    private @Nullable Exchange exchange;
    private boolean inputEnded;
    private boolean closing; // when all is written
    private boolean surplus; // more has come than an answer
    private boolean interim; // the end of an answer of 1xx is to come
    private int served;
    private boolean resting;
    private int restSeconds = Http1Targets.IDLE_SECONDS;
    private long idleSinceNanos;

    private Http1Target(Channel channel, Site site) {
        this.channel = channel;
        this.site = site;
        decoder = new AnswerDecoder(
                new HttpDecoderConfig()
                        .setMaxInitialLineLength(MAX_LINE)
                        .setMaxHeaderSize(MAX_HEAD)
                        .setMaxChunkSize(MAX_PIECE),
                this::surplus);
        idle = new Deadline(channel.eventLoop(), this::expired);
    }

    /** Takes a channel that {@link Site#connect} has given. */
    static Http1Target on(Channel channel, Site site) {
        Http1Target connection = new Http1Target(channel, site);
        channel.config().setAutoRead(false);
        channel.pipeline().addLast(connection.decoder, connection.encoder, connection);
        return connection;
    }

    Site site() {
        return site;
    }

    @Override
    public @Nullable Refusal objection(Asked asked) {
        return null;
    }

    @Override
    public boolean isReused() {
        return served > 0;
    }

    @Override
    public void boundTo(Channel visitor) {
        ChannelFutureListener gone = closed -> {
            inputEnded = true; // whatever more it says is for nobody
            if (exchange == null && !closing) {
                Http1Targets.here().remove(this);
                close();
            } // else it is closed with its exchange
        };
        visitor.closeFuture().addListener(gone);
        channel.closeFuture().addListener(closed -> visitor.closeFuture().removeListener(gone));
    }

    @Override
    public Channel connection() {
        return channel;
    }

    @Override
    public boolean hasPath() {
        return site.hasPath(channel);
    }

    boolean isUsable() {
        return channel.isActive() && !inputEnded && !surplus && hasPath() && site.mayServe(channel);
    }

    boolean isOn(Object loop) {
        return channel.eventLoop() == loop;
    }

    /**
     * Whether its target has most probably not closed it: one that does so behind each answer without saying so would have been heard
     * of, and one that waits for the next request waits for longer than we do.
     */
    boolean isFresh() {
        long idleNanos = idleNanos();
        return idleNanos <= TimeUnit.SECONDS.toNanos(Math.min(Http1Targets.FRESH_SECONDS, restSeconds))
                && (served > 1 || idleNanos >= TimeUnit.MILLISECONDS.toNanos(Http1Targets.SETTLED_MILLIS));
    }

    private long idleNanos() {
        return channel.eventLoop().ticker().nanoTime() - idleSinceNanos;
    }

    @Override
    public void serve(Exchange next, boolean toHead) {
        idle.end();
        resting = false;
        exchange = next;
        decoder.expect(toHead);
    }

    private void surplus() {
        surplus = true; // when an answer ends here, its exchange is told next, and closes it
        if (exchange == null) {
            channel.pipeline().close();
        }
    }

    @Override
    public void done(boolean keep) {
        exchange = null;
        if (!keep || restSeconds <= 0 || !Http1Targets.here().put(this)) {
            close();
        }
    }

    /** It serves nobody: its end, and what comes unasked, are looked out for. */
    void rest() {
        served++;
        resting = true;
        idleSinceNanos = channel.eventLoop().ticker().nanoTime();
        idle.set(Math.min(restSeconds, Http1Targets.SURPLUS_IDLE_SECONDS));
        channel.read();
    }

    private void expired() {
        long idleSeconds = TimeUnit.NANOSECONDS.toSeconds(idleNanos());
        if (resting && idleSeconds < restSeconds && Http1Targets.here().isOfFew(this)) {
            idle.set(restSeconds - idleSeconds);
        } else {
            Http1Targets.here().remove(this); // at once, for the others whose time has come too
            channel.pipeline().close();
        }
    }

    @Override
    public boolean isWritable() {
        return channel.isWritable();
    }

    @Override
    public void write(Object message) {
        channel.write(message, channel.voidPromise());
    }

    @Override
    public void flush() {
        channel.flush();
    }

    @Override
    public void read() {
        channel.read();
    }

    @Override
    public void upgrade() {
        channel.pipeline().remove(encoder);
        channel.pipeline().remove(decoder); // which hands on what it still holds
    }

    @Override
    public void close() {
        exchange = null;
        idle.end();
        channel.pipeline().close();
    }

    @Override
    public void closeWhenWritten() {
        closing = true;
        exchange = null;
        idle.set(LAST_WRITE_SECONDS);
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        Exchange e = exchange;
        if (e == null) {
            ReferenceCountUtil.release(msg); // of an exchange that has ended
            ctx.close();
        } else if (msg instanceof ByteBuf bytes) {
            e.bytesFromTarget(bytes);
        } else {
            // A response without content is one object.
            if (msg instanceof HttpResponse response) {
                interim = response.status().codeClass() == HttpStatusClass.INFORMATIONAL;
                restSeconds = keepAliveSeconds(response.headers());
                e.answerHead(response);
            }
            if (msg instanceof HttpContent content) {
                if (exchange == e && !interim) {
                    e.answerContent(content);
                } else {
                    content.release();
                }
            }
        }
    }

    /** For how long it may be kept: a little shorter than the target says that it will, if it does. */
    private static int keepAliveSeconds(HttpHeaders answer) {
        String said = answer.get("Keep-Alive", "").toLowerCase(Locale.ROOT).replace(" ", "");
        int at = said.indexOf("timeout=");
        if (at < 0) {
            return Http1Targets.IDLE_SECONDS;
        }
        int end = at + "timeout=".length();
        int seconds = 0;
        while (end < said.length()
                && Character.digit(said.charAt(end), 10) >= 0
                && seconds <= Http1Targets.IDLE_SECONDS) {
            seconds = 10 * seconds + Character.digit(said.charAt(end++), 10);
        }
        return Math.min(Http1Targets.IDLE_SECONDS, seconds - 1);
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

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) { // the decoder has heard of it before
            ended(null);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        ended(null);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ended(cause);
    }

    private void ended(@Nullable Throwable cause) {
        inputEnded = true;
        Exchange e = exchange;
        exchange = null;
        idle.end();
        Http1Targets.here().remove(this);
        if (e != null) {
            e.targetEnded(cause, false);
        }
        channel.pipeline().close();
    }
}
