package dev.culvert.client.forward;

import dev.culvert.tunnel.flow.HalfClosable;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketAddress;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * A process's input and output as one duplex channel, whatever is behind them: a pipe, a terminal, a file. Each has a thread that blocks in
 * the loop's place, with one read and one write under way at most, so that a reader that takes nothing holds up whoever writes the channel.
 * Half-closure is always on: the end of the input is told as that of a socket, and {@link #shutdownOutput()} closes the output.
 */
final class StandardStreams extends HalfClosable {
    /** Bytes of one read: what a pipe holds on Linux. */
    static final int MAX_READ = 64 << 10;

    private static final SocketAddress HERE = new SocketAddress() {
        private static final long serialVersionUID = 1L;

        @Override
        public String toString() {
            return "standard input and output";
        }
    };

    private final ChannelConfig config = new DefaultChannelConfig(this);
    private final InputStream in;
    private final OutputStream out;

    // Daemons: the input's may never come back.
    private final ExecutorService reader =
            Executors.newSingleThreadExecutor(new DefaultThreadFactory("standard-input", true));
    private final ExecutorService writer =
            Executors.newSingleThreadExecutor(new DefaultThreadFactory("standard-output", true));

    private final byte[] read = new byte[MAX_READ]; // the reader's
    private boolean reading;
    private boolean writing;
    private volatile boolean inputShutdown;
    private volatile boolean outputShutdown;
    private volatile boolean active;
    private volatile boolean closed;

    /**
     * @param in unbuffered; never closed, for a read of it may be under way
     * @param out unbuffered; closed in the end
     */
    StandardStreams(InputStream in, OutputStream out) {
        this.in = in;
        this.out = out;
    }

    // ---- input ----

    @Override
    protected void doBeginRead() {
        if (!reading && !inputShutdown) {
            reading = true;
            reader.execute(this::readOnce);
        }
    }

    private void readOnce() {
        try {
            int n = in.read(read);
            inLoop(n < 0 ? this::inputEnded : received(n));
        } catch (IOException e) {
            inLoop(() -> broken(e));
        }
    }

    private Runnable received(int n) {
        byte[] bytes = Arrays.copyOf(read, n);
        return () -> {
            reading = false;
            if (closed || inputShutdown) {
                return;
            }
            pipeline().fireChannelRead(Unpooled.wrappedBuffer(bytes));
            pipeline().fireChannelReadComplete(); // reads on when autoRead is on
        };
    }

    private void inputEnded() {
        reading = false;
        if (!closed && !inputShutdown) {
            inputShutdown = true;
            pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
            pipeline().fireUserEventTriggered(ChannelInputShutdownReadComplete.INSTANCE);
        }
    }

    private void broken(Throwable cause) {
        reading = false;
        if (!closed) {
            pipeline().fireExceptionCaught(cause);
            unsafe().close(voidPromise());
        }
    }

    private void inLoop(Runnable task) {
        try {
            eventLoop().execute(task);
        } catch (RejectedExecutionException e) {
            // The client has ended, and nobody is left to tell.
        }
    }

    // ---- output ----

    @Override
    protected void doWrite(ChannelOutboundBuffer buffer) {
        if (writing) {
            return; // whoever ends that flushes
        }
        Object next = buffer.current();
        while (next instanceof ByteBuf empty && !empty.isReadable()) {
            buffer.remove();
            next = buffer.current();
        }
        if (next instanceof ByteBuf bytes) {
            writing = true;
            bytes.retain();
            writer.execute(() -> writeOut(bytes));
        }
    }

    private void writeOut(ByteBuf bytes) {
        IOException failure = null;
        try {
            bytes.getBytes(bytes.readerIndex(), out, bytes.readableBytes());
            out.flush();
        } catch (IOException e) {
            failure = e;
        } finally {
            bytes.release();
        }
        IOException cause = failure;
        inLoop(() -> written(cause));
    }

    private void written(@Nullable IOException cause) {
        writing = false;
        ChannelOutboundBuffer buffer = unsafe().outboundBuffer();
        if (buffer == null) {
            return; // closed meanwhile
        }
        if (cause == null) {
            buffer.remove();
            resumeFlush();
        } else {
            pipeline().fireExceptionCaught(cause);
            unsafe().close(voidPromise());
        }
    }

    @Override
    protected Object filterOutboundMessage(Object msg) {
        if (msg instanceof ByteBuf) {
            return msg;
        }
        throw new UnsupportedOperationException(
                "standard output takes bytes, not " + msg.getClass().getSimpleName());
    }

    @Override
    protected void doShutdownOutput() {
        if (!outputShutdown) {
            outputShutdown = true;
            closeOutput();
        }
    }

    private void closeOutput() {
        writer.execute(() -> {
            try {
                out.close();
            } catch (IOException e) {
                // Whatever was written has been taken; there is nobody to tell.
            }
        });
    }

    // ---- the channel ----

    @Override
    protected void doRegister(ChannelPromise promise) {
        active = true;
        promise.setSuccess();
    }

    @Override
    protected void doClose() {
        if (closed) {
            return;
        }
        closed = true;
        active = false;
        if (!outputShutdown) {
            outputShutdown = true;
            closeOutput();
        }
        reader.shutdown();
        writer.shutdown();
    }

    @Override
    protected SocketAddress localAddress0() {
        return HERE;
    }

    @Override
    protected SocketAddress remoteAddress0() {
        return HERE;
    }

    @Override
    public ChannelConfig config() {
        return config;
    }

    @Override
    public boolean isOpen() {
        return !closed;
    }

    @Override
    public boolean isActive() {
        return active;
    }

    // ---- DuplexChannel ----

    @Override
    public boolean isInputShutdown() {
        return inputShutdown || closed;
    }

    @Override
    public boolean isOutputShutdown() {
        return outputShutdown;
    }

    /** What still comes is thrown away. */
    @Override
    protected void dropInput() {
        if (!inputShutdown) {
            inputShutdown = true;
            pipeline().fireUserEventTriggered(ChannelInputShutdownReadComplete.INSTANCE);
        }
    }
}
