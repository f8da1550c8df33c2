package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Keeps a copy of each message of a channel, for a test to wait for. */
public final class PacketCollector extends ChannelInboundHandlerAdapter {
    public final BlockingQueue<byte[]> messages = new LinkedBlockingQueue<>();
    private final List<Integer> batches = new ArrayList<>();
    public final BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
    private int batch;

    public static PacketCollector on(EventLoopGroup group, Channel channel) {
        PacketCollector collector = new PacketCollector();
        channel.pipeline().addLast(collector);
        group.register(channel).syncUninterruptibly();
        return collector;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ByteBuf buffer = (ByteBuf) msg;
        byte[] bytes = new byte[buffer.readableBytes()];
        buffer.readBytes(bytes);
        buffer.release();
        batch++;
        messages.add(bytes);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        synchronized (batches) {
            batches.add(batch);
        }
        batch = 0;
        ctx.fireChannelReadComplete();
    }

    /** How many messages there were in each batch so far. */
    public List<Integer> batches() {
        synchronized (batches) {
            return List.copyOf(batches);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        failures.add(cause);
    }

    /** The next message that the test cares for; others (router solicitations and the like) are passed over. */
    public byte[] next(Predicate<byte[]> wanted) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
            byte[] message = messages.poll(left, TimeUnit.NANOSECONDS);
            if (message != null && wanted.test(message)) {
                return message;
            }
        }
        throw new AssertionError("no such packet within 60 s");
    }
}
