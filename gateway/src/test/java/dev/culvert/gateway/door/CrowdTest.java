package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.IncomingFlow;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
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

/** Crowds of connections that say little, or nothing, or never end to: whoever else comes is served, and so are links. */
@NullUnmarked
final class CrowdTest {
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

    private final List<Socket> sockets = new ArrayList<>();
    private TestNetwork net;
    private Peer client;
    private SSLContext tls;
    private int port;

    @BeforeEach
    void start() throws Exception {
        tls = SSLContext.getInstance("TLS");
        tls.init(null, new TrustManager[] {ANY}, null);
        Path pem = dir.resolve("app.pem");
        ServerCertificate app = StateDirectory.openOrCreate(dir.resolve("authority"))
                .serverCertificate(List.of("app.test", "other.test"));
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
                CrowdTest::serve,
                List.of("10.0.0.0/24"),
                List.of("*.test", ":" + port + "/tcp"),
                List.of(
                        "app.test=http://10.0.0.9:8080",
                        "other.test=http://10.0.0.10:8080",
                        "tcp:" + port + "=10.0.0.9:7"));
        await().until(() -> net.publications().table().all().size() == 3);
        client = net.client("laptop", 1, "*:10.0.0.0/24");
    }

    @AfterEach
    void stop() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        net.close();
    }

    private static void serve(IncomingFlow flow) {
        if (flow.request().destination().port() != 8080) {
            TestFlow.echo(flow);
            return;
        }
        flow.accept(
                new ChannelInboundHandlerAdapter() {
                    @Override
                    public void channelRead(ChannelHandlerContext ctx, Object msg) {
                        ((ByteBuf) msg).release();
                        ctx.writeAndFlush(Unpooled.copiedBuffer(
                                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", StandardCharsets.US_ASCII));
                    }
                },
                false);
    }

    /** One of many addresses: what one may have is bounded. */
    private Socket from(int n, int to) throws IOException {
        Socket socket = new Socket(
                InetAddress.getByName("127.0.0.1"), to, InetAddress.getByName("127.0." + (1 + n / 100) + ".1"), 0);
        socket.setSoTimeout(1_000 * TestNetwork.PATIENCE);
        sockets.add(socket);
        return socket;
    }

    private Socket stranger(int n) throws IOException {
        return from(n, net.uri().getPort());
    }

    private SSLSocket visitor(int n, String name) throws IOException {
        SSLSocket socket = (SSLSocket) tls.getSocketFactory()
                .createSocket(stranger(n), name, net.uri().getPort(), true); // a session is gone on with under its name
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName(name)));
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        return socket;
    }

    private static void say(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** Another visitor, of another publication too, and a link. */
    private void othersAreServed() throws Exception {
        for (String name : List.of("app.test", "other.test")) {
            try (SSLSocket socket = visitor(9_999, name)) {
                say(socket, "GET / HTTP/1.1\r\nHost: " + name + "\r\nConnection: close\r\n\r\n");
                assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                        .startsWith("HTTP/1.1 200")
                        .endsWith("hello");
            }
        }
        TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"));
        assertThat(flow.refused()).isNull();
        flow.flow.close();
        assertThat(client.down).isNotDone();
    }

    @Test
    void idleConnectionsOfAPublishedPort() throws Exception {
        for (int i = 0; i < 1_000; i++) {
            from(i, port);
        }
        await().until(() -> net.visitors().count() == 1_000);
        othersAreServed();
    }

    /** Within TLS, within a head, within a body: a piece, and no more. */
    @Test
    void whoNeverComesToAnEnd() throws Exception {
        for (int i = 0; i < 400; i++) {
            stranger(i).getOutputStream().write(new byte[] {22, 3, 1, 2, 0, 1, 0, 1});
        }
        for (int i = 0; i < 30; i++) {
            say(visitor(500 + 100 * (i / 15), "app.test"), "GET / HTTP/1.1\r\nHost: app.te");
            say(visitor(800, "app.test"), "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000000\r\n\r\nslow");
        }
        othersAreServed();
    }

    /** As TLS allows it: 16 MiB in records of 16 KiB. It is given up when what one record holds has come. */
    @Test
    void aHugeClientHello() throws Exception {
        byte[] record = new byte[5 + (16 << 10)];
        record[0] = 22;
        record[1] = 3;
        record[2] = 1;
        record[3] = 0x40;
        record[5] = 1; // client_hello
        record[6] = (byte) 0xff;
        record[7] = (byte) 0xff;
        record[8] = (byte) 0xff;
        Socket socket = stranger(0);
        boolean closed = false;
        try {
            for (int i = 0; i < 1_024 && !closed; i++) {
                socket.getOutputStream().write(record);
                record[5] = 0;
            }
            closed = socket.getInputStream().read() < 0;
        } catch (IOException e) {
            closed = true; // reset under what it was sending
        }
        assertThat(closed).isTrue();
        await().until(() -> net.door().strangers().count() == 0);
        othersAreServed();
    }

    /** They are the gateway's own to answer, and cost what a stranger costs. */
    @Test
    void unknownNames() throws Exception {
        for (int i = 0; i < 40; i++) {
            visitor(i, "n" + i + ".unknown").close();
        }
        await().until(() -> net.door().strangers().count() == 0);
        assertThat(net.visitors().count()).isZero();
        othersAreServed();
    }
}
