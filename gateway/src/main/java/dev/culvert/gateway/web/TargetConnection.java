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
import io.netty.handler.codec.http.HttpRequestEncoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a target, which serves one exchange at a time, and else lies in {@link IdleTargets}. One, so that an answer is
 * never taken for that to another request. On its event loop, which is that of the browser's connection, too.
 */
final class TargetConnection extends ChannelInboundHandlerAdapter {
    /** Longest status line. */
    private static final int MAX_LINE = 8 << 10;

    /** Most bytes of a head: targets are trusted with more than browsers, and some set many cookies. */
    private static final int MAX_HEAD = 64 << 10;

    /** Largest piece of a body: what a read brings. */
    private static final int MAX_PIECE = 64 << 10;

    /** For what was still to be written when the browser has gone. */
    private static final long LAST_WRITE_SECONDS = 10;

    private final Channel channel;
    private final Site site;
    private final AnswerDecoder decoder;
    private final HttpRequestEncoder encoder = new HttpRequestEncoder();
    private final Deadline idle;
    private @Nullable Exchange exchange;
    private boolean inputEnded;
    private boolean surplus; // more has come than an answer
    private boolean reused;
    private long idleSinceNanos;

    private TargetConnection(Channel channel, Site site) {
        this.channel = channel;
        this.site = site;
        decoder = new AnswerDecoder(
                new HttpDecoderConfig()
                        .setMaxInitialLineLength(MAX_LINE)
                        .setMaxHeaderSize(MAX_HEAD)
                        .setMaxChunkSize(MAX_PIECE),
                this::surplus);
        idle = new Deadline(channel.eventLoop(), () -> channel.pipeline().close());
    }

    /** Takes a channel that {@link Site#connect} has given. */
    static TargetConnection on(Channel channel, Site site) {
        TargetConnection connection = new TargetConnection(channel, site);
        channel.config().setAutoRead(false);
        channel.pipeline().addLast(connection.decoder, connection.encoder, connection);
        return connection;
    }

    Site site() {
        return site;
    }

    /** Whether another request has been served before. */
    boolean isReused() {
        return reused;
    }

    boolean isUsable() {
        return channel.isActive() && !inputEnded && !surplus;
    }

    boolean isOn(Object loop) {
        return channel.eventLoop() == loop;
    }

    long idleNanos() {
        return channel.eventLoop().ticker().nanoTime() - idleSinceNanos;
    }

    /** @param toHead whether the request is HEAD, whose answer has no body */
    void serve(Exchange next, boolean toHead) {
        idle.end();
        exchange = next;
        decoder.expect(toHead);
    }

    private void surplus() {
        surplus = true; // when an answer ends here, its exchange is told next, and closes it
        if (exchange == null) {
            channel.pipeline().close();
        }
    }

    /** It serves nobody: its end, and what comes unasked, are looked out for. */
    void rest(long seconds) {
        exchange = null;
        reused = true;
        idleSinceNanos = channel.eventLoop().ticker().nanoTime();
        idle.set(seconds);
        channel.read();
    }

    boolean isWritable() {
        return channel.isWritable();
    }

    /** Takes it. */
    void write(Object message) {
        channel.write(message, channel.voidPromise());
    }

    void flush() {
        channel.flush();
    }

    void read() {
        channel.read();
    }

    /** What follows is no HTTP: bytes. */
    void upgrade() {
        channel.pipeline().remove(encoder);
        channel.pipeline().remove(decoder); // which hands on what it still holds
    }

    /** Nobody is told of it. */
    void close() {
        exchange = null;
        idle.end();
        channel.pipeline().close();
    }

    /** As {@link #close()}, behind what has been written, if that is taken before long. */
    void closeWhenWritten() {
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
                e.answerHead(response);
            }
            if (msg instanceof HttpContent content) {
                if (exchange == e) {
                    e.answerContent(content);
                } else {
                    content.release();
                }
            }
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
        IdleTargets.here().remove(this);
        if (e != null) {
            e.targetEnded(cause);
        }
        channel.pipeline().close();
    }
}
