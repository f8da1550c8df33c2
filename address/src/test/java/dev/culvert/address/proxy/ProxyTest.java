package dev.culvert.address.proxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How a proxy is named, and when the environment's is used. */
@NullUnmarked
final class ProxyTest {
    @ParameterizedTest
    @CsvSource({
        "http://proxy.corp:3128, HTTP, proxy.corp, 3128",
        "http://proxy.corp, HTTP, proxy.corp, 80",
        "http://proxy.corp/, HTTP, proxy.corp, 80",
        "proxy.corp:3128, HTTP, proxy.corp, 3128",
        "HTTPS://proxy.corp, HTTPS, proxy.corp, 443",
        "socks5://10.0.0.1, SOCKS5, 10.0.0.1, 1080",
        "socks5h://[fd00::1]:1081, SOCKS5, fd00::1, 1081",
        "my_proxy:8080, HTTP, my_proxy, 8080"
    })
    void urls(String text, Proxy.Kind kind, String host, int port) {
        assertThat(Proxy.parse(text)).isEqualTo(new Proxy(kind, host, port, null));
        assertThat(Proxy.parse(Proxy.parse(text).toString())).isEqualTo(Proxy.parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "http://",
                "ftp://proxy",
                "socks4://proxy",
                "http://proxy:0",
                "http://proxy:99999",
                "http://proxy:x",
                "http://proxy/path",
                "http://proxy?x",
                "http://pro xy",
                "gopher://user:s3cret@proxy",
                "http://user:s3cret@pro xy"
            })
    void whatIsNone(String text) {
        assertThatThrownBy(() -> Proxy.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("write http://HOST:PORT")
                .hasMessageNotContaining("s3cret");
    }

    @Test
    void aPasswordIsReadAndNeverShown() {
        Proxy proxy = Proxy.parse("http://me%40corp:s3%3Acr+t@proxy:3128");
        assertThat(proxy.login()).isEqualTo(new Proxy.Login("me@corp", "s3:cr+t"));
        assertThat(proxy + " " + proxy.login()).doesNotContain("cr").contains("http://proxy:3128");
        assertThat(Proxy.Login.parse("a:b:c")).isEqualTo(new Proxy.Login("a", "b:c"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3cret", ":s3cret", "s3cret:", ""})
    void aLoginHasBothParts(String line) {
        assertThatThrownBy(() -> Proxy.Login.parse(line))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageNotContaining("s3cret");
        assertThatThrownBy(() -> new Proxy.Login("a".repeat(256), "b")).hasMessageContaining("255 bytes");
    }

    private static String chosen(String gateway, Map<String, String> environment) {
        Proxy proxy = new ProxyEnvironment(environment).of(URI.create(gateway));
        return proxy == null ? "" : proxy.host();
    }

    @Test
    void theEnvironmentIsReadAsCurlReadsIt() {
        Map<String, String> all = Map.of(
                "https_proxy", "http://small:1",
                "HTTPS_PROXY", "http://big:1",
                "http_proxy", "http://plain:1",
                "HTTP_PROXY", "http://evil:1",
                "ALL_PROXY", "socks5://all");
        assertThat(chosen("wss://vpn.example", all)).isEqualTo("small");
        assertThat(chosen("ws://vpn.example", all)).isEqualTo("plain");
        assertThat(chosen("ws://vpn.example", Map.of("HTTP_PROXY", "http://evil:1")))
                .isEmpty();
        assertThat(chosen("wss://vpn.example", Map.of("HTTPS_PROXY", "http://big:1", "https_proxy", "")))
                .isEqualTo("big");
        assertThat(chosen("wss://vpn.example", Map.of("ALL_PROXY", "socks5://all")))
                .isEqualTo("all");
        assertThat(chosen("wss://vpn.example", Map.of())).isEmpty();
        assertThat(chosen("wss://localhost:8443", all)).isEmpty();
        assertThat(chosen("wss://[::1]:8443", all)).isEmpty();
        assertThatThrownBy(() -> chosen("wss://vpn.example", Map.of("HTTPS_PROXY", "socks4://me:s3cret@old")))
                .hasMessageStartingWith("environment variable HTTPS_PROXY: 'old' is no proxy")
                .hasMessageContaining("--proxy none")
                .hasMessageNotContaining("s3cret");
    }

    @ParameterizedTest
    @CsvSource({
        "'*', wss://vpn.example, true",
        "vpn.example, wss://vpn.example, true",
        "example, wss://vpn.example, true",
        "EXAMPLE., wss://VPN.Example, true",
        "ample, wss://vpn.example, false",
        ".example, wss://vpn.example, true",
        ".vpn.example, wss://vpn.example, false",
        "'*.example', wss://vpn.example, true",
        "'a, vpn.example ,b', wss://vpn.example, true",
        "'a vpn.example b', wss://vpn.example, true",
        "vpn.example:443, wss://vpn.example, true",
        "vpn.example:8443, wss://vpn.example, false",
        "vpn.example:x, wss://vpn.example, false",
        "10.0.0.0/8, wss://10.1.2.3:8443, true",
        "10.0.0.0/8, wss://11.1.2.3, false",
        "10.1.2.3, wss://10.1.2.3, true",
        "10.1.2.3:8443, wss://10.1.2.3:8443, true",
        "10.1.2.3:8444, wss://10.1.2.3:8443, false",
        "10.1, wss://10.1.2.3, false",
        "fd00::/8, wss://[fd00::7], true",
        "fd00::7, wss://[fd00::7], true",
        "'[fd00::7]:443', wss://[fd00::7], true",
        "'[fd00::7]:444', wss://[fd00::7], false",
        "3, wss://10.1.2.3, false",
        "'10.0.0.0/99,%,-', wss://vpn.example, false"
    })
    void whatNoProxyCovers(String list, String gateway, boolean direct) {
        assertThat(chosen(gateway, Map.of("https_proxy", "http://p:1", "no_proxy", list))
                        .isEmpty())
                .isEqualTo(direct);
        assertThat(chosen(gateway, Map.of("HTTPS_PROXY", "http://p:1", "NO_PROXY", list))
                        .isEmpty())
                .isEqualTo(direct);
    }
}
