package dev.culvert.gateway.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.certificate.acme.TestCertificates;
import dev.culvert.tunnel.link.GatewayTrust;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a gateway with a public certificate shows to whom, over real connections. */
@NullUnmarked
final class OwnTlsTest {
    @TempDir
    Path dir;

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

    private static SSLSocket connect(TestNetwork net, String name, String... protocols) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {ANY}, null);
        SSLSocket socket = (SSLSocket)
                context.getSocketFactory().createSocket("127.0.0.1", net.uri().getPort());
        socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName(name)));
        parameters.setApplicationProtocols(protocols);
        socket.setSSLParameters(parameters);
        return socket;
    }

    private static X509Certificate shown(TestNetwork net, String name, String... protocols) throws Exception {
        try (SSLSocket socket = connect(net, name, protocols)) {
            socket.startHandshake();
            return (X509Certificate) socket.getSession().getPeerCertificates()[0];
        }
    }

    private void put(Path file, Certificate certificate) throws Exception {
        Path next = Files.writeString(dir.resolve("next.pem"), certificate.pem());
        Files.move(next, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    @Test
    void whoOffersProtocolsIsShownThePublicCertificateAndWhoHasAPinThatOfTheOwnAuthority() throws Exception {
        Path pem = dir.resolve("vpn.pem");
        Certificate first = TestCertificates.of("vpn.test");
        put(pem, first);
        PublishingSettings publishing = new PublishingSettings(null, List.of(new FileCertificates.Pair(pem, pem)), null)
                .publicNames(List.of("VPN.test"));
        try (TestNetwork net = new TestNetwork(dir.resolve("state"), true, 1, publishing)) {
            assertThat(shown(net, "vpn.test", "h2", "http/1.1")).isEqualTo(first.leaf());
            X509Certificate own = shown(net, "vpn.test");
            assertThat(own).isNotEqualTo(first.leaf());
            assertThat(shown(net, "localhost", "http/1.1")).as("another name").isEqualTo(own);
            try (SSLSocket socket = connect(net, "vpn.test", "h2", "http/1.1")) {
                socket.startHandshake();
                assertThat(socket.getApplicationProtocol()).isEqualTo("http/1.1");
                socket.getOutputStream()
                        .write("GET / HTTP/1.1\r\nHost: vpn.test\r\nConnection: close\r\n\r\n"
                                .getBytes(StandardCharsets.US_ASCII));
                assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                        .startsWith("HTTP/1.1 200");
            }
            assertThat(net.client("laptop", 0, "*:10.0.0.0/24"))
                    .as("with a pin")
                    .isNotNull();
            Certificate second = TestCertificates.of("vpn.test");
            put(pem, second);
            await().untilAsserted(
                            () -> assertThat(shown(net, "vpn.test", "http/1.1")).isEqualTo(second.leaf()));
            assertThat(shown(net, "vpn.test")).isEqualTo(own);
        }
    }

    /** RFC 6066 section 3: a certificate of the gateway's would be a wrong one. Ends with a pin offer no protocols. */
    @Test
    void aBrowserThatComesByAnotherNameIsShownNone() throws Exception {
        try (TestNetwork net = new TestNetwork(dir.resolve("state"), true, 1)) {
            assertThatThrownBy(() -> shown(net, "nobody.test", "h2", "http/1.1"))
                    .isInstanceOf(SSLException.class)
                    .hasMessageContaining("unrecognized_name");
            X509Certificate own = shown(net, "nobody.test");
            assertThat(shown(net, "gateway.own.test", "h2", "http/1.1")).isEqualTo(own);
            assertThat(shown(net, "GATEWAY.test", "h2", "http/1.1"))
                    .as("as tokens say it")
                    .isEqualTo(own);
        }
    }

    @Test
    void untilThereIsOneEverybodyIsShownThatOfTheOwnAuthority() throws Exception {
        Path other = dir.resolve("other.pem");
        put(other, TestCertificates.of("other.test"));
        PublishingSettings publishing = new PublishingSettings(
                        null, List.of(new FileCertificates.Pair(other, other)), null)
                .publicNames(List.of("vpn.test"));
        try (TestNetwork net = new TestNetwork(dir.resolve("state"), true, 1, publishing)) {
            assertThat(shown(net, "vpn.test", "http/1.1")).isEqualTo(shown(net, "vpn.test"));
        }
    }

    /** By that they are told apart. */
    @Test
    void endsWithAPinOfferNoProtocolsAndTheOthersDo() throws Exception {
        assertThat(GatewayTrust.clientContext(null)
                        .applicationProtocolNegotiator()
                        .protocols())
                .containsExactly("http/1.1");
        assertThat(GatewayTrust.clientContext(new byte[32])
                        .applicationProtocolNegotiator()
                        .protocols())
                .isEmpty();
    }
}
