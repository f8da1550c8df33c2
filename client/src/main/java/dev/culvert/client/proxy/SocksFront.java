package dev.culvert.client.proxy;

import dev.culvert.address.IpLiteral;
import dev.culvert.client.forward.SocketSplice;
import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.text.Printable;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The handshake of SOCKS5 (RFC 1928, RFC 1929) and SOCKS4, whose names (4a) a client may use, too: CONNECT, and UDP ASSOCIATE of version
 * 5. BIND there is not. Each message is short, so what waits to be whole is, too. Event loop only.
 */
final class SocksFront extends ChannelInboundHandlerAdapter {
    static final int VERSION_5 = 5;
    static final int VERSION_4 = 4;

    private static final int CONNECT = 1;
    private static final int ASSOCIATE = 3;

    private static final int NO_AUTHENTICATION = 0;
    private static final int BY_PASSWORD = 2;
    private static final int NO_METHOD = 0xff;
    private static final int PASSWORD_VERSION = 1;

    /** Of a user's name or a host's in SOCKS4, which end with a zero. */
    private static final int MAX_TEXT = 255;

    private static final int GRANTED_4 = 90;
    private static final int REJECTED_4 = 91;

    private enum State {
        GREETING,
        PASSWORD,
        REQUEST,
        REQUEST_4,
        /** The handshake is over, in one way or the other. */
        DONE,
        /** The connection stands for a socket of datagrams, and says nothing more. */
        ASSOCIATED
    }

    private final ProxySettings settings;
    private final Deadline deadline;
    private ByteBuf bytes = Unpooled.EMPTY_BUFFER;
    private @Nullable State state;

    SocksFront(ProxySettings settings, Deadline deadline) {
        this.settings = settings;
        this.deadline = deadline;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ByteBuf in = (ByteBuf) msg;
        if (state == State.ASSOCIATED || state == State.DONE) {
            in.release();
            return;
        }
        ByteBuf before = take();
        if (before.isReadable()) {
            bytes = ctx.alloc()
                    .buffer(before.readableBytes() + in.readableBytes())
                    .writeBytes(before)
                    .writeBytes(in);
            in.release();
        } else {
            bytes = in;
        }
        before.release();
        boolean more = true;
        while (more && state != State.DONE && state != State.ASSOCIATED) {
            more = bytes.isReadable() && parse(ctx);
        }
        if (state == State.DONE && ctx.channel().isActive() && ctx.pipeline().last() != this) {
            if (bytes.isReadable()) {
                ctx.fireChannelRead(take()); // it comes before the reply, and is the far side's
            }
            ctx.pipeline().remove(this);
        }
    }

    /** What has been read and not used, which is the callee's. */
    private ByteBuf take() {
        ByteBuf all = bytes;
        bytes = Unpooled.EMPTY_BUFFER;
        return all;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (state != State.DONE) {
            ctx.read();
        }
    }

    /** @return whether there was a whole message */
    private boolean parse(ChannelHandlerContext ctx) {
        if (state == null) {
            state = bytes.getUnsignedByte(bytes.readerIndex()) == VERSION_4 ? State.REQUEST_4 : State.GREETING;
        }
        return switch (state) {
            case GREETING -> greeting(ctx);
            case PASSWORD -> password(ctx);
            case REQUEST -> request(ctx);
            case REQUEST_4 -> request4(ctx);
            case DONE, ASSOCIATED -> false;
        };
    }

    private boolean greeting(ChannelHandlerContext ctx) {
        int start = bytes.readerIndex();
        if (bytes.readableBytes() < 2 || bytes.readableBytes() < 2 + bytes.getUnsignedByte(start + 1)) {
            return false;
        }
        if (bytes.readUnsignedByte() != VERSION_5) {
            close(ctx);
            return true;
        }
        int wanted = settings.credentials() == null ? NO_AUTHENTICATION : BY_PASSWORD;
        boolean offered = false;
        for (int n = bytes.readUnsignedByte(); n > 0; n--) {
            offered |= bytes.readUnsignedByte() == wanted;
        }
        ByteBuf reply = ctx.alloc().buffer(2).writeByte(VERSION_5).writeByte(offered ? wanted : NO_METHOD);
        if (offered) {
            state = wanted == BY_PASSWORD ? State.PASSWORD : State.REQUEST;
            ctx.writeAndFlush(reply, ctx.voidPromise());
        } else {
            endWith(ctx, reply);
        }
        return true;
    }

