package dev.culvert.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;

/** Notes what a flow's channel tells: events in order, bytes of streams, datagrams one by one. */
@NullUnmarked
final class FlowRecorder extends ChannelInboundHandlerAdapter {
    final List<String> events = new ArrayList<>();
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    final List<byte[]> datagrams = new ArrayList<>();
    final List<Integer> ports = new ArrayList<>();
    Channel channel;
    Throwable error;
    Runnable onRead = () -> {};
    private final boolean autoRead;

    FlowRecorder() {
        this(true);
    }

    FlowRecorder(boolean autoRead) {
        this.autoRead = autoRead;
    }

    String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        channel = ctx.channel();
        channel.config().setAutoRead(autoRead);
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        events.add("active");
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ByteBuf b;
        if (msg instanceof PortedDatagram d) {
            ports.add(d.port());
            b = d.content();
        } else {
            b = (ByteBuf) msg;
        }
        byte[] read = new byte[b.readableBytes()];
        b.readBytes(read);
        io.netty.util.ReferenceCountUtil.release(msg);
        bytes.writeBytes(read);
        datagrams.add(read);
        onRead.run();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            events.add("fin");
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        events.add("inactive");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        error = cause;
        events.add(cause instanceof FlowException f ? f.reason().name() : cause.toString());
    }
}
