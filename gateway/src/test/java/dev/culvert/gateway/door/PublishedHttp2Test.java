package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.web.Http2Rules;
import dev.culvert.gateway.web.RawHttp2;
import dev.culvert.gateway.web.RawVisitor;
import dev.culvert.gateway.web.StrictRequests.Request;
import dev.culvert.gateway.web.StrictTarget;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.flow.IncomingFlow;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The rules of HTTP/2 at a published name as visitors find it: a socket, TLS, a target behind an agent. */
@NullUnmarked
final class PublishedHttp2Test {
    private static final String NAME = "app.test";
    private static final Queue<Request> asked = new ConcurrentLinkedQueue<>();
    private static final Queue<Throwable> misread = new ConcurrentLinkedQueue<>();
    private static final AtomicInteger visitors = new AtomicInteger();

    @TempDir
    static Path dir;

    private static TestNetwork net;
    private static SSLContext tls;

    @BeforeAll
    static void start() throws Exception {
        tls = SSLContext.getInstance("TLS");
        tls.init(null, new TrustManager[] {new Trusting()}, null);
        Path pem = dir.resolve("app.pem");
        ServerCertificate app =
                StateDirectory.openOrCreate(dir.resolve("authority")).serverCertificate(List.of(NAME));
        Files.writeString(pem, Certificate.of(List.of(app.chain()), app.key()).pem());
        net = new TestNetwork(
                dir.resolve("state"),
                true,
                2,
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null));
        net.publishingAgent(
                "office",
                PublishedHttp2Test::serve,
                List.of("10.0.0.0/24"),
                List.of(NAME),
                List.of(NAME + "=http://10.0.0.9:8080"));
        await().until(() -> net.publications().table().all().size() == 1);
    }

    @AfterAll
    static void stop() {
        net.close();
    }

    private static void serve(IncomingFlow flow) {
        StrictTarget target = new StrictTarget();
        flow.accept(
                new ChannelInboundHandlerAdapter() {
                    @Override
                    public void channelRead(ChannelHandlerContext ctx, Object msg) {
                        ByteBuf bytes = (ByteBuf) msg;
                        int before = target.whole().size();
                        try {
                            byte[] answers = target.hear(ByteBufUtil.getBytes(bytes));
                            asked.addAll(target.whole()
                                    .subList(before, target.whole().size()));
                            if (answers.length > 0) {
                                ctx.writeAndFlush(Unpooled.wrappedBuffer(answers));
                            }
                        } catch (AssertionError e) {
                            misread.add(e);
                        } finally {
                            bytes.release();
                        }
                    }

                    @Override
                    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                        ctx.close(); // given up with its visitor
                    }
                },
                false);
    }

    static List<Http2Rules.Rule> rules() {
        return Http2Rules.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void isKept(Http2Rules.Rule rule) throws Exception {
        try (Visitor visitor = new Visitor();
                Visitor next = new Visitor()) {
            rule.run().accept(visitor);
            next.begin().send(RawHttp2.headers(1, RawHttp2.WHOLE, next.get()));
            next.serves(1);
        }
        assertThat(misread).isEmpty();
    }

    /** Its port, which nobody looks at, tells its requests from others'. */
    private static final class Visitor extends RawVisitor implements AutoCloseable {
        private final SSLSocket socket;
        private boolean ended;

        Visitor() throws IOException {
            super(NAME + ":" + visitors.incrementAndGet());
            socket = (SSLSocket) tls.getSocketFactory()
                    .createSocket(InetAddress.getLoopbackAddress(), net.uri().getPort());
            socket.setSoTimeout(1_000 * TestNetwork.PATIENCE);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setServerNames(List.of(new SNIHostName(NAME)));
            parameters.setApplicationProtocols(new String[] {"h2"});
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            assertThat(socket.getApplicationProtocol()).isEqualTo("h2");
        }

        @Override
        protected void write(byte[] bytes) {
            try {
                socket.getOutputStream().write(bytes);
            } catch (IOException e) {
                // closed: what comes of it is looked at
            }
        }

        @Override
        protected byte @Nullable [] read() {
            byte[] some = new byte[16 << 10];
            try {
                int n = socket.getInputStream().read(some);
                if (n > 0) {
                    return Arrays.copyOf(some, n);
                }
            } catch (SocketTimeoutException e) {
                throw new AssertionError("nothing comes", e);
            } catch (IOException e) {
                // reset
            }
            ended = true;
            return null;
        }

        @Override
        protected boolean isClosed() {
            return ended;
        }

        @Override
        public int asked() {
            return (int) asked.stream()
                    .filter(r -> r.values("host").contains(name()))
                    .count();
        }

        @Override
        public void hasAsked(int n) {
            Awaitility.await().until(() -> asked() >= n);
            assertThat(asked()).isEqualTo(n);
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    private static final class Trusting implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