    private boolean password(ChannelHandlerContext ctx) {
        int start = bytes.readerIndex();
        int have = bytes.readableBytes();
        int user = have < 2 ? 0 : bytes.getUnsignedByte(start + 1);
        if (have < 3 + user || have < 3 + user + bytes.getUnsignedByte(start + 2 + user)) {
            return false;
        }
        boolean known = bytes.readUnsignedByte() == PASSWORD_VERSION;
        byte[] name = new byte[bytes.readUnsignedByte()];
        bytes.readBytes(name);
        byte[] password = new byte[bytes.readUnsignedByte()];
        bytes.readBytes(password);
        Credentials credentials = settings.credentials();
        if (known && credentials != null && credentials.match(name, password)) {
            state = State.REQUEST;
            ctx.writeAndFlush(ctx.alloc().buffer(2).writeByte(PASSWORD_VERSION).writeByte(0), ctx.voidPromise());
        } else {
            state = State.DONE;
            deadline.end();
            ctx.executor()
                    .schedule(
                            () -> endWith(
                                    ctx,
                                    ctx.alloc()
                                            .buffer(2)
                                            .writeByte(PASSWORD_VERSION)
                                            .writeByte(1)),
                            ProxySettings.WRONG_PASSWORD_MILLIS,
                            TimeUnit.MILLISECONDS);
        }
        return true;
    }

    private boolean request(ChannelHandlerContext ctx) {
        if (bytes.readableBytes() < 5) {
            return false;
        }
        ByteBuf address = bytes.slice(bytes.readerIndex() + 3, bytes.readableBytes() - 3);
        int length = SocksAddress.length(address);
        if (length < 0 || address.readableBytes() < length) {
            return false;
        }
        boolean version = bytes.readUnsignedByte() == VERSION_5;
        int command = bytes.readUnsignedByte();
        bytes.skipBytes(1 + length); // RSV
        if (!version) {
            close(ctx);
        } else if (length == 0) {
            refuse(ctx, Refusals.ADDRESS_TYPE_NOT_SUPPORTED);
        } else if (command == CONNECT) {
            try {
                connect(ctx, SocksAddress.read(address, Destination.TCP), VERSION_5);
            } catch (IllegalArgumentException e) {
                complain(e);
                refuse(ctx, Refusals.GENERAL_FAILURE);
            }
        } else if (command == ASSOCIATE) {
            // The address that it says it will send from may be anything, its own behind a NAT: the connection's is
            // known. The port is
            // its word alone.
            associate(ctx, SocksAddress.port(address));
        } else {
            refuse(ctx, Refusals.COMMAND_NOT_SUPPORTED);
        }
        return true;
    }

    /** Version, command, port, address, user, zero; and, when the address is 0.0.0.x, the host's name, zero. */
    private boolean request4(ChannelHandlerContext ctx) {
        int start = bytes.readerIndex();
        if (bytes.readableBytes() < 8 + 1) {
            return false;
        }
        int user = zero(start + 8);
        boolean named = bytes.getInt(start + 4) >>> 8 == 0 && bytes.getByte(start + 7) != 0;
        int name = user >= 0 && named ? zero(user + 1) : user;
        if (user == -1 || name == -1) {
            return false;
        }
        int command = bytes.getUnsignedByte(start + 1);
        if (user < 0 || name < 0 || command != CONNECT || settings.credentials() != null) {
            endWith(ctx, reply4(ctx, REJECTED_4)); // a user's name proves nothing
            return true;
        }
        int port = bytes.getUnsignedShort(start + 2);
        try {
            Destination to;
            if (named) {
                bytes.readerIndex(user + 1);
                to = FlowTarget.destination(Destination.TCP, SocksAddress.text(bytes, name - user - 1), port);
            } else {
                byte[] address = new byte[4];
                bytes.getBytes(start + 4, address);
                to = Destination.of(Destination.TCP, IpLiteral.fromBytes(address), port);
            }
            bytes.readerIndex(name + 1);
            connect(ctx, to, VERSION_4);
        } catch (IllegalArgumentException e) {
            complain(e);
            endWith(ctx, reply4(ctx, REJECTED_4));
        }
        return true;
    }

