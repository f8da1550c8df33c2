package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.address.Transport;
import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.IncomingFlow;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import java.io.InputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.stream.Collectors;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names and ports that an agent serves, over a real gateway: who is let to what, and with which certificate. */
@NullUnmarked
final class PublishedNamesTest {
    @TempDir
    Path dir;

    private TestNetwork net;
    private int port;

    /** Takes every certificate: what is shown is looked at. */
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
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null));
        net.publishingAgent(
                "office",
                PublishedNamesTest::serve,
                List.of("10.0.0.0/24"),
                List.of("*.test", "*.own.test", ":" + port + "/tcp", ":" + port + "/udp"),
                List.of(
                        "app.test=http://10.0.0.9:8080",
                        "app.test/grpc=h2c://10.0.0.9:8080",
                        "bare.test=http://10.0.0.9:8080",
                        "raw.test=tls://10.0.0.9:443",
                        "*.own.test=tls://10.0.0.9:443",
                        "tcp:" + port + "=10.0.0.9:7",
                        "udp:" + port + "=10.0.0.9:7"));
        await().until(() -> net.publications().table().all().size() == 7);
    }

    @AfterEach
    void stop() {
        net.close();
    }

    /** On port 8080 a web server that says its path; on every other an echo. */
    private static void serve(IncomingFlow flow) {
        if (flow.request().destination().port() != 8080) {
            TestFlow.echo(flow);
            return;
        }
        flow.accept(
                new ChannelInboundHandlerAdapter() {
                    @Override
                    public void handlerAdded(ChannelHandlerContext ctx) {
                        ctx.pipeline().addBefore(ctx.name(), null, new HttpServerCodec());
                        ctx.pipeline().addBefore(ctx.name(), null, new HttpObjectAggregator(1 << 20));
                    }

                    @Override
                    public void channelRead(ChannelHandlerContext ctx, Object msg) {
                        FullHttpRequest request = (FullHttpRequest) msg;
                        String said = request.headers().get(HttpHeaderNames.HOST) + " " + request.uri() + " "
                                + request.headers().get("X-Forwarded-For");
                        request.release();
                        DefaultFullHttpResponse response = new DefaultFullHttpResponse(
                                HttpVersion.HTTP_1_1,
                                HttpResponseStatus.OK,
                                Unpooled.copiedBuffer(said, StandardCharsets.US_ASCII));
                        response.headers().setInt(HttpHeaderNames.CONTENT_LENGTH, said.length());
                        ctx.writeAndFlush(response);
                    }
                },
                false);
    }

    private SSLSocket connect(String name) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {ANY}, null);
        SSLSocket socket = (SSLSocket)
                context.getSocketFactory().createSocket("127.0.0.1", net.uri().getPort());
        socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName(name)));
        socket.setSSLParameters(parameters);
        return socket;
    }

    private static String shown(SSLSocket socket) throws Exception {
        socket.startHandshake();
        X509Certificate leaf = (X509Certificate) socket.getSession().getPeerCertificates()[0];
        return leaf.getSubjectAlternativeNames().stream()
                .map(name -> String.valueOf(name.get(1)))
                .collect(Collectors.joining(" "));
    }

    private static String ask(Socket socket, String host, String path) throws IOException {
        socket.getOutputStream()
                .write(("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }

    @Test
    void aPublishedNameIsServedWithItsCertificate() throws Exception {
        try (SSLSocket socket = connect("app.test")) {
            assertThat(shown(socket)).isEqualTo("app.test");
            assertThat(ask(socket, "app.test", "/where?x=1"))
                    .startsWith("HTTP/1.1 200 OK")
                    .endsWith("app.test /where?x=1 127.0.0.1");
        }
        assertThat(net.audited("flow")).isEmpty(); // it is kept for the next request
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "app.test", "/again")).endsWith("app.test /again 127.0.0.1");
        }
    }

    /** HTTP/1.1 is not what such a target speaks. */
    @Test
    void whatIsNotServedYetIsSaid() throws Exception {
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "app.test", "/grpc/x")).startsWith("HTTP/1.1 502");
        }
    }

    /** One connection is for the names of its certificate: another name on it is answered, as what it is. */
    @Test
    void aNameThatIsNotPublishedIsNotFound() throws Exception {
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "other.test", "/")).startsWith("HTTP/1.1 404");
        }
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "bare.test", "/"))
                    .as("published, with another certificate")
                    .startsWith("HTTP/1.1 421");
        }
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "gateway.own.test", "/"))
                    .as("the gateway itself, with another certificate")
                    .startsWith("HTTP/1.1 421");
        }
        try (SSLSocket socket = connect("other.test")) {
            assertThat(shown(socket)).doesNotContain("app.test");
            assertThat(ask(socket, "other.test", "/")).startsWith("HTTP/1.1 404");
        }
    }

    /** Nor does a wildcard that holds it take the gateway's name: links come by that. */
    @Test
    void theGatewaysOwnNameStaysItsOwn() throws Exception {
        try (SSLSocket socket = connect("gateway.own.test")) {
            assertThat(shown(socket)).contains("gateway.own.test", "localhost");
            assertThat(ask(socket, "gateway.own.test", "/x")).startsWith("HTTP/1.1 404");
        }
    }

    /** RFC 6066 section 3: unrecognized_name, rather than a certificate of somebody else. */
    @Test
    void aNameWithoutACertificateShowsNone() throws Exception {
        try (SSLSocket socket = connect("bare.test")) {
            assertThatThrownBy(socket::startHandshake)
                    .isInstanceOf(SSLException.class)
                    .hasMessageContaining("unrecognized_name");
        }
    }

    /** The target sees the ClientHello as it came. */
    @Test
    void tlsIsPassedThroughUnread() throws Exception {
        try (SSLSocket socket = connect("raw.test")) {
            // An echo answers with our own ClientHello, which is no answer.
            assertThatThrownBy(socket::startHandshake).isInstanceOf(SSLException.class);
        }
        await().untilAsserted(() -> assertThat(net.audited("flow"))
                .anySatisfy(f -> assertThat(f)
                        .containsEntry("port", 443)
                        .hasEntrySatisfying(
                                "bytesUp",
                                n -> assertThat(((Number) n).intValue()).isPositive())));
    }

    @Test
    void portsOfTcpAndUdpLeadToTheTarget() throws Exception {
        await().ignoreExceptions().untilAsserted(() -> {
            try (Socket socket = new Socket("127.0.0.1", port)) {
                socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
                socket.getOutputStream().write("over and".getBytes(StandardCharsets.US_ASCII));
                socket.shutdownOutput();
                InputStream in = socket.getInputStream();
                assertThat(new String(in.readAllBytes(), StandardCharsets.US_ASCII))
                        .isEqualTo("over and");
            }
        });
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.setSoTimeout(1_000);
            byte[] sent = "out".getBytes(StandardCharsets.US_ASCII);
            DatagramPacket answer = new DatagramPacket(new byte[100], 100);
            await().ignoreExceptions().until(() -> {
                socket.send(new DatagramPacket(sent, sent.length, InetAddress.getByName("127.0.0.1"), port));
                socket.receive(answer);
                return true;
            });
            assertThat(answer.getLength()).isEqualTo(sent.length);
        }
        assertThat(net.publications().table().port(Transport.TCP, port)).isNotNull();
    }

    /** What begins as TLS and never becomes it is a stranger's as before, and in the clear nothing is published. */
    @Test
    void inTheClearNothingIsServed() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", net.uri().getPort())) {
            socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
            assertThat(ask(socket, "app.test", "/")).startsWith("HTTP/1.1 400");
        }
    }
}
