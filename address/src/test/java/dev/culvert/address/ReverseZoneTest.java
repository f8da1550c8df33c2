package dev.culvert.address;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ReverseZoneTest {
    @ParameterizedTest
    @CsvSource({
        "192.168.77.0/24, 77.168.192.in-addr.arpa",
        "10.0.0.0/8, 10.in-addr.arpa",
        "192.168.77.5, 5.77.168.192.in-addr.arpa",
        "fd77::/16, 7.7.d.f.ip6.arpa",
        "fd77::/64, 0.0.0.0.0.0.0.0.0.0.0.0.7.7.d.f.ip6.arpa"
    })
    void aPrefixAtALabelIsOneDomain(String prefix, String zone) {
        assertThat(ReverseZone.of(IpPrefix.parse(prefix))).containsExactly(zone);
        assertThat(ReverseZone.prefix(zone)).isEqualTo(IpPrefix.parse(prefix));
    }

    @Test
    void aPrefixBetweenLabelsIsSeveralDomains() {
        assertThat(ReverseZone.of(IpPrefix.parse("10.1.4.0/22")))
                .containsExactly(
                        "4.1.10.in-addr.arpa", "5.1.10.in-addr.arpa", "6.1.10.in-addr.arpa", "7.1.10.in-addr.arpa");
        assertThat(ReverseZone.of(IpPrefix.parse("fd77:8000::/18")))
                .hasSize(4)
                .contains("8.7.7.d.f.ip6.arpa", "b.7.7.d.f.ip6.arpa");
        assertThat(ReverseZone.of(IpPrefix.parse("172.16.0.0/12"))).hasSize(16).contains("31.172.in-addr.arpa");
    }

    @ParameterizedTest
    @ValueSource(strings = {"10.0.0.0/11", "192.168.1.128/25", "0.0.0.0/0", "::/0"})
    void whatWouldBeTooManyIsNone(String prefix) {
        assertThat(ReverseZone.of(IpPrefix.parse(prefix))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "corp.example",
                "in-addr.arpa",
                "ip6.arpa",
                "077.168.192.in-addr.arpa",
                "256.in-addr.arpa",
                "x.in-addr.arpa",
                "1.2.3.4.5.in-addr.arpa",
                "ab.ip6.arpa",
                "g.ip6.arpa",
                ".10.in-addr.arpa",
                "-1.in-addr.arpa",
                "10.in-addr.arpa.example"
            })
    void whatIsNoSuchDomainHasNoAddresses(String domain) {
        assertThat(ReverseZone.prefix(domain)).isNull();
    }
}
