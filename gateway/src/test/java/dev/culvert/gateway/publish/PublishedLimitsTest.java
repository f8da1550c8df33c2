package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.publish.PublicationUsage.Limit;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
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
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Options of publications that let visitors in or not, over a real gateway. */
@NullUnmarked
final class PublishedLimitsTest {
    private static final String ANN =
            "ann:" + OpenBSDBCrypt.generate("2b", "secret".getBytes(StandardCharsets.US_ASCII), new byte[16], 4);
    private static final String ELSEWHERE = "allow=192.0.2.0/24";

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
    private Peer agent;
    private int port;

    @BeforeEach
    void start() throws Exception {
        Path pem = dir.resolve("web.pem");
        ServerCertificate web = StateDirectory.openOrCreate(dir.resolve("authority"))
                .serverCertificate(List.of("app.test", "closed.test", "slow.test", "busy.test", "few.test"));
        Files.writeString(pem, Certificate.of(List.of(web.chain()), web.key()).pem());
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        net = new TestNetwork(
                dir.resolve("state"),
                true,
                2,
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null));
        agent = net.publishingAgent(
                "office",
                PublishedLimitsTest::serve,
                List.of("10.0.0.0/24"),
                List.of("*.test", ":" + port + "/tcp", ":" + port + "/udp"),
                publications("connections=1"));
        await().until(() -> net.publications().table().all().size() == 8);
    }

    private List<String> publications(String ofThePort) {
        return List.of(
                "app.test=http://10.0.0.9:8080,max-body=9,basic-auth=" + ANN,
                "closed.test=http://10.0.0.9:8080," + ELSEWHERE,
                "slow.test=http://10.0.0.9:8080,rate=2/m",
                "busy.test=http://10.0.0.9:8080,connections=1",
                "few.test=http://10.0.0.9:8080,connections=1,basic-auth=" + ANN,
                "raw.test=tls://10.0.0.9:443," + ELSEWHERE,
                "tcp:" + port + "=10.0.0.9:7," + ofThePort,
                "udp:" + port + "=10.0.0.9:7," + ELSEWHERE);
    }

    @AfterEach
    void stop() {
        net.close();
    }

    /** On port 8080 a web server that says who asks, by which fields; on every other an echo. */
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
                        String said = "user " + request.headers().get("X-Forwarded-User") + " password "
                                + request.headers().get(HttpHeaderNames.AUTHORIZATION);
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

    /** The answer to the one request of a connection, names of fields in lower case. */
    private String ask(String host, String... fields) throws Exception {
        List<String> lines = new ArrayList<>(List.of("POST / HTTP/1.1", "Host: " + host, "Connection: close"));
        lines.addAll(List.of(fields));
        lines.add("");
        lines.add("");
        try (SSLSocket socket = connect(host)) {
            socket.getOutputStream().write(String.join("\r\n", lines).getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
                    .toLowerCase(Locale.ROOT);
        }
    }

    private static String credentials(String text) {
        return "Authorization: Basic " + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.US_ASCII));
    }

    private PublicationUsage usage(String at) {
        PublicationTable table = net.publications().table();
        return table.usages().stream()
                .filter(u -> u.published().publication().at().toString().equals(at))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void whatIsNotOpenToTheVisitorDoesNotAnswer() throws Exception {
        assertThat(ask("closed.test")).startsWith("http/1.1 403").contains("not open to your address");
        assertThat(usage("closed.test").refused(Limit.ALLOW)).isEqualTo(1);
        try (SSLSocket socket = connect("raw.test")) {
            assertThatThrownBy(socket::startHandshake).isInstanceOf(IOException.class);
        }
        assertThat(usage("raw.test").refused(Limit.ALLOW)).isEqualTo(1);
        try (DatagramSocket socket = new DatagramSocket()) {
            await().untilAsserted(() -> {
                socket.send(new DatagramPacket(new byte[1], 1, InetAddress.getByName("127.0.0.1"), port));
                assertThat(usage("udp:" + port).refused(Limit.ALLOW)).isPositive();
            });
        }
        assertThat(usage("udp:" + port).visits()).isZero();
        assertThat(agent.flows()).as("no agent has heard of any").isZero();
    }

    @Test
    void whoAsksTooOftenWaits() throws Exception {
        assertThat(ask("slow.test")).startsWith("http/1.1 200");
        assertThat(ask("slow.test")).startsWith("http/1.1 200");
        assertThat(ask("slow.test")).startsWith("http/1.1 429").contains("retry-after: 30\r\n");
        assertThat(usage("slow.test").refused(Limit.RATE)).isEqualTo(1);
        assertThat(ask("busy.test")).startsWith("http/1.1 200");
    }

    @Test
    void connectionsAreCounted() throws Exception {
        try (SSLSocket first = connect("busy.test")) {
            for (int i = 0; i < 2; i++) {
                first.getOutputStream()
                        .write("HEAD / HTTP/1.1\r\nHost: busy.test\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(new String(first.getInputStream().readNBytes(12), StandardCharsets.US_ASCII))
                        .isEqualTo("HTTP/1.1 200");
                while (!endsHead(first)) {}
            }
            assertThat(usage("busy.test").visits()).isEqualTo(1);
            assertThat(ask("busy.test")).startsWith("http/1.1 503").contains("retry-after: ");
            assertThat(usage("busy.test").refused(Limit.CONNECTIONS)).isEqualTo(1);
        }
        await().until(() -> usage("busy.test").visits() == 0);
        assertThat(ask("busy.test")).startsWith("http/1.1 200");
    }

    /** Reads a line, and says whether it was empty. */
    private static boolean endsHead(Socket socket) throws IOException {
        int length = 0;
        for (int b = socket.getInputStream().read();
                b != '\n';
                b = socket.getInputStream().read()) {
            if (b < 0) {
                throw new IOException("it has ended");
            }
            length++;
        }
        return length == 1;
    }

    @Test
    void aPasswordIsAskedForAndKeptFromTheTarget() throws Exception {
        assertThat(ask("app.test"))
                .startsWith("http/1.1 401")
                .contains("www-authenticate: basic realm=\"app.test\", charset=\"utf-8\"\r\n");
        assertThat(ask("app.test", credentials("ann:wrong"))).startsWith("http/1.1 401");
        assertThat(ask("app.test", credentials("eve:secret"), "X-Forwarded-User: ann"))
                .startsWith("http/1.1 401");
        assertThat(agent.flows()).isZero();
        for (int i = 0; i < 2; i++) {
            assertThat(ask("app.test", credentials("ann:secret"), "X-Forwarded-User: root"))
                    .startsWith("http/1.1 200")
                    .endsWith("user ann password null");
        }
        assertThat(ask("app.test", credentials("ann:secret"), "Content-Length: 10"))
                .startsWith("http/1.1 413");
        assertThat(usage("app.test").refused(Limit.BASIC_AUTH)).isEqualTo(3);
    }

    /** Two who do not say who they are, or get it wrong, stay: the one place is for who does. */
    @Test
    void strangersTakeNoPlaceOfWhoLogsIn() throws Exception {
        try (SSLSocket stranger = connect("few.test");
                SSLSocket guesser = connect("few.test");
                SSLSocket ann = connect("few.test")) {
            assertThat(status(stranger, "Cookie: none")).isEqualTo("401");
            assertThat(status(guesser, credentials("ann:wrong"))).isEqualTo("401");
            assertThat(usage("few.test").visits()).isZero();
            assertThat(status(ann, credentials("ann:secret"))).isEqualTo("200");
            assertThat(status(ann, credentials("ann:secret"))).isEqualTo("200");
            assertThat(usage("few.test").visits()).isEqualTo(1);
            assertThat(status(stranger, credentials("ann:secret")))
                    .as("the place is taken now")
                    .isEqualTo("503");
            assertThat(status(guesser, "Cookie: none")).isEqualTo("401");
        }
    }

    /** Of the answer to a request without a body, on a connection that stays. */
    private static String status(Socket socket, String field) throws IOException {
        socket.getOutputStream()
                .write(("HEAD / HTTP/1.1\r\nHost: few.test\r\n" + field + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        String line = new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII);
        while (!endsHead(socket)) {}
        return line.substring(9);
    }

    /** Sends a byte through a port, and waits for it to come back. */
    private Socket echoed() throws IOException {
        Socket socket = new Socket("127.0.0.1", port);
        socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
        socket.getOutputStream().write(7);
        if (socket.getInputStream().read() != 7) {
            socket.close();
            throw new IOException("it has ended");
        }
        return socket;
    }

    @Test
    void aPortTakesSoManyAndWhoIsLetInNoMoreIsEnded() throws Exception {
        Socket first = await().ignoreExceptions().until(this::echoed, s -> true);
        assertThatThrownBy(this::echoed).isInstanceOf(IOException.class);
        assertThat(usage("tcp:" + port).refused(Limit.CONNECTIONS)).isPositive();
        announce(publications("connections=2"));
        await().ignoreExceptions().untilAsserted(() -> echoed().close());
        assertThat(usage("tcp:" + port).refused(Limit.CONNECTIONS))
                .as("counted on")
                .isPositive();
        announce(publications(ELSEWHERE));
        assertThatThrownBy(() -> {
                    if (first.getInputStream().read() < 0) {
                        throw new IOException("ended");
                    }
                })
                .isInstanceOf(IOException.class);
        first.close();
        assertThatThrownBy(this::echoed).isInstanceOf(IOException.class);
        await().until(() -> usage("tcp:" + port).visits() == 0);
    }

    private void announce(List<String> publications) throws Exception {
        agent.call(() -> {
            agent.mux.announce(
                    new Announcement.Agent("i1", null, List.of("10.0.0.0/24"), true, List.of(), publications));
            return null;
        });
    }
}
