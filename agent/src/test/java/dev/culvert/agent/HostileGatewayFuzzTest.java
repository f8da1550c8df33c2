package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * A gateway that sends any frame in any order to an agent with real sockets, in a LAN on loopback whose hosts echo, talk
 * first, hang up, refuse, or keep silent. Nothing throws but what ends the link, nothing leaks, and when the link is gone
 * flows and sockets are too.
 */
@NullUnmarked
class HostileGatewayFuzzTest {
    private static final int STEPS = 120;
    private static final int PATIENCE = TestGateway.PATIENCE;
    private static final String LAN = "127.0.0.9";

    private static EventLoopGroup lanLoops;
    private static Channel echoing;
    private static Channel rude;
    private static Channel datagrams;
    private static TestGateway gateway;

    @BeforeAll
    static void start() throws Exception {
        lanLoops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        echoing = serve(new Echo(false));
        rude = serve(new Echo(true));
        datagrams = new Bootstrap()
                .group(lanLoops)
                .channel(NioDatagramChannel.class)
                .handler(new ChannelInboundHandlerAdapter() {
                    @Override
                    public void channelRead(ChannelHandlerContext ctx, Object msg) {
                        io.netty.channel.socket.DatagramPacket p = (io.netty.channel.socket.DatagramPacket) msg;
                        ctx.writeAndFlush(new io.netty.channel.socket.DatagramPacket(p.content(), p.sender()));
                    }
                })
                .bind(LAN, 0)
                .sync()
                .channel();
        gateway = new TestGateway();
    }

    @AfterAll
    static void stop() throws Exception {
        gateway.close();
        lanLoops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
    }

    private static Channel serve(ChannelInboundHandlerAdapter handler) throws Exception {
        return new ServerBootstrap()
                .group(lanLoops)
                .channel(NioServerSocketChannel.class)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childHandler(handler)
                .bind(LAN, 0)
                .sync()
                .channel();
    }

    /** A host that gives back what it gets, or one that says something and hangs up by a reset. */
    private static final class Echo extends ChannelInboundHandlerAdapter {
        private final boolean rude;

        Echo(boolean rude) {
            this.rude = rude;
        }

