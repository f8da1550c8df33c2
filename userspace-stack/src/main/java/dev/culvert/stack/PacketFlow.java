package dev.culvert.stack;

import dev.culvert.stack.ip.ExpiryList;
import dev.culvert.stack.ip.IcmpErrors;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.channel.AbstractChannel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.EventLoop;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A flow of messages rather than bytes: what {@link UdpFlow} and {@link EchoFlow} share. It is a child channel of the packet
 * channel and lives on its event loop.
 *
 * <p>Reading: while a read is wanted, messages go up the pipeline as packets are parsed, without a queue; otherwise a bounded
 * queue keeps them and the newest is dropped and counted when it is full. Writing: messages become packets at flush; while
 * the packet channel is not writable they wait in this channel's own outbound buffer, so that writability is handed on.
 */
abstract class PacketFlow extends AbstractChannel {
    private static final ChannelMetadata METADATA = new ChannelMetadata(false);
    /** What a queued message costs besides its bytes: the objects around it. */
    private static final int MESSAGE_OVERHEAD = 256;

    final ExpiryList.Node<PacketFlow> idle = new ExpiryList.Node<>(this);

    private final PacketFlows<?> owner;
    private final ChannelConfig config = new DefaultChannelConfig(this);
    private @Nullable ArrayDeque<ByteBufHolder> queue;
    private int queuedBytes;
    private boolean open = true;
    private boolean readWanted;
    private boolean drainScheduled;
    private boolean touched;
    private boolean waiting;

    PacketFlow(PacketFlows<?> owner) {
        super(owner.port().channel());
        this.owner = owner;
    }

    /** The client's endpoint: who sent the flow's first packet, and whom all that is written goes to. */
    @Override
    public final InetSocketAddress remoteAddress() {
        return clientAddress();
    }

    abstract InetSocketAddress clientAddress();

    /** Leaves the table of its kind. */
    abstract void forget();

    /** Sends one message; its ownership stays with the caller. */
    abstract void send(Object message);

    /** Sends an ICMP error to the client; {@code quote}, what it is about, is released then. */
    final void sendError(ByteBuf quote, BiConsumer<IcmpErrors, ByteBuf> error) {
        try {
            error.accept(owner.port().errors(), quote);
        } finally {
            quote.release();
        }
        owner.port().scheduleFlush();
    }

    /** Takes ownership of a message and passes it on, now or when the reader asks. */
    final void deliver(ByteBufHolder message) {
        if (!open) {
            message.release();
            return;
        }
        if (readWanted && isRegistered() && (queue == null || queue.isEmpty())) {
            if (!touched) {
                touched = true;
                owner.port().touched(this);
            }
            pipeline().fireChannelRead(message);
            return;
        }
        int bytes = message.content().readableBytes();
        if (queue == null) {
            queue = new ArrayDeque<>(4);
        }
        if (queue.size() >= owner.port().config().maxQueuedDatagrams()
                || queuedBytes + bytes > owner.port().config().maxQueuedBytes()
                || !owner.isAffordable(bytes + MESSAGE_OVERHEAD)) {
            message.release();
            owner.countQueueFull();
            return;
        }
        queue.add(message);
        count(bytes, 1);
    }

    private void count(int bytes, int messages) {
        queuedBytes += bytes;
        owner.queued(bytes + messages * MESSAGE_OVERHEAD);
    }

    /** The batch of packets in which messages were delivered is over. */
    final void batchComplete() {
        touched = false;
        if (!isRegistered()) {
            return;
        }
        readWanted = false;
        pipeline().fireChannelReadComplete();
    }

    /** The packet channel is writable again. */
    final void resumeWrite() {
        waiting = false;
        ((MessageUnsafe) unsafe()).flush0();
    }

    private void drain() {
        drainScheduled = false;
        if (!open || !readWanted || queue == null || queue.isEmpty()) {
            return;
        }
        ByteBufHolder message;
        // A read is answered by what is there now; what the reader does in between must not keep the loop here forever.
        int left = queue.size();
        while (left-- > 0 && open && (message = queue.poll()) != null) {
            count(-message.content().readableBytes(), -1);
            pipeline().fireChannelRead(message);
        }
        if (queue.isEmpty()) {
            queue = null;
        }
        readWanted = false;
        pipeline().fireChannelReadComplete();
    }

    @Override
    protected final void doBeginRead() {
        readWanted = true;
        if (queue != null && !queue.isEmpty() && !drainScheduled) {
            // Not from here: the reader may ask again from within channelReadComplete, and the stack would grow.
            drainScheduled = true;
            eventLoop().execute(this::drain);
        }
    }

    @Override
    protected final void doWrite(ChannelOutboundBuffer in) {
        boolean written = false;
        Object message;
        while ((message = in.current()) != null) {
            if (!owner.port().isWritable()) {
                if (!waiting) {
                    waiting = true;
                    owner.port().awaitWritable(this);
                }
                written = true;
                break;
            }
            try {
                send(message);
            } catch (RuntimeException e) {
                in.remove(e);
                continue;
            }
            written = true;
            in.remove();
        }
        if (written) {
            owner.port().scheduleFlush();
        }
    }

    @Override
    protected final void doClose() {
        if (!open) {
            return;
        }
        open = false;
        owner.closed(this);
        if (queue != null) {
            count(-queuedBytes, -queue.size());
            queue.forEach(ByteBufHolder::release);
            queue = null;
        }
    }

    @Override
    public final boolean isOpen() {
        return open;
    }

    @Override
    public final boolean isActive() {
        return open;
    }

    @Override
    public final ChannelConfig config() {
        return config;
    }

    @Override
    public final ChannelMetadata metadata() {
        return METADATA;
    }

    @Override
    protected final boolean isCompatible(EventLoop loop) {
        return loop == owner.port().channel().eventLoop();
    }

    @Override
    protected final AbstractUnsafe newUnsafe() {
        return new MessageUnsafe();
    }

    @Override
    protected final @Nullable SocketAddress localAddress0() {
        return null;
    }

    @Override
    protected final SocketAddress remoteAddress0() {
        return clientAddress();
    }

    @Override
    protected final void doBind(SocketAddress localAddress) {
        throw new UnsupportedOperationException("bind " + this + ": a flow's addresses are those of its packets");
    }

    @Override
    protected final void doDisconnect() {
        doClose();
    }

    private final class MessageUnsafe extends AbstractUnsafe {
        @Override
        public void connect(SocketAddress remoteAddress, SocketAddress localAddress, ChannelPromise promise) {
            promise.tryFailure(new UnsupportedOperationException(
                    "connect " + PacketFlow.this + " to " + remoteAddress + ": a flow is connected by its client"));
        }

        @Override
        protected void flush0() {
            super.flush0();
        }
    }
}
