package dev.culvert.tunnel.names;

import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.socket.DatagramPacket;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One question, put to one name server after the other until one answers it, byte for byte but for its id. Each attempt has a socket and
 * an id of its own, so that nobody who does not see the question can answer it (RFC 5452). Event loop only.
 */
public final class ServerQuestion {
    /** For a server to answer a datagram; then the next is asked. A stub resolver waits for five seconds. */
    static final Duration PATIENCE = Duration.ofSeconds(2);

    /** For a connection and its answer. */
    static final Duration PATIENCE_TCP = Duration.ofSeconds(4);

    /** Of whom sockets are had. Event loop. */
    public interface Sockets {
        /**
         * @param stream whether it is one of TCP
         * @return whether one may be opened; then it is given back, once
         */
        boolean take(boolean stream);

        void give(boolean stream);

        /** One could not be opened although it might have been; it has been given back. */
        void failed(Throwable cause);
    }

    private static final SecureRandom RANDOM = new SecureRandom();

    private final EventLoop loop;
    private final Sockets sockets;
    private final DnsMessage question;
    private final ByteBuf message;
    private final boolean stream;
    private final Consumer<ByteBuf> done;
    private final Iterator<InetSocketAddress> servers;
    private @Nullable Channel socket;
    private @Nullable ScheduledFuture<?> deadline;

    /** What a server said that did not want to, or could not: the answer if no other says better. */
    private @Nullable ByteBuf failure;

    private int id;
    private boolean over;

    /**
     * @param message the question's bytes; taken
     * @param stream whether it is asked over TCP
     * @param done told the answer, which is its to release; a failure of ours when no server has one. Once, after {@link #start} has returned
     */
    public ServerQuestion(
            EventLoop loop,
            Sockets sockets,
            List<InetSocketAddress> servers,
            DnsMessage question,
            ByteBuf message,
            boolean stream,
            Consumer<ByteBuf> done) {
        this.loop = loop;
        this.sockets = sockets;
        this.servers = servers.iterator();
        this.question = question;
        this.message = message;
        this.stream = stream;
        this.done = done;
    }

    /** Begins; once. */
    public void start() {
        loop.execute(this::next);
    }

    /** Nobody wants to know any more: {@code done} is told nothing. */
    public void cancel() {
        if (!over) {
            end();
        }
    }

    private void next() {
        if (over) {
            return;
        }
        closeSocket();
        if (!servers.hasNext()) {
            ByteBuf answer = failure;
            failure = null;
            finish(
                    answer != null
                            ? answer
                            : question.answer(message.alloc(), message, DnsMessage.SERVER_FAILURE, false));
            return;
        }
        InetSocketAddress server = servers.next();
        if (!sockets.take(stream)) {
            loop.execute(this::next); // in the end it has not been answered
            return;
        }
        id = RANDOM.nextInt(0x10000);
        Attempt attempt = new Attempt();
        ChannelFuture connecting;
        try {
            connecting = connect(server, attempt);
        } catch (RuntimeException e) { // Netty wraps what socket(2) says
            sockets.give(stream);
            sockets.failed(e);
            loop.execute(this::next);
            return;
        }
        Channel channel = connecting.channel();
        if (!channel.isOpen()) {
            sockets.give(stream);
            Throwable cause = connecting.cause();
            if (cause != null && !channel.isRegistered()) { // Netty's stand-in for one that was not to be had
                sockets.failed(cause);
            }
            loop.execute(this::next);
            return;
        }
        channel.closeFuture().addListener(f -> sockets.give(stream));
        socket = channel;
        deadline = loop.schedule(this::next, (stream ? PATIENCE_TCP : PATIENCE).toMillis(), TimeUnit.MILLISECONDS);
        connecting.addListener(f -> loop.execute(() -> {
            if (socket != channel) {
                return;
            }
            if (f.isSuccess()) {
                attempt.send(channel);
            } else {
                next();
            }
        }));
    }

    private ChannelFuture connect(InetSocketAddress server, Attempt attempt) {
        if (stream) {
            return new Bootstrap()
                    .group(loop)
                    .channel(EventLoops.socketChannel())
                    .option(ChannelOption.TCP_NODELAY, true)
                    .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) PATIENCE_TCP.toMillis())
                    .handler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel ch) {
                            ch.pipeline()
                                    .addLast(new LengthFieldBasedFrameDecoder(DnsMessage.MAX + 2, 0, 2, 0, 2))
                                    .addLast(attempt);
                        }
                    })
                    .connect(server);
        }
        return new Bootstrap()
                .group(loop)
                .channelFactory(() -> EventLoops.newDatagramChannel(server.getAddress()))
                .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(DnsMessage.MAX))
                .handler(attempt)
                .connect(server);
    }

    /** What is read into is as large as the largest answer, and answers wait to be sent. */
    private static ByteBuf sized(ByteBuf content) {
        ByteBuf copy = content.alloc().directBuffer(content.readableBytes()).writeBytes(content);
        content.release();
        return copy;
    }

    private void answered(ByteBuf answer) {
        DnsMessage read = DnsMessage.read(answer);
        if (read == null && DnsMessage.isBareError(answer, id)) {
            // Of a server that could not read it, as those that do not know EDNS: whoever asked tries without (RFC 6891
            // section 6.2.2).
            int code = answer.getUnsignedShort(answer.readerIndex() + 2) & DnsMessage.RCODE;
            answer.release();
            finish(question.answer(message.alloc(), message, code, false));
            return;
        }
        if (read == null || !read.answers(question, id)) {
            answer.release(); // somebody guesses; the server's may still come
            return;
        }
        answer.setShort(answer.readerIndex(), question.id());
        boolean refused = read.responseCode() == DnsMessage.SERVER_FAILURE
                || read.responseCode() == DnsMessage.REFUSED
                || read.responseCode() == DnsMessage.NOT_IMPLEMENTED;
        if (refused && servers.hasNext()) {
            if (failure == null) {
                failure = answer;
            } else {
                answer.release();
            }
            next();
            return;
        }
        finish(answer);
    }

    private void finish(ByteBuf answer) {
        end();
        done.accept(answer);
    }

    private void end() {
        over = true;
        closeSocket();
        message.release();
        if (failure != null) {
            failure.release();
            failure = null;
        }
    }

    private void closeSocket() {
        if (deadline != null) {
            deadline.cancel(false);
            deadline = null;
        }
        Channel channel = socket;
        socket = null;
        if (channel != null) {
            channel.close();
        }
    }

    /** One server, one socket. */
    private final class Attempt extends ChannelInboundHandlerAdapter {
        void send(Channel channel) {
            int length = message.readableBytes();
            ByteBuf out = channel.alloc().directBuffer(length + 2);
            if (stream) {
                out.writeShort(length);
            }
            out.writeShort(id).writeBytes(message, message.readerIndex() + 2, length - 2);
            channel.writeAndFlush(out);
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf content = msg instanceof DatagramPacket packet ? packet.content() : (ByteBuf) msg;
            if (ctx.channel() != socket) {
                ReferenceCountUtil.release(content);
            } else {
                answered(sized(content));
            }
        }

        /** Refused, unreachable, reset: said by the system, so there is no need to wait. */
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            failed(ctx.channel());
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            failed(ctx.channel());
        }

        private void failed(Channel channel) {
            if (channel == socket) {
                next();
            }
        }
    }
}
