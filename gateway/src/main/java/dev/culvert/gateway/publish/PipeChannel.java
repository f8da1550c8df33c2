package dev.culvert.gateway.publish;

import io.netty.buffer.ByteBuf;
import io.netty.channel.AbstractChannel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.EventLoop;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * One end of a connection within an event loop: what is written to it is read, uncopied, at the other end, in the loop's next turn.
 * Both ends belong to one loop. What is not read stays within {@link #MAX_UNREAD}; then the writer's buffer fills, as a socket's does.
 */
public final class PipeChannel extends AbstractChannel {
    /** Bytes that wait for the reader: some of a link's records. */
    static final int MAX_UNREAD = 256 << 10;

    /** What people read in the place of the other end's address. */
    static final SocketAddress HERE = new SocketAddress() {
        private static final long serialVersionUID = 1L;

        @Override
        public String toString() {
            return "this gateway";
        }
    };

    private static final ChannelMetadata METADATA = new ChannelMetadata(false);

    private final ChannelConfig config = new DefaultChannelConfig(this);
    private final Queue<ByteBuf> unread = new ArrayDeque<>();
    private @Nullable PipeChannel peer;
    private long unreadBytes;
    private boolean readPending;
    private boolean delivering;
    private boolean ended; // the other end has closed, and says nothing more
    private boolean active;
    private boolean closed;

    private PipeChannel() {
        super(null);
    }

    /** Two ends, joined, and not registered yet. */
    public static PipeChannel[] pair() {
        PipeChannel a = new PipeChannel();
        PipeChannel b = new PipeChannel();
        a.peer = b;
        b.peer = a;
        return new PipeChannel[] {a, b};
    }

    @Override
    protected AbstractUnsafe newUnsafe() {
        return new AbstractUnsafe() {
            @Override
            public void connect(SocketAddress remote, SocketAddress local, ChannelPromise promise) {
                promise.setFailure(new UnsupportedOperationException("a pipe is connected from the start"));
            }
        };
    }

    @Override
    protected boolean isCompatible(EventLoop loop) {
        return true;
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
    protected void doRegister(ChannelPromise promise) {
        active = true;
        promise.setSuccess();
    }

    @Override
    protected void doBind(SocketAddress local) {
        throw new UnsupportedOperationException("a pipe has no address to bind");
    }

    @Override
    protected void doDisconnect() {
        doClose();
    }

    @Override
    protected void doClose() {
        active = false;
        closed = true;
        while (!unread.isEmpty()) {
            unread.remove().release();
        }
        unreadBytes = 0;
        PipeChannel other = peer;
        peer = null;
        if (other != null && !other.closed) {
            other.ended = true;
            other.deliverSoon();
        }
    }

    @Override
    protected void doBeginRead() {
        readPending = true;
        if (ended || !unread.isEmpty()) {
            deliverSoon();
        }
    }

    /** Not from here: who writes must not find itself in the middle of what the other end makes of it. */
    private void deliverSoon() {
        if (!delivering && isRegistered()) {
            delivering = true;
            eventLoop().execute(this::deliver);
        }
    }

    private void deliver() {
        delivering = false;
        if (!readPending && !(ended && unread.isEmpty()) || closed) {
            return;
        }
        boolean any = false;
        while (readPending && !unread.isEmpty()) {
            // A batch is what is there now: what comes of it is delivered in a turn of its own.
            ByteBuf next = unread.remove();
            unreadBytes -= next.readableBytes();
            any = true;
            pipeline().fireChannelRead(next);
        }
        if (any) {
            readPending = false;
            pipeline().fireChannelReadComplete(); // reads on when autoRead is on
            PipeChannel other = peer;
            if (other != null && unreadBytes < MAX_UNREAD) {
                other.unsafe().flush();
            }
        }
        if (ended && unread.isEmpty() && !closed) {
            close();
        }
    }

    @Override
    protected void doWrite(ChannelOutboundBuffer in) {
        PipeChannel other = peer;
        for (Object msg = in.current(); msg != null; msg = in.current()) {
            if (other == null) {
                in.remove(new java.nio.channels.ClosedChannelException());
            } else if (other.unreadBytes >= MAX_UNREAD) {
                return; // its reader flushes us
            } else {
                ByteBuf b = (ByteBuf) ReferenceCountUtil.retain(msg);
                other.unread.add(b);
                other.unreadBytes += b.readableBytes();
                in.remove();
                if (other.readPending) {
                    other.deliverSoon();
                }
            }
        }
    }

    @Override
    protected Object filterOutboundMessage(Object msg) {
        if (msg instanceof ByteBuf) {
            return msg;
        }
        throw new UnsupportedOperationException(
                "a pipe carries bytes, not " + msg.getClass().getSimpleName());
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

    @Override
    public ChannelMetadata metadata() {
        return METADATA;
    }
}
