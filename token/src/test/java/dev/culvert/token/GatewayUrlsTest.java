package dev.culvert.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.AddressText;
import dev.culvert.token.state.StateDirectory;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a policy takes for a host name a gateway may be called, in its URL and in its certificate. */
@NullUnmarked
final class GatewayUrlsTest {
    @TempDir
    Path dir;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "wss://vpn.example",
                "wss://culvert_gateway:443",
                "wss://_a.b_c.example/path",
                "wss://localhost:8443",
                "wss://b\u00fccher.example:443",
                "wss://xn--bcher-kva.example",
                "WSS://VPN.example.:443",
                "wss://192.0.2.1",
                "wss://[2001:db8::1]:443",
                "ws://gateway-1"
            })
    void aUrlThatIsAcceptedIsGoodForACertificate(String text) throws Exception {
        StateDirectory state = StateDirectory.openOrCreate(dir);
        state.setGatewayUrls(List.of(URI.create(text)));
        URI url = StateDirectory.open(dir).gatewayUrl();
        assertThat(url).isNotNull();
        assertThat(url.toString()).isEqualTo(url.toASCIIString());
        assertThat(state.serverCertificate(List.of(AddressText.host(url), "localhost"))
                        .chain())
                .hasSize(2);
        assertThat(GatewayUrls.canonical(GatewayUrls.canonical(url))).isEqualTo(GatewayUrls.canonical(url));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "wss://b\u00fccher.example; wss://xn--bcher-kva.example:443",
                "wss://VPN.Example./; wss://vpn.example:443",
                "wss://Culvert_Gateway; wss://culvert_gateway:443",
                "wss://[2001:DB8:0:0::1]; wss://[2001:db8::1]:443"
            })
    void oneGatewayHasOneForm(String text, String canonical) {
        assertThat(GatewayUrls.canonical(URI.create(text))).isEqualTo(URI.create(canonical));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "wss://[fe80::1%w0]:443; zone",
                "wss://[fe80::1]:443; link-local",
                "wss://127.1:443; neither a host name nor an IP address",
                "wss://a..b; neither a host name nor an IP address",
                "wss://-a.example; neither a host name nor an IP address",
                "wss://*.example; neither a host name nor an IP address",
                "wss://a_b:0; port",
                "wss://vpn.example:70000; port",
                "wss://a_b:x; port",
                "https://vpn.example; wss://host:port",
                "wss:///path; wss://host:port",
                "wss://user@vpn.example; without user",
                "wss://user@a_b; without user",
                "wss://vpn.example?x; without user, query",
                "wss://vpn.example/\u00fc; ASCII",
            })
    void othersAreRefusedWithTheReason(String text, String why) {
        assertThatThrownBy(() -> GatewayUrls.require(URI.create(text)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why)
                .hasMessageNotContaining("\n");
    }
}