        @Override
        public boolean isSharable() {
            return true;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            if (rude) {
                ctx.channel().config().setOption(ChannelOption.SO_LINGER, 0);
                ctx.writeAndFlush(Unpooled.buffer().writeZero(50_000)).addListener(f -> ctx.close());
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ctx.writeAndFlush(msg);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            ctx.close();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    @FuzzTest(maxDuration = "1h")
    void frames(byte[] script) throws Exception {
        play(script);
    }

    @Test
    void randomScripts() throws Exception {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        System.out.println("seed " + seed + " (again with -Dculvert.seed)");
        Random random = new Random(seed);
        for (int run = 0; run < 60; run++) {
            byte[] script = new byte[1 + random.nextInt(600)];
            random.nextBytes(script);
            try {
                play(script);
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("culvert.seed=" + seed + " run=" + run, e);
            }
        }
    }

    /** Open sockets; files come and go with classes that are loaded. */
    private static long sockets() {
        long sockets = 0;
        for (File f : new File("/proc/self/fd").listFiles()) {
            try {
                if (Files.readSymbolicLink(f.toPath()).toString().startsWith("socket:")) {
                    sockets++;
                }
            } catch (IOException e) {
                // Closed meanwhile.
            }
        }
        return sockets;
    }

    private static void play(byte[] script) throws Exception {
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        ListAppender<ILoggingEvent> warnings = new ListAppender<>();
        warnings.start();
        root.addAppender(warnings);
        long before = sockets();
        FlowMultiplexer mux = new FlowMultiplexer(gateway.agent.attachments.get(0));
        Channel end;
        try (TestGateway.Wire wire = gateway.connect(mux)) {
            end = wire.agentsEnd;
            new Play(wire, ByteBuffer.wrap(script)).all();
        } finally {
            root.detachAppender(warnings);
        }
        Awaitility.await().atMost(Duration.ofSeconds(PATIENCE)).until(() -> !end.isOpen());
        // A link is closed before its handlers hear of it, and they end its flows in slices.
        Awaitility.await("flows end with their link")
                .atMost(Duration.ofSeconds(PATIENCE))
                .until(() -> end.eventLoop().submit(mux::flowCount).get(PATIENCE, TimeUnit.SECONDS) == 0);
        // Sockets of dials that were cancelled, and the LAN's ends of others, close in their own time; echo and UDP
        // sockets linger for their idle time only while flows use them.
        Awaitility.await("sockets are closed")
                .atMost(Duration.ofSeconds(PATIENCE))
                .until(() -> sockets() <= before);
        assertThat(warnings.list.stream()
                        .filter(e -> e.getLevel().isGreaterOrEqual(Level.WARN) && e.getThrowableProxy() != null)
                        .map(e -> e + " " + e.getThrowableProxy().getMessage()))
                .as("exceptions that nobody caught")
                .isEmpty();
    }

    /** One script: each step takes a byte for what to do, and more for how. */
    private static final class Play {
        private final TestGateway.Wire wire;
        private final ByteBuffer script;
        private final List<Integer> ids = new ArrayList<>();
        private int nextId = Frame.SERVER_OPENED;

        Play(TestGateway.Wire wire, ByteBuffer script) {
            this.wire = wire;
            this.script = script;
        }

        private int u8() {
            return script.hasRemaining() ? script.get() & 0xff : 0;
        }

        private int u16() {
            return u8() << 8 | u8();
        }

        void all() {
            try {
                for (int step = 0; step < STEPS && script.hasRemaining(); step++) {
                    step(u8());
                }
                drain();
            } catch (IOException e) {
                // The agent has closed the link: a violation.
            }
        }

        private void step(int what) throws IOException {
            switch (what % 16) {
                case 0, 1, 2, 3 -> open();
                case 4, 5, 6 -> wire.frame(Frame.DATA, u8() & 1, id(), new byte[u16() % 17_000]);
                case 7 -> wire.frame(Frame.FIN, 0, id(), new byte[0]);
                case 8 -> wire.frame(Frame.RESET, 0, id(), new byte[] {(byte) (u8() % 20)});
                case 9 -> wire.frame(Frame.CREDIT, 0, id(), new byte[] {0, (byte) (u8() % 3), (byte) u8(), 0});
                case 10, 11 -> wire.frame(Frame.DATAGRAM, u8() & 15, id(), some(u8()));
                case 12 -> drain();
                case 13 -> wire.frame(u8() % 16, u8(), u8() & 1, some(u8() % 64));
                case 14 -> wire.frame(Frame.OPENED + u8() % 2, 0, id(), some(8));
                default -> wire.frame(Frame.OPEN, 0, u8() % 4 == 0 ? u8() : nextId(), some(u8() % 40));
            }
        }

        private int nextId() {
            nextId++;
            ids.add(nextId);
            return nextId;
        }

        private void open() throws IOException {
            int kind = u8();
            int protocol = switch (kind % 6) {
                case 0, 1, 2 -> Destination.TCP;
                case 3, 4 -> Destination.UDP;
                default -> Destination.ICMP;
            };
            Channel to = switch (kind >>> 4 & 3) {
                case 0 -> rude;
                case 1, 2 -> protocol == Destination.UDP ? datagrams : echoing;
                default -> null;
            };
            int port = to == null ? 1 + u8() % 3 : ((InetSocketAddress) to.localAddress()).getPort();
            Destination destination = kind >>> 6 == 3
                    ? Destination.ofName(protocol, kind == 0xff ? "nowhere.invalid" : "localhost", port)
                    : Destination.of(
                            protocol, InetAddress.getByName(kind >>> 6 == 2 && u8() == 0 ? "10.9.9.9" : LAN), port);
            wire.open(
                    nextId(),
                    new OpenRequest(
                            destination,
                            "office",
                            "client#" + u8() % 2,
                            new InetSocketAddress("10.9.0.2", 1 + u8() % 3),
                            protocol == Destination.TCP ? u16() : 0,
                            1000,
                            null));
        }

        private int id() {
            int which = u8();
            return ids.isEmpty() || which == 255 ? which : ids.get(Math.max(0, ids.size() - 1 - which % 8));
        }

        private byte[] some(int length) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length && i < 40; i++) {
                bytes[i] = (byte) u8();
            }
            return bytes;
        }

        /** Reads what the agent has sent, up to its answer to a PING. */
        private void drain() throws IOException {
            long mark = script.position() + 0x5eed_0000_0000L;
            wire.frame(Frame.PING, 0, 0, ByteBuffer.allocate(8).putLong(mark).array());
            ByteBuffer message;
            do {
                message = wire.next();
            } while (message.get(0) != Frame.PONG || message.getLong(8) != mark);
        }
    }
}
