package dev.culvert.client.forward;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.concurrent.Ticker;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.NullUnmarked;

/** An application's connection as a listening socket gives it, with the test as the application. */
@NullUnmarked
public final class TestSocket extends EmbeddedChannel implements DuplexChannel {
    public static final InetSocketAddress LOCAL = new InetSocketAddress("127.0.0.1", 1_080);
    public static final InetSocketAddress APPLICATION = new InetSocketAddress("127.0.0.1", 40_000);

    private boolean inputShutdown;
    private boolean outputShutdown;
    private boolean full;

    public TestSocket(Ticker ticker) {
        super(EmbeddedChannel.builder().ticker(ticker));
    }

    /** The application sends. */
    public void send(byte... bytes) {
        ByteBuf b = config().getOption(ChannelOption.ALLOCATOR)
                .buffer(Math.max(1, bytes.length))
                .writeBytes(bytes);
        if (isOpen()) {
            writeInbound(b);
        } else {
            b.release();
        }
    }

    public void send(String text) {
        send(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** The application sends no more. */
    public void endInput() {
        inputShutdown = true;
        pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        runPendingTasks();
    }

    /** Whether the application takes nothing, and the buffer of its system is full. */
    public void full(boolean is) {
        full = is;
        flush();
        runPendingTasks();
    }

    @Override
    protected void doWrite(ChannelOutboundBuffer in) throws Exception {
        if (!full) {
            super.doWrite(in);
        }
    }

    /** What the application has been sent since it was asked last. */
    public byte[] takeBytes() {
        runPendingTasks();
        ByteBuf all = Unpooled.buffer();
        for (ByteBuf b = readOutbound(); b != null; b = readOutbound()) {
            all.writeBytes(b);
            b.release();
        }
        byte[] bytes = new byte[all.readableBytes()];
        all.readBytes(bytes);
        return bytes;
    }

    public String take() {
        return new String(takeBytes(), StandardCharsets.ISO_8859_1);
    }

    @Override
    protected SocketAddress localAddress0() {
        return LOCAL;
    }

    @Override
    protected SocketAddress remoteAddress0() {
        return APPLICATION;
    }

    @Override
    public boolean isInputShutdown() {
        return inputShutdown;
    }

    @Override
    public boolean isOutputShutdown() {
        return outputShutdown;
    }

    @Override
    public boolean isShutdown() {
        return inputShutdown && outputShutdown;
    }

    @Override
    public ChannelFuture shutdownInput() {
        return shutdownInput(newPromise());
    }

    @Override
    public ChannelFuture shutdownInput(ChannelPromise promise) {
        inputShutdown = true;
        return promise.setSuccess();
    }

    @Override
    public ChannelFuture shutdownOutput() {
        return shutdownOutput(newPromise());
    }

    @Override
    public ChannelFuture shutdownOutput(ChannelPromise promise) {
        outputShutdown = true;
        return promise.setSuccess();
    }

    @Override
    public ChannelFuture shutdown() {
        return shutdown(newPromise());
    }

    @Override
    public ChannelFuture shutdown(ChannelPromise promise) {
        inputShutdown = true;
        outputShutdown = true;
        return promise.setSuccess();
    }
}
