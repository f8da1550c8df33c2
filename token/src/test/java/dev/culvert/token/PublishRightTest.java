package dev.culvert.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.Transport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PublishRightTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "shop.example | shop.example",
                "*.Apps.Example. | *.apps.example",
                "b\u00fccher.example | xn--bcher-kva.example",
                ":8443 | :8443/tcp",
                ":2200-2299,80/udp,tcp | :80,2200-2299/tcp,udp",
                ":*/tcp | :*/tcp"
            })
    void readsBackWhatItWrites(String text, String canonical) {
        PublishRight right = PublishRight.parse(text);
        assertThat(right).hasToString(canonical);
        assertThat(PublishRight.parse(right.toString())).isEqualTo(right);
    }

    @Test
    void namesAndPortsAreApart() {
        PublishRight name = PublishRight.parse("*.apps.example");
        assertThat(name.permits("a.apps.example")).isTrue();
        assertThat(name.permits("b.A.APPS.example.")).isTrue();
        assertThat(name.permits("apps.example")).isFalse();
        assertThat(name.permits("evilapps.example")).isFalse();
        assertThat(name.permits("")).isFalse();
        assertThat(name.permits(Transport.TCP, 443)).isFalse();
        PublishRight ports = PublishRight.parse(":2200-2299/udp");
        assertThat(ports.permits(Transport.UDP, 2200)).isTrue();
        assertThat(ports.permits(Transport.UDP, 2300)).isFalse();
        assertThat(ports.permits(Transport.TCP, 2200)).isFalse();
        assertThat(ports.permits(Transport.ICMP, 2200)).isFalse();
        assertThat(ports.permits("a.apps.example")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "*",
                "*.",
                ".",
                "a b",
                "10.0.0.1",
                "0x7f.1",
                "[::1]",
                "shop.example:443",
                "shop.example/tcp",
                ":",
                ":0",
                ":65536",
                ":9-1",
                ":80/icmp",
                ":80/sctp",
                ":80/",
                ":80/tcp,",
                "https://shop.example",
                "-x.example",
                "*.*.example"
            })
    void refusesTheRestInOneLine(String text) {
        assertThatThrownBy(() -> PublishRight.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("publish right")
                .hasMessageNotContaining("\n");
    }

    @Test
    void boundsItsInput() {
        assertThatThrownBy(() -> PublishRight.parse(":" + "1,".repeat(5000))).hasMessageContaining("characters");
        assertThatThrownBy(() -> PublishRight.parse("a".repeat(100_000))).hasMessageContaining("characters");
    }
}
