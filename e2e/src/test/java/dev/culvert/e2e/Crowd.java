package dev.culvert.e2e;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program: many connections from many addresses, all of one kind, opened a few at a time. Each second it says how many are open and
 * how many have been ended by the other side; with the first of those lines that says {@code ALL} as many were open as it was told.
 *
 * <pre>
 *  idle1  HTTP/1.1, kept alive behind an answer     head   a request's head, a byte a second
 *  idle2  HTTP/2, without a stream behind an answer  body   a request's body, a byte a second
 *  hello  a ClientHello, a byte a second            read   a large answer, which is not read
 * </pre>
 *
 * Those that are idle ask again now and then, as browsers do, and come back when they are ended; the others do not.
 */
final class Crowd {
    /** So many have not been answered at once: strangers have bounds. */
    private static final int OPENING = 48;

    private static final long SIP_SECONDS = 1;
    private static final long AGAIN_SECONDS = 40;

    private final String kind;
    private final int count;
    private final InetSocketAddress gateway;
    private final String name;
    private final List<String> addresses;
    private final SslContext tls;
    private final EventLoop loop;

    private int begun;
    private int opening;
    private int open;
    private int ended;
    private int failed;

    private Crowd(
            String kind, int count, InetSocketAddress gateway, String name, List<String> addresses, EventLoop loop)
            throws Exception {
        this.kind = kind;
        this.count = count;
        this.gateway = gateway;
        this.name = name;
        this.addresses = addresses;
        this.loop = loop;
        SslContextBuilder builder = SslContextBuilder.forClient()
                .sslProvider(SslProvider.OPENSSL) // half of the machine's work is the crowd's
                .trustManager(InsecureTrustManagerFactory.INSTANCE);
        if (kind.equals("idle2")) {
            builder.applicationProtocolConfig(new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    "h2"));
        }
        tls = builder.build();
    }

    /** Arguments: kind, how many, the gateway's address and port, the name, addresses of this machine with commas between. */
    public static void main(String[] args) throws Exception {
        EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        Crowd crowd = new Crowd(
                args[0],
                Integer.parseInt(args[1]),
                new InetSocketAddress(args[2], Integer.parseInt(args[3])),
                args[4],
                Arrays.asList(args[5].split(",")),
                group.next());
        group.next().execute(crowd::more);
        group.next().scheduleAtFixedRate(crowd::say, 1, 1, TimeUnit.SECONDS);
        group.terminationFuture().sync(); // until the process is ended
    }

    private void say() {
        System.out.println("open " + open + " ended " + ended + " failed " + failed + (open == count ? " ALL" : ""));
    }

    /** On the loop, as all that follows. */
    private void more() {
        while (opening < OPENING && open + opening < count && (begun < count || kind.startsWith("idle"))) {
            opening++;
            String from = addresses.get(begun++ % addresses.size());
            Bootstrap bootstrap = new Bootstrap()
                    .group(loop)
                    .channel(NioSocketChannel.class)
                    .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, 60_000)
                    .handler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel channel) {
                            begin(channel);
                        }
                    });
            if (kind.equals("read")) {
                bootstrap.option(ChannelOption.SO_RCVBUF, 4096).option(ChannelOption.AUTO_READ, false);
            }
            bootstrap.connect(gateway, new InetSocketAddress(from, 0)).addListener(connected -> {
                if (!connected.isSuccess()) {
                    opening--;
                    failed++;
                    loop.schedule(this::more, 1, TimeUnit.SECONDS);
                }
            });
        }
    }

    private void begin(Channel channel) {
        if (!kind.equals("hello")) {
            SslHandler handler = tls.newHandler(channel.alloc(), name, gateway.getPort());
            handler.setHandshakeTimeoutMillis(120_000);
            channel.pipeline().addLast(handler);
        }
        channel.pipeline().addLast(new Member());
    }

    private final class Member extends SimpleChannelInboundHandler<ByteBuf> {
        private final ByteBuf frames = Unpooled.buffer();
        private boolean isOpen;
        private boolean isGone;
        private int stream = 1;

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            ctx.read(); // of the handshake, where the rest is not read
            if (kind.equals("hello")) {
                say(ctx, HexFormat.of().parseHex("16030102000100"));
                opened(ctx);
                sip(ctx);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            if (!isOpen) {
                ctx.read();
            }
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (!(event instanceof SslHandshakeCompletionEvent done) || !done.isSuccess()) {
                return;
            }
            switch (kind) {
                case "idle1" -> ask(ctx);
                case "idle2" -> {
                    say(ctx, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                    say(
                            ctx,
                            HexFormat.of()
                                    .parseHex("000000040000000000" + "000000040100000000")); // SETTINGS, and an answer
                    ask(ctx);
                }
                case "head" -> {
                    say(ctx, "GET / HTTP/1.1\r\nHost: " + name + "\r\nX-Slow: ");
                    opened(ctx);
                    sip(ctx);
                }
                case "body" -> {
                    say(ctx, "PUT /up HTTP/1.1\r\nHost: " + name + "\r\nContent-Length: 1000000\r\n\r\n");
                    opened(ctx);
                    sip(ctx);
                }
                case "read" -> {
                    say(ctx, "GET /big HTTP/1.1\r\nHost: " + name + "\r\n\r\n");
                    opened(ctx);
                }
                default -> throw new IllegalArgumentException(kind);
            }
        }

        private void say(ChannelHandlerContext ctx, String text) {
            say(ctx, text.getBytes(StandardCharsets.US_ASCII));
        }

        private void say(ChannelHandlerContext ctx, byte[] bytes) {
            ctx.writeAndFlush(Unpooled.wrappedBuffer(bytes));
        }

        private void sip(ChannelHandlerContext ctx) {
            loop.schedule(
                    () -> {
                        if (!isGone) {
                            say(ctx, "a");
                            sip(ctx);
                        }
                    },
                    SIP_SECONDS,
                    TimeUnit.SECONDS);
        }

        private void ask(ChannelHandlerContext ctx) {
            if (kind.equals("idle1")) {
                say(ctx, "GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n");
                return;
            }
            // HEADERS that end a stream (RFC 9113 6.2): GET, https and / of HPACK's table, and the name.
            ByteBuf head = Unpooled.buffer();
            head.writeMedium(5 + name.length()).writeByte(1).writeByte(0x5).writeInt(stream);
            head.writeByte(0x82).writeByte(0x87).writeByte(0x84).writeByte(0x41).writeByte(name.length());
            head.writeCharSequence(name, StandardCharsets.US_ASCII);
            stream += 2;
            ctx.writeAndFlush(head);
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, ByteBuf in) {
            if (!kind.startsWith("idle")) {
                return; // 408
            }
            boolean answered = kind.equals("idle1");
            if (!answered) {
                frames.discardReadBytes().writeBytes(in);
                while (frames.readableBytes() >= 9
                        && frames.readableBytes() >= 9 + frames.getMedium(frames.readerIndex())) {
                    int length = frames.readMedium();
                    int type = frames.readByte();
                    int flags = frames.readByte();
                    frames.skipBytes(4 + length);
                    answered |= type <= 1 && (flags & 1) != 0; // DATA or HEADERS, the last of a stream
                }
            }
            if (answered) {
                opened(ctx);
                loop.schedule(
                        () -> {
                            if (!isGone) {
                                ask(ctx);
                            }
                        },
                        AGAIN_SECONDS,
                        TimeUnit.SECONDS);
            }
        }

        private void opened(ChannelHandlerContext ctx) {
            if (!isOpen && !isGone) {
                isOpen = true;
                opening--;
                open++;
                if (ctx.channel().isActive()) {
                    more();
                }
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            isGone = true;
            frames.release();
            if (isOpen) {
                open--;
                ended++;
            } else {
                opening--;
                failed++;
            }
            loop.schedule(Crowd.this::more, 1, TimeUnit.SECONDS);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
