package dev.culvert.client.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Pipes in the place of a process's own. */
@NullUnmarked
final class StandardStreamsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final EventLoopGroup loops = EventLoops.create(1, "test");
    private final Notes notes = new Notes();

    @AfterEach
    void end() {
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    private static final class Notes extends ChannelInboundHandlerAdapter {
        final StringBuffer text = new StringBuffer();
        volatile boolean ended;
        volatile Throwable cause;
        volatile boolean inactive;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf b = (ByteBuf) msg;
            text.append(b.toString(StandardCharsets.ISO_8859_1));
            b.release();
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            ended |= event == ChannelInputShutdownEvent.INSTANCE;
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable why) {
            cause = why;
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            inactive = true;
        }
    }

    private StandardStreams open(InputStream in, OutputStream out) {
        StandardStreams streams = new StandardStreams(in, out);
        streams.pipeline().addLast(notes);
        loops.register(streams).syncUninterruptibly();
        return streams;
    }

    private static ByteBuf bytes(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1);
    }

    @Test
    void bytesGoBothWaysAndEachEndsByItself() throws Exception {
        PipedOutputStream application = new PipedOutputStream();
        PipedInputStream heard = new PipedInputStream();
        StandardStreams streams = open(new PipedInputStream(application), new PipedOutputStream(heard));
        String binary = "a\0\r\n\u00ff\u001a";
        application.write(binary.getBytes(StandardCharsets.ISO_8859_1));
        application.flush();
        await().atMost(PATIENCE).until(() -> notes.text.length() == binary.length());
        assertThat(notes.text).hasToString(binary);
        application.close();
        await().atMost(PATIENCE).until(() -> notes.ended);
        assertThat(streams.isInputShutdown()).isTrue();
        assertThat(streams.isActive()).as("half of it").isTrue();
        streams.writeAndFlush(bytes(binary)).syncUninterruptibly();
        streams.shutdownOutput().syncUninterruptibly();
        assertThat(heard.readAllBytes()).asString(StandardCharsets.ISO_8859_1).isEqualTo(binary);
        streams.close().syncUninterruptibly();
        assertThat(notes.cause).isNull();
    }

    @Test
    void itIsNotReadUnasked() throws Exception {
        PipedOutputStream application = new PipedOutputStream();
        StandardStreams streams =
                new StandardStreams(new PipedInputStream(application), OutputStream.nullOutputStream());
        streams.config().setAutoRead(false);
        streams.pipeline().addLast(notes);
        loops.register(streams).syncUninterruptibly();
        application.write('x');
        application.flush();
        loops.submit(() -> {}).syncUninterruptibly();
        assertThat(notes.text).isEmpty();
        streams.read();
        await().atMost(PATIENCE).until(() -> notes.text.length() == 1);
        streams.close().syncUninterruptibly();
    }

    @Test
    void whoTakesNothingHoldsUpTheWriterAndLosesNothing() throws Exception {
        PipedInputStream heard = new PipedInputStream(1_024);
        StandardStreams streams = open(InputStream.nullInputStream(), new PipedOutputStream(heard));
        String piece = "0123456789abcdef".repeat(256);
        int pieces = 64;
        for (int i = 0; i < pieces; i++) {
            streams.writeAndFlush(bytes(piece));
        }
        loops.submit(() -> {}).syncUninterruptibly();
        assertThat(streams.isWritable()).isFalse();
        streams.eventLoop()
                .execute(() -> streams.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> streams.shutdownOutput()));
        assertThat(heard.readAllBytes()).asString(StandardCharsets.ISO_8859_1).isEqualTo(piece.repeat(pieces));
        assertThat(streams.isWritable() || streams.isOutputShutdown()).isTrue();
        streams.close().syncUninterruptibly();
    }

    @Test
    void anOutputThatBreaksEndsIt() {
        StandardStreams streams = open(InputStream.nullInputStream(), new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("Broken pipe");
            }
        });
        streams.writeAndFlush(bytes("x")).awaitUninterruptibly();
        streams.closeFuture().syncUninterruptibly();
        await().atMost(PATIENCE).until(() -> notes.inactive);
        assertThat(notes.cause).hasMessage("Broken pipe");
    }
}
