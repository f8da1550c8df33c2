package dev.culvert.address;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Addresses as people write them. */
final class AddressTextTest {
    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, 0.0.0.0",
        "192.0.2.1, 192.0.2.1",
        "::, ::",
        "2001:DB8:0:0:1:0:0:1, 2001:db8::1:0:0:1",
        "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
        "fe80::1, fe80::1"
    })
    void addresses(String java, String text) throws Exception {
        InetAddress address = InetAddress.getByName(java);
        assertThat(AddressText.of(address)).isEqualTo(text);
        assertThat(AddressText.of(new InetSocketAddress(address, 443)))
                .isEqualTo(text.indexOf(':') < 0 ? text + ":443" : "[" + text + "]:443");
    }

    @Test
    void namesThatAreNotResolvedAreNames() {
        assertThat(AddressText.of(InetSocketAddress.createUnresolved("vpn.example", 443)))
                .isEqualTo("vpn.example:443");
    }

    @ParameterizedTest
    @CsvSource({
        "wss://vpn.example, vpn.example, -1",
        "wss://vpn.example:8443/x, vpn.example, 8443",
        "wss://culvert_gateway:443, culvert_gateway, 443",
        "wss://b\u00fccher.example:443, b\u00fccher.example, 443",
        "wss://[2001:db8::1], 2001:db8::1, -1",
        "wss://[2001:db8::1]:443, 2001:db8::1, 443",
        "wss://a_b:0, a_b, 0",
        "wss://a_b:70000, a_b, 0",
        "wss://a_b:x, a_b, 0",
        "wss://a_b:, a_b, -1",
        "wss://user@a_b:1, a_b, 1",
        "wss:///path, '', -1"
    })
    void hostAndPortOfUrls(String url, String host, int port) {
        assertThat(AddressText.host(URI.create(url))).isEqualTo(host);
        assertThat(AddressText.port(URI.create(url))).isEqualTo(port);
    }
}
