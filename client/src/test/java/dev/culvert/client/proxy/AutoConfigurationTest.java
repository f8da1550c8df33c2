package dev.culvert.client.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.client.uplink.LinkedUplink;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class AutoConfigurationTest {
    private static final InetSocketAddress AT = new InetSocketAddress("127.0.0.1", 1080);

    @Test
    void itHasTheNetworksAndNamesThatLieBehindAgents() {
        String script = AutoConfiguration.of(
                AT,
                false,
                List.of(IpPrefix.parse("192.168.77.0/24"), IpPrefix.parse("10.0.0.0/9"), IpPrefix.parse("fd77::/64")),
                List.of(HostPattern.parse("*.office.example"), HostPattern.parse("db")));
        assertThat(script)
                .startsWith("function FindProxyForURL(url, host) {\n")
                .contains("\"PROXY 127.0.0.1:1080\"")
                .contains("[[\"10.0.0.0\", \"255.128.0.0\"], [\"192.168.77.0\", \"255.255.255.0\"]]")
                .contains("[\".office.example\", \"db\"]")
                .contains("indexOf(\":\") >= 0) return proxy")
                .endsWith("}\n");
    }

    @Test
    void withoutNetworksOfIpv6TheirAddressesAreNotForTheProxy() {
        assertThat(AutoConfiguration.of(AT, false, List.of(), List.of()))
                .contains("indexOf(\":\") >= 0) return \"DIRECT\"")
                .contains("networks = [];");
    }

    @Test
    void withAnAgentForTheRestAllIsAskedOfTheProxy() {
        assertThat(AutoConfiguration.of(AT, true, List.of(IpPrefix.parse("10.0.0.0/8")), List.of()))
                .doesNotContain("DIRECT")
                .contains("return proxy;");
    }

    @Test
    void itIsReachedAtTheAddressThatItWasAskedAt() {
        assertThat(AutoConfiguration.of(new InetSocketAddress("::1", 8080), true, List.of(), List.of()))
                .contains("\"PROXY [::1]:8080\"");
    }

    @Test
    void beforeTheGatewayHasSaidWhatThereIsNothingIsSentPastTheProxy() {
        try (LinkedUplink link = new LinkedUplink()) {
            assertThat(ProxyCommand.configuration(AT, link.uplink, null, List.of()))
                    .isNull();
            assertThat(ProxyCommand.configuration(AT, link.uplink, "office", List.of()))
                    .as("all goes through one agent")
                    .contains("return proxy;");
            link.up("10.1.0.0/16");
            assertThat(ProxyCommand.configuration(AT, link.uplink, null, List.of()))
                    .contains("[[\"10.1.0.0\", \"255.255.0.0\"]]");
            link.disconnect();
            assertThat(ProxyCommand.configuration(AT, link.uplink, null, List.of()))
                    .as("it has said so")
                    .isNotNull();
        }
    }
}
