package dev.culvert.agent;

import dev.culvert.tun.icmp.DatagramSender;
import dev.culvert.tun.icmp.IcmpError;
import dev.culvert.tun.icmp.IcmpErrorQueue;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DatagramPacket;
import java.io.IOException;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * An unconnected datagram socket, UDP or ping, whose owner hears what the network answers to what it has sent. An ICMP error
 * about one datagram makes the next send or receive of the socket fail, whoever that is for: the errors are taken then, and
 * what could not be sent for an error about another is sent once more. The last handler of its channel; event loop only.
 */
final class ErrorTellingSocket extends ChannelInboundHandlerAdapter {
    /** Whose socket it is. */
    interface Owner {
        /** Takes {@code packet}. */
        void received(DatagramPacket packet);

        /** What the network says of a datagram; {@code quoted} is good for this call only. */
        void error(InetSocketAddress destination, IcmpError error, ByteBuf quoted);

        /** What had come has been told: time to flush. */
        void toldAll();

        /** A datagram of {@code bytes} that was written has left or is lost. */
        default void left(int bytes) {}

        /** Whether what could not be sent to {@code to} is still to be. */
        default boolean wants(InetSocketAddress to) {
            return true;
        }

        /** A datagram was not sent. @param forAnother because of an error about another, which has been told */
        void notSent(InetSocketAddress to, Throwable cause, boolean forAnother);

        /** The system says, where it has no queue of errors, that something has failed. */
        default void failed(Throwable cause) {}

        /** The socket is closed. */
        default void closed() {}
    }

    /** Native buffers that the sockets of one event loop share; null where the system cannot. */
    static final class Natives {
        private final @Nullable IcmpErrorQueue errors = IcmpErrorQueue.isAvailable() ? new IcmpErrorQueue() : null;

        /** Else low hop limits are those of any datagram, and empty ones are lost. */
        private final @Nullable DatagramSender sender = DatagramSender.isAvailable() ? new DatagramSender() : null;
    }

    private final Channel channel;
    private final Natives natives;
    private final Owner owner;
    private final IcmpErrorQueue.Sink sink;
    private boolean read;
    private boolean wrote;

    /** @param channel not registered yet; whoever registers it closes it */
    ErrorTellingSocket(Channel channel, Natives natives, Owner owner) {
        this.channel = channel;
        this.natives = natives;
        this.owner = owner;
        this.sink = owner::error;
        IcmpErrorQueue.enable(channel, false);
        IcmpErrorQueue.enable(channel, true); // one of them fails on a socket of one family only
        channel.pipeline().addLast(this);
    }

    /** Whether it is for {@link #sendAtOnce}: Netty knows no hop limit, and loses an empty datagram, or another instead. */
    boolean isSpecial(ByteBuf content, int hopLimit) {
        return natives.sender != null && (hopLimit != 0 || !content.isReadable());
    }

    /**
     * Sends past what waits.
     *
     * @param content is taken
     * @param hopLimit 0 for the system's
     * @return false if the socket is full
     */
    boolean sendAtOnce(ByteBuf content, InetSocketAddress to, int hopLimit) {
        DatagramSender sender = natives.sender;
        flush(); // what was sent before goes before
        try {
            if (sender == null) {
                return false;
            }
            for (boolean again = false; ; again = true) {
                try {
                    return sender.send(channel, content, to, hopLimit == 0 ? DatagramSender.DEFAULT : hopLimit);
                } catch (IOException e) {
                    boolean errors = takeErrors();
                    if (!errors || again) {
                        owner.notSent(to, e, errors);
                        return true;
                    }
                }
            }
        } finally {
            content.release();
        }
    }

    /** Sends with the next {@link #flush()}; {@code content} is taken. */
    void write(ByteBuf content, InetSocketAddress to) {
        wrote = true;
        DatagramPacket packet = new DatagramPacket(content, to);
        packet.retain(); // until it is known to be sent
        channel.write(packet).addListener(new Sent(packet));
    }

    void flush() {
        if (wrote) {
            wrote = false;
            channel.flush();
        }
    }

    /** Returns whether there was any. */
    private boolean takeErrors() {
        IcmpErrorQueue errors = natives.errors;
        if (errors == null || errors.drain(channel, sink) == 0) {
            return false;
        }
        owner.toldAll();
        return true;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        read = true;
        owner.received((DatagramPacket) msg);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (!read) {
            takeErrors(); // it was errors that woke us
        }
        read = false;
        owner.toldAll();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // Where there is a queue the error comes through it, perhaps already, just before in channelReadComplete.
        if (natives.errors == null) {
            owner.failed(cause);
        } else {
            takeErrors();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        owner.closed();
    }

    /** Looks after one datagram that was written. */
    private final class Sent implements ChannelFutureListener {
        private final DatagramPacket packet;
        private final int bytes;
        private boolean again;

        Sent(DatagramPacket packet) {
            this.packet = packet;
            this.bytes = packet.content().readableBytes();
        }

        @Override
        public void operationComplete(ChannelFuture future) {
            if (future.isSuccess()) {
                end();
                return;
            }
            boolean errors = takeErrors();
            if (errors && !again && channel.isActive() && owner.wants(packet.recipient())) {
                again = true;
                packet.retain();
                channel.writeAndFlush(packet).addListener(this);
                return;
            }
            end();
            owner.notSent(packet.recipient(), future.cause(), errors);
        }

        private void end() {
            packet.release();
            owner.left(bytes);
        }
    }
}
