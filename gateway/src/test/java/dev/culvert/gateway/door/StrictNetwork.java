package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.web.StrictRequests.Request;
import dev.culvert.gateway.web.StrictServer;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.flow.IncomingFlow;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.NullUnmarked;

/**
 * A gateway with two published names, whose targets behind an agent read by the letter: one in HTTP/1.1, one in HTTP/2. It has one event
 * loop, so that all visitors' requests go over the same kept connections to the targets.
 */
@NullUnmarked
final class StrictNetwork implements AutoCloseable {
    /** To a target in HTTP/1.1. */
    static final String PLAIN = "app.example.com";

    /** To one in HTTP/2; of as many letters. */
    static final String H2C = "h2c.example.com";

    private static final int H2C_PORT = 50051;

    private final List<Request> asked = new CopyOnWriteArrayList<>();
    private final List<Throwable> misread = new CopyOnWriteArrayList<>();
    private final TestNetwork net;
    private final SSLContext tls = SSLContext.getInstance("TLS");

    StrictNetwork(Path dir) throws Exception {
        tls.init(null, new TrustManager[] {new Trusting()}, null);
        Path pem = dir.resolve("names.pem");
        ServerCertificate names =
                StateDirectory.openOrCreate(dir.resolve("authority")).serverCertificate(List.of(PLAIN, H2C));
        Files.writeString(
                pem, Certificate.of(List.of(names.chain()), names.key()).pem());
        net = new TestNetwork(
                dir.resolve("state"),
                true,
                1,
                new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null));
        net.publishingAgent(
                "office",
                this::serve,
                List.of("10.0.0.0/24"),
                List.of(PLAIN, H2C),
                List.of(PLAIN + "=http://10.0.0.9:8080", H2C + "=h2c://10.0.0.9:" + H2C_PORT));
        await().until(() -> net.publications().table().all().size() == 2);
    }

    private void serve(IncomingFlow flow) {
        StrictServer target = StrictServer.of(flow.request().destination().port() == H2C_PORT);
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

    /** Requests that have come whole at either target. */
    List<Request> asked() {
        return asked;
    }

    /** Nothing has come at a target that another could read otherwise. */
    void isReadByTheLetter() {
        assertThat(misread).isEmpty();
    }

    /** A visitor's connection, of which nothing was sent. */
    SSLSocket connect(String name, String protocol) throws Exception {
        SSLSocket socket = (SSLSocket) tls.getSocketFactory()
                .createSocket(InetAddress.getLoopbackAddress(), net.uri().getPort());
        socket.setSoTimeout(1_000 * TestNetwork.PATIENCE);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName(name)));
        parameters.setApplicationProtocols(new String[] {protocol});
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        assertThat(socket.getApplicationProtocol()).isEqualTo(protocol);
        return socket;
    }

    @Override
    public void close() {
        net.close();
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
