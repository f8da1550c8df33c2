package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TLS as it is shaken hands on at the gateway's port: with a ClientHello that no segment holds. */
@NullUnmarked
final class HandshakeTest {
    @TempDir
    Path dir;

    /** Passes one connection on: what its client says byte by byte, each in a segment of its own. */
    private static final class Dripping implements AutoCloseable {
        private final ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        private final int port;
        private volatile Socket near;
        private volatile Socket far;

        Dripping(int port) throws IOException {
            this.port = port;
            start(this::drip);
        }

        int port() {
            return server.getLocalPort();
        }

        private interface Copying {
            void run() throws IOException;
        }

        private static void start(Copying copying) {
            Thread thread = new Thread(
                    () -> {
                        try {
                            copying.run();
                        } catch (IOException e) {
                            // one of the sides has closed: what became of the link the test sees
                        }
                    },
                    "dripping");
            thread.setDaemon(true);
            thread.start();
        }

        private void drip() throws IOException {
            near = server.accept();
            far = new Socket(InetAddress.getLoopbackAddress(), port);
            far.setTcpNoDelay(true);
            start(() -> far.getInputStream().transferTo(near.getOutputStream()));
            InputStream in = near.getInputStream();
            OutputStream out = far.getOutputStream();
            for (int b = in.read(); b >= 0; b = in.read()) {
                out.write(b);
            }
        }

        @Override
        public void close() throws IOException {
            server.close();
            near.close();
            far.close();
        }
    }

    @Test
    void aClientHelloThatComesByteByByteMakesALinkAndItsGroupIsAudited() throws Exception {
        TestNetwork net = new TestNetwork(dir, true, 1);
        String group;
        try (net;
                Dripping way = new Dripping(net.gateway.address().getPort())) {
            TestNetwork.Raw raw = new TestNetwork.Raw();
            LinkConnector connector = new LinkConnector(
                    URI.create("wss://127.0.0.1:" + way.port()),
                    Base64.getUrlDecoder().decode(net.state.caPin()),
                    net.clientToken("laptop", Instant.now().plusSeconds(3600), "*:10.0.0.0/8"));
            Link link = connector
                    .connect(net.loops.next(), LinkSettings.DEFAULT, raw)
                    .get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            group = link.keyExchange();
        }
        assertThat(group).isEqualTo("X25519MLKEM768");
        assertThat(net.audited("link-up"))
                .singleElement()
                .satisfies(l -> assertThat(l).containsEntry("group", group));
    }
}
