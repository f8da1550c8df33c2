package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.accesslog.AccessFormat;
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
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.Map;
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
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/** Visitors of a real gateway, and what its access log says of them. */
@NullUnmarked
final class AccessedTest {
    @TempDir
    Path dir;

    private static final TypeReference<Map<String, Object>> FIELDS = new TypeReference<>() {};

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
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null)
                        .access(new PublishingSettings.Access(dir.resolve("access"), AccessFormat.JSON)));
        net.publishingAgent(
                "office",
                AccessedTest::serve,
                List.of("10.0.0.0/24"),
                List.of("*.test", "*.own.test", ":" + port + "/tcp", ":" + port + "/udp"),
                List.of(
                        "app.test=http://10.0.0.9:8080",
                        "app.test/closed=http://10.0.0.9:8080,allow=192.0.2.0/24",
                        "raw.test=tls://10.0.0.9:443",
                        "tcp:" + port + "=10.0.0.9:7",
                        "udp:" + port + "=10.0.0.9:7"));
        await().until(() -> net.publications().table().all().size() == 5);
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

    private static String ask(Socket socket, String host, String path) throws IOException {
        socket.getOutputStream()
                .write(("GET " + path + " HTTP/1.1\r\nHost: " + host
                                + "\r\nConnection: close\r\nUser-Agent: a\"b\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }

    /** The lines of a file, once there are so many. */
    private List<Map<String, Object>> lines(String file, int count) {
        Path path = dir.resolve("access").resolve(file);
        await().ignoreExceptions().until(() -> Files.readAllLines(path).size() >= count);
        try {
            return Files.readAllLines(path).stream()
                    .map(line -> JsonMapper.shared().readValue(line, FIELDS))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Each line joins with the one of its flow in the audit log, which is written when that has ended. */
    private Map<String, Object> audited(Map<String, Object> line) throws Exception {
        await().untilAsserted(() -> assertThat(net.audited("flow")).anyMatch(f -> joins(f, line)));
        return net.audited("flow").stream()
                .filter(f -> joins(f, line))
                .findFirst()
                .orElseThrow();
    }

    private static boolean joins(Map<String, Object> flow, Map<String, Object> line) {
        return line.get("flow") != null
                && line.get("flow").equals(flow.get("flow"))
                && line.get("clientLink").equals(flow.get("clientLink"));
    }

    @Test
    void aRequestIsToldAndJoinsWithItsFlow() throws Exception {
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "app.test", "/where?x=1")).startsWith("HTTP/1.1 200 OK");
        }
        Map<String, Object> line = lines("app.test.log", 1).get(0);
        assertThat(line)
                .containsEntry("visitor", "127.0.0.1")
                .containsEntry("method", "GET")
                .containsEntry("host", "app.test")
                .containsEntry("target", "/where?x=1")
                .containsEntry("protocol", "HTTP/1.1")
                .containsEntry("status", 200)
                .containsEntry("bytesIn", 0)
                .containsEntry("bytesOut", "app.test /where?x=1 127.0.0.1".length())
                .containsEntry("publication", "app.test")
                .containsEntry("agent", "office")
                .containsEntry("userAgent", "a\"b")
                .containsEntry("whole", true)
                .containsKeys("seconds", "firstByteSeconds", "requestId", "clientLink", "flow");
        net.gateway.close(); // the connection to the target is kept until then
        assertThat(audited(line)).containsEntry("client", "@published").containsEntry("port", 8080);
    }

    @Test
    void aRequestThatIsRefusedIsToldInItsPublication() throws Exception {
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "app.test", "/closed/x")).startsWith("HTTP/1.1 403");
        }
        try (SSLSocket socket = connect("app.test")) {
            assertThat(ask(socket, "other.test", "/")).startsWith("HTTP/1.1 404"); // is of nobody's
        }
        assertThat(lines("app.test_closed.log", 1))
                .singleElement()
                .satisfies(line -> assertThat(line)
                        .containsEntry("status", 403)
                        .containsEntry("target", "/closed/x")
                        .doesNotContainKeys("flow", "clientLink", "requestId"));
        assertThat(dir.resolve("access/app.test.log")).doesNotExist();
    }

    @Test
    void requestsOfHttp2AreTold() throws Exception {
        try (SSLSocket socket = connect("app.test")) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setApplicationProtocols(new String[] {"h2"});
            socket.setSSLParameters(parameters);
            ByteArrayOutputStream said = new ByteArrayOutputStream();
            said.writeBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            said.writeBytes(new byte[] {0, 0, 0, 4, 0, 0, 0, 0, 0}); // SETTINGS
            ByteArrayOutputStream head = new ByteArrayOutputStream();
            head.write(0x82); // :method GET
            head.write(0x87); // :scheme https
            head.writeBytes(new byte[] {0x04, 4});
            head.writeBytes("/two".getBytes(StandardCharsets.US_ASCII)); // :path
            head.writeBytes(new byte[] {0x01, 8});
            head.writeBytes("app.test".getBytes(StandardCharsets.US_ASCII)); // :authority
            said.writeBytes(new byte[] {0, 0, (byte) head.size(), 1, 5, 0, 0, 0, 1}); // HEADERS that end the stream
            said.writeBytes(head.toByteArray());
            socket.getOutputStream().write(said.toByteArray());
            assertThat(lines("app.test.log", 1))
                    .singleElement()
                    .satisfies(line -> assertThat(line)
                            .containsEntry("protocol", "HTTP/2.0")
                            .containsEntry("target", "/two")
                            .containsEntry("status", 200)
                            .containsKeys("flow", "clientLink"));
        }
    }

    @Test
    void aConnectionToAPortIsToldAndJoinsWithItsFlow() throws Exception {
        await().ignoreExceptions().untilAsserted(() -> {
            try (Socket socket = new Socket("127.0.0.1", port)) {
                socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
                socket.getOutputStream().write("over and".getBytes(StandardCharsets.US_ASCII));
                socket.shutdownOutput();
                assertThat(socket.getInputStream().readAllBytes()).hasSize(8);
            }
        });
        Map<String, Object> line = lines("tcp_" + port + ".log", 1).get(0);
        assertThat(line)
                .containsEntry("protocol", "TCP")
                .containsEntry("target", "tcp:" + port)
                .containsEntry("status", 200)
                .containsEntry("bytesIn", 8)
                .containsEntry("bytesOut", 8)
                .containsEntry("whole", true);
        assertThat(audited(line)).containsEntry("source", line.get("source")).containsEntry("bytesUp", 8);
    }

    @Test
    void aNameThatIsPassedThroughIsTold() throws Exception {
        try (SSLSocket socket = connect("raw.test")) {
            assertThatThrownBy(socket::startHandshake).isInstanceOf(SSLException.class); // an echo is no answer
        }
        Map<String, Object> line = lines("raw.test.log", 1).get(0);
        assertThat(line).containsEntry("protocol", "TLS").containsEntry("target", "raw.test");
        assertThat((Integer) line.get("bytesIn")).isPositive();
        assertThat(audited(line)).containsEntry("port", 443);
    }

    @Test
    void aSenderOfDatagramsIsToldWhenItHasEnded() throws Exception {
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.setSoTimeout(1_000);
            DatagramPacket answer = new DatagramPacket(new byte[100], 100);
            await().ignoreExceptions().until(() -> {
                socket.send(new DatagramPacket(new byte[3], 3, InetAddress.getByName("127.0.0.1"), port));
                socket.receive(answer);
                return true;
            });
            net.gateway.close();
            assertThat(lines("udp_" + port + ".log", 1))
                    .singleElement()
                    .satisfies(line -> assertThat(line)
                            .containsEntry("protocol", "UDP")
                            .containsEntry("source", "127.0.0.1:" + socket.getLocalPort())
                            .containsEntry("status", 200)
                            .containsKey("clientLink")
                            .doesNotContainKey("flow"));
        }
    }
}
