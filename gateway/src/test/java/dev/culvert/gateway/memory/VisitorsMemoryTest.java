package dev.culvert.gateway.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.limit.Holders;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.IncomingFlow;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is kept for visitors who do not read is known, bounded for each, and given back when memory is short. */
@NullUnmarked
final class VisitorsMemoryTest {
    private static final int MANY = 200;

    /** What one is kept at most: two water marks of 64 KiB, what was read in one go beyond each, its first credit, its own cost. */
    private static final long EACH = 512 << 10;

    /** Of the memory for buffers all windows together grow by this part. */
    private static final int WINDOWS = 4;

    /** What an answer in HTTP/2 may have on its way to a browser. */
    private static final long STREAM_WINDOW = 256 << 10;

    /** Takes every certificate. */
    private static final TrustManager ANY = new X509TrustManager() {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    };

    private static final long MILLIS = 1_000L * TestNetwork.PATIENCE;

    @TempDir
    Path dir;

    private final List<Socket> sockets = new ArrayList<>();
    private TestNetwork net;
    private Peer agent;
    private int endless;
    private int echo;

    @BeforeEach
    void start() throws Exception {
        try (ServerSocket a = new ServerSocket(0);
                ServerSocket b = new ServerSocket(0)) {
            endless = a.getLocalPort();
            echo = b.getLocalPort();
        }
        Path pem = dir.resolve("app.pem");
        ServerCertificate app =
                StateDirectory.openOrCreate(dir.resolve("authority")).serverCertificate(List.of("app.test"));
        Files.writeString(pem, Certificate.of(List.of(app.chain()), app.key()).pem());
        net = new TestNetwork(
                dir.resolve("state"),
                true,
                2,
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null));
        agent = net.publishingAgent(
                "office",
                VisitorsMemoryTest::serve,
                List.of("10.0.0.0/24"),
                List.of("app.test", ":1024-65535/tcp"),
                List.of("tcp:" + endless + "=10.0.0.9:1", "tcp:" + echo + "=10.0.0.9:7", "app.test=h2c://10.0.0.9:2"));
        await().ignoreExceptions().until(() -> {
            connect(echo).close();
            return true;
        });
    }

    @AfterEach
    void stop() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        net.close();
    }

    private static void serve(IncomingFlow flow) {
        if (flow.request().destination().port() == 7) {
            TestFlow.echo(flow);
            return;
        }
        if (flow.request().destination().port() == 2) {
            flow.accept(new EndlessAnswers(), false);
            return;
        }
        flow.accept(
                new ChannelInboundHandlerAdapter() {
                    @Override
                    public void channelActive(ChannelHandlerContext ctx) {
                        fill(ctx);
                    }

                    @Override
                    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
                        fill(ctx);
                    }

                    private void fill(ChannelHandlerContext ctx) {
                        while (ctx.channel().isWritable()) {
                            ctx.writeAndFlush(ctx.alloc().directBuffer(16 << 10).writeZero(16 << 10));
                        }
                    }
                },
                false);
    }

    /** HTTP/2 without TLS: more is sent on a stream for as long as its window grants some. */
    private static final class EndlessAnswers extends ChannelInboundHandlerAdapter {
        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            ctx.pipeline()
                    .addLast(
                            Http2FrameCodecBuilder.forServer().build(),
                            new Http2MultiplexHandler(new ChannelInboundHandlerAdapter() {
                                @Override
                                public boolean isSharable() {
                                    return true;
                                }

                                @Override
                                public void channelRead(ChannelHandlerContext stream, Object msg) {
                                    if (msg instanceof Http2HeadersFrame) {
                                        stream.writeAndFlush(
                                                new DefaultHttp2HeadersFrame(new DefaultHttp2Headers().status("200")));
                                        fill(stream);
                                    }
                                    ReferenceCountUtil.release(msg);
                                }

                                @Override
                                public void channelWritabilityChanged(ChannelHandlerContext stream) {
                                    fill(stream);
                                }

                                private void fill(ChannelHandlerContext stream) {
                                    while (stream.channel().isWritable()) {
                                        stream.writeAndFlush(new DefaultHttp2DataFrame(stream.alloc()
                                                .directBuffer(16 << 10)
                                                .writeZero(16 << 10)));
                                    }
                                }
                            }));
        }
    }

    private Socket connect(int port) throws IOException {
        Socket socket = new Socket(InetAddress.getByName("127.0.0.1"), port);
        socket.setSoTimeout((int) MILLIS);
        sockets.add(socket);
        return socket;
    }

    private long held(int port) {
        return net.visitors().held(MILLIS).getOrDefault("tcp:" + port, 0L);
    }

    /** Of HTTP/2 the target is read all the time, for all streams alike: what one browser does not read waits in its stream. */
    @Test
    void whatIsSentInHttp2AndNotReadIsKnown() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {ANY}, null);
        SSLSocket browser = (SSLSocket)
                context.getSocketFactory().createSocket("127.0.0.1", net.uri().getPort());
        sockets.add(browser);
        SSLParameters parameters = browser.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName("app.test")));
        browser.setSSLParameters(parameters);
        browser.setReceiveBufferSize(1);
        browser.getOutputStream().write("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        assertThat(browser.getInputStream().read()).isEqualTo('H');
        await().until(() -> net.visitors().held(MILLIS).getOrDefault("app.test", 0L) >= STREAM_WINDOW);
        int ended = net.visitors().shed("app.test", MILLIS);
        assertThat(ended).isPositive();
        await().until(() -> net.visitors().held(MILLIS).getOrDefault("app.test", 0L) < STREAM_WINDOW / 2);
    }

    private void echoes() throws IOException {
        Socket socket = connect(echo);
        byte[] sent = "still here".getBytes(StandardCharsets.US_ASCII);
        socket.getOutputStream().write(sent);
        assertThat(socket.getInputStream().readNBytes(sent.length)).isEqualTo(sent);
    }

    /** As bytes that all together hold, whatever they have asked for. */
    @Test
    void whoDoesNotReadIsBoundedAndTheLargestGoes() throws Exception {
        for (int i = 0; i < MANY; i++) {
            connect(endless);
        }
        echoes();
        await().until(() -> net.visitors().count() >= MANY + 1);
        // All that will come has come when nothing more does, at any of them.
        long[] last = {-1};
        await().atMost(Duration.ofMinutes(3))
                .pollInterval(Duration.ofMillis(500))
                .until(() -> {
                    long now = held(endless);
                    boolean same = now == last[0];
                    last[0] = now;
                    return same && now > MANY * (100L << 10);
                });
        assertThat(last[0]).isLessThan(MANY * EACH + PlatformDependent.maxDirectMemory() / WINDOWS);

        List<MemoryWatch.Memory> memory = new ArrayList<>(List.of(new MemoryWatch.Memory(0, 0, 0, 100, 90, 100)));
        MemoryGuard guard = new MemoryGuard(
                net.door().strangers(),
                net.links(),
                net.visitors(),
                net.services().counters(),
                () -> memory.get(0));
        guard.look(0); // strangers
        assertThat(held(endless)).isGreaterThan(last[0] / 2);
        guard.look(MemoryWatch.SETTLE.toNanos());
        await().until(() -> held(endless) <= last[0] / 4 * 3);
        assertThat(net.services().counters().shedConnections.sum()).isPositive();
        assertThat(net.services().counters().shedLinks.sum()).isZero();
        assertThat(agent.down).isNotDone();
        assertThat(net.visitors().count())
                .as("half of them at most, and the echo")
                .isGreaterThanOrEqualTo(MANY / 4);
        memory.set(0, new MemoryWatch.Memory(0, 0, 0, 100, 10, 100));
        guard.look(2 * MemoryWatch.SETTLE.toNanos());
        echoes();
        guard.close();
    }

    /** Beside it a link that holds more goes first, and the gateway's own ends never do. */
    @Test
    void theGatewaysOwnEndsAreNobodys() throws Exception {
        connect(echo);
        await().until(() -> !net.visitors().held(MILLIS).isEmpty());
        Holders nobody = new Holders() {
            @Override
            public Map<String, Long> held(long millis) {
                return Map.of();
            }

            @Override
            public int shed(String holder, long millis) {
                throw new AssertionError(holder);
            }
        };
        MemoryGuard guard = new MemoryGuard(
                net.door().strangers(),
                net.links(),
                nobody,
                net.services().counters(),
                () -> new MemoryWatch.Memory(0, 0, 0, 100, 90, 100));
        guard.look(0);
        guard.look(MemoryWatch.SETTLE.toNanos());
        assertThat(agent.down).succeedsWithin(Duration.ofSeconds(TestNetwork.PATIENCE));
        guard.look(2 * MemoryWatch.SETTLE.toNanos());
        assertThat(net.links().all()).isNotEmpty().allMatch(link -> link.token() == null);
        assertThat(net.services().counters().shedLinks.sum()).isOne();
        guard.close();
    }
}
