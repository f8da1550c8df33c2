package dev.culvert.client.proxy;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.time.Duration;

/** Tells by its first byte what a connection speaks: SOCKS5, SOCKS4 or HTTP. Event loop only. */
final class ProxyFront extends ChannelInboundHandlerAdapter {
    /** Until a client has said all of where it wants to go. */
    static final Duration HANDSHAKE = Duration.ofSeconds(30);

    private final ProxySettings settings;
    private final Deadline deadline;

    private ProxyFront(Channel channel, ProxySettings settings) {
        this.settings = settings;
        this.deadline = new Deadline(channel.eventLoop(), channel::close);
    }

    /** Serves a connection, which is active, and has {@code autoRead} off. */
    static void serve(Channel channel, ProxySettings settings) {
        ProxyFront front = new ProxyFront(channel, settings);
        channel.pipeline().addLast(front);
        front.deadline.set(HANDSHAKE);
        channel.read();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ByteBuf bytes = (ByteBuf) msg;
        if (!bytes.isReadable()) {
            bytes.release();
            return;
        }
        int first = bytes.getUnsignedByte(bytes.readerIndex());
        ChannelPipeline pipeline = ctx.pipeline();
        if (first == SocksFront.VERSION_5 || first == SocksFront.VERSION_4) {
            pipeline.addLast(new SocksFront(settings, deadline));
        } else if (first >= 'A' && first <= 'Z') {
            HttpFront.install(pipeline, settings, deadline);
        } else {
            bytes.release();
            ctx.close();
            return;
        }
        // Passed to what has been added: this one goes when it has been.
        ctx.fireChannelRead(bytes);
        ctx.fireChannelReadComplete();
        if (pipeline.context(this) != null) {
            pipeline.remove(this);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (ctx.pipeline().last() == this) {
            ctx.read();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            ctx.close(); // and has said nothing
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        deadline.end();
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }
}