    /** Where the zero is that ends a text; -1 when it may still come, -2 when the text is too long. */
    private int zero(int from) {
        int most = Math.min(bytes.writerIndex(), from + MAX_TEXT + 1);
        int at = bytes.indexOf(from, most, (byte) 0);
        return at >= 0 ? at : most - from > MAX_TEXT ? -2 : -1;
    }

    private void complain(IllegalArgumentException e) {
        settings.complaints().say(String.valueOf(e.getMessage()));
    }

    private void connect(ChannelHandlerContext ctx, Destination to, int version) {
        state = State.DONE;
        deadline.end();
        Channel channel = ctx.channel();
        InetSocketAddress source = channel.remoteAddress() instanceof InetSocketAddress inet ? inet : null;
        SocketSplice.begin(
                channel, handler -> settings.destinations().open(to, source, handler), new SocketSplice.Outcome() {
                    @Override
                    public void opened(LinkFlow flow) {
                        channel.writeAndFlush(
                                version == VERSION_5 ? reply(ctx, Refusals.SUCCEEDED) : reply4(ctx, GRANTED_4),
                                channel.voidPromise());
                    }

                    @Override
                    public void refused(FlowException why) {
                        settings.complaints().say(new FlowTarget(null, to).why(why));
                        channel.writeAndFlush(
                                        version == VERSION_5
                                                ? reply(ctx, Refusals.socks(why.reason()))
                                                : reply4(ctx, REJECTED_4))
                                .addListener(ChannelFutureListener.CLOSE);
                    }
                });
    }

    private void associate(ChannelHandlerContext ctx, int port) {
        state = State.ASSOCIATED;
        deadline.end();
        SocksDatagrams.open(ctx.channel(), port, settings).addListener((ChannelFuture binding) -> {
            Channel socket = binding.channel();
            if (!binding.isSuccess()) {
                noDatagrams(
                        ctx, Printable.shorten(String.valueOf(binding.cause().getMessage())));
                return;
            }
            if (!ctx.channel().isActive() || !settings.connections().enter(socket)) {
                socket.close();
                noDatagrams(ctx, "there are too many connections");
                return;
            }
            ctx.channel().closeFuture().addListener(closed -> socket.close());
            socket.closeFuture().addListener(closed -> ctx.close());
            ByteBuf reply = ctx.alloc()
                    .buffer()
                    .writeByte(VERSION_5)
                    .writeByte(Refusals.SUCCEEDED)
                    .writeByte(0);
            SocksAddress.write((InetSocketAddress) socket.localAddress(), reply);
            ctx.writeAndFlush(reply, ctx.voidPromise());
        });
    }

    private void noDatagrams(ChannelHandlerContext ctx, String why) {
        if (ctx.channel().isActive()) {
            settings.complaints().say("SOCKS: no socket for datagrams: " + why);
            refuse(ctx, Refusals.GENERAL_FAILURE);
        }
    }

    private void refuse(ChannelHandlerContext ctx, int code) {
        endWith(ctx, reply(ctx, code));
    }

    private static ByteBuf reply(ChannelHandlerContext ctx, int code) {
        ByteBuf reply = ctx.channel()
                .alloc()
                .buffer(10)
                .writeByte(VERSION_5)
                .writeByte(code)
                .writeByte(0);
        SocksAddress.writeNone(reply);
        return reply;
    }

    private static ByteBuf reply4(ChannelHandlerContext ctx, int code) {
        return ctx.channel().alloc().buffer(8).writeByte(0).writeByte(code).writeZero(6);
    }

    private void endWith(ChannelHandlerContext ctx, ByteBuf reply) {
        state = State.DONE;
        deadline.end();
        ctx.channel().writeAndFlush(reply).addListener(ChannelFutureListener.CLOSE);
    }

    private void close(ChannelHandlerContext ctx) {
        state = State.DONE;
        ctx.close();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            ctx.close(); // nothing can come of it any more
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        deadline.end();
        ctx.fireChannelInactive();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        ReferenceCountUtil.release(take());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }
}
