package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.door.ProxiesInFront;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.IncomingFlow;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
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

/** A real gateway behind a balancer that speaks the PROXY protocol: at its own port, and at a published one. */
@NullUnmarked
final class BalancedNamesTest {
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

    @TempDir
    Path dir;

    private TestNetwork net;
    private int port;
    private final Queue<String> seen = new ConcurrentLinkedQueue<>();

    @BeforeEach
    void start() throws Exception {
        Path pem = dir.resolve("app.pem");
        ServerCertificate app =
                StateDirectory.openOrCreate(dir.resolve("authority")).serverCertificate(List.of("app.test"));
        Files.writeString(pem, Certificate.of(List.of(app.chain()), app.key()).pem());
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        net = new TestNetwork(
                dir.resolve("state"),
                true,
                2,
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null)
                        // links of the test come from 127.0.0.1, and the balancer is another one
                        .proxies(new ProxiesInFront(List.of(IpPrefix.parse("127.0.0.2")), List.of())));
        net.publishingAgent(
                "office",
                this::serve,
                List.of("10.0.0.0/24"),
                List.of("*.test", ":" + port + "/tcp"),
                List.of(
                        "app.test=http://10.0.0.9:8080",
                        "app.test/told=http://10.0.0.9:8080,proxy-protocol=v2",
                        "raw.test=tls://10.0.0.9:8080,proxy-protocol=v1",
                        "tcp:" + port + "=10.0.0.9:7,proxy-protocol=v1"));
        await().until(() -> net.publications().table().all().size() == 4);
    }

    @AfterEach
    void stop() {
        net.close();
    }

    /** Says what it is sent, up to an empty line, on port 8080; on every other it is an echo. */
    private void serve(IncomingFlow flow) {
        if (flow.request().destination().port() != 8080) {
            TestFlow.echo(flow);
            return;
        }
        flow.accept(
                new ChannelInboundHandlerAdapter() {
                    @Override
                    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                        ctx.close();
                    }

                    @Override
                    public void channelRead(ChannelHandlerContext ctx, Object msg) {
                        ByteBuf bytes = (ByteBuf) msg;
                        seen.add(bytes.toString(StandardCharsets.US_ASCII));
                        bytes.release();
                        ctx.writeAndFlush(io.netty.buffer.Unpooled.copiedBuffer(
                                "HTTP/1.1 204 No Content\r\n\r\n", StandardCharsets.US_ASCII));
                    }
                },
                false);
    }

    /** From the balancer, or from an address that is none. */
    private Socket connect(int to, String from) throws IOException {
        Socket socket = new Socket();
        socket.bind(new java.net.InetSocketAddress(from, 0));
        socket.connect(new java.net.InetSocketAddress("127.0.0.1", to));
        socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
        return socket;
    }

    private static void say(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static String ask(Socket below) throws Exception {
        return ask(below, "/");
    }

    private static String ask(Socket below, String path) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {ANY}, null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(below, "app.test", 443, true)) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setServerNames(List.of(new SNIHostName("app.test")));
            socket.setSSLParameters(parameters);
            say(socket, "GET " + path + " HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        }
    }

    @Test
    void theVisitorIsWhomTheBalancerNames() throws Exception {
        Socket socket = connect(net.uri().getPort(), "127.0.0.2");
        say(socket, "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n");
        assertThat(ask(socket)).startsWith("HTTP/1.1 204");
        assertThat(seen).singleElement().asString().contains("X-Forwarded-For: 203.0.113.7\r\n");
    }

    /** Each on a connection of its own, although one is idle. */
    @Test
    void aTargetIsToldWhoseTheConnectionIs() throws Exception {
        for (int visitor = 7; visitor < 9; visitor++) {
            Socket socket = connect(net.uri().getPort(), "127.0.0.2");
            say(socket, "PROXY TCP4 203.0.113." + visitor + " 198.51.100.1 4711 443\r\n");
            assertThat(ask(socket, "/told")).startsWith("HTTP/1.1 204");
        }
        assertThat(String.join("", seen).split("QUIT", -1)).hasSize(3); // within the signature
        assertThat(String.join("", seen)).contains("app.test", "TLSv1.3", "GET /told HTTP/1.1\r\n");
    }

    /** Before the first byte of what it asks with. */
    @Test
    void soIsOneThatIsPassedThrough() throws Exception {
        try (Socket below = connect(net.uri().getPort(), "127.0.0.2")) {
            say(below, "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n");
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {ANY}, null);
            SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(below, "raw.test", 443, false);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setServerNames(List.of(new SNIHostName("raw.test")));
            socket.setSSLParameters(parameters);
            org.assertj.core.api.Assertions.assertThatThrownBy(socket::startHandshake)
                    .isInstanceOf(IOException.class); // what answers is no TLS
        }
        assertThat(seen.peek()).startsWith("PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n");
    }

    @Test
    void othersAreNotBelieved() throws Exception {
        Socket honest = connect(net.uri().getPort(), "127.0.0.3");
        assertThat(ask(honest)).startsWith("HTTP/1.1 204");
        assertThat(seen).singleElement().asString().contains("X-Forwarded-For: 127.0.0.3\r\n");
        try (Socket liar = connect(net.uri().getPort(), "127.0.0.3")) {
            say(liar, "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
            assertThat(new String(liar.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .startsWith("HTTP/1.1 400");
        }
    }

    @Test
    void aBalancerThatDoesNotSayWhoIsClosed() throws Exception {
        try (Socket socket = connect(net.uri().getPort(), "127.0.0.2")) {
            say(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            assertThat(end(socket)).isEmpty();
        }
        try (Socket socket = connect(port, "127.0.0.2")) {
            say(socket, "SSH-2.0-x\r\nSSH-2.0-x\r\n");
            assertThat(end(socket)).isEmpty();
        }
        await().until(() -> net.counters().badProxyHeaders.sum() == 2); // counted once it is closed
    }

    private static byte[] end(Socket socket) throws IOException {
        try {
            return socket.getInputStream().readAllBytes();
        } catch (java.net.SocketException e) {
            return new byte[0]; // by RST, as it did not read all
        }
    }

    /** With what has come behind the header, in one packet with it. */
    @Test
    void aPublishedPortHearsOfTheVisitorToo() throws Exception {
        await().ignoreExceptions().until(() -> {
            connect(port, "127.0.0.3").close();
            return true;
        });
        try (Socket socket = connect(port, "127.0.0.2")) {
            say(socket, "PROXY TCP4 203.0.113.7 198.51.100.1 4711 22\r\nover ");
            say(socket, "and out");
            socket.shutdownOutput();
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .isEqualTo("PROXY TCP4 203.0.113.7 198.51.100.1 4711 22\r\nover and out");
        }
        await().untilAsserted(() -> assertThat(net.audited("flow"))
                .anySatisfy(f -> assertThat(f).containsEntry("source", "203.0.113.7:4711")));
    }
}
