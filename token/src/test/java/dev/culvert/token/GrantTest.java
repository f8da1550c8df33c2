package dev.culvert.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.PortRanges;
import dev.culvert.address.SeededRandom;
import dev.culvert.address.Transport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GrantTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "office:192.168.77.0/24 | office:192.168.77.0/24",
                "office:192.168.77.2:443/tcp | office:192.168.77.2/32:443/tcp",
                "office:192.168.77.2/tcp | office:192.168.77.2/32/tcp",
                "office:192.168.77.0/24/udp,tcp | office:192.168.77.0/24/tcp,udp",
                "office:192.168.77.0/24:80,443,440-450 | office:192.168.77.0/24:80,440-450",
                "office:[fd77::/64]:53/udp | office:[fd77::/64]:53/udp",
                "office:[fd77::1] | office:[fd77::1/128]",
                "office:db.internal:5432/tcp | office:db.internal:5432/tcp",
                "office:DB.Internal. | office:db.internal",
                "office:*.corp.example:*/tcp,udp,icmp | office:*.corp.example",
                "office:bücher.example/TCP | office:xn--bcher-kva.example/tcp",
                "office:7up.example | office:7up.example",
                "*:0.0.0.0/0 | *:0.0.0.0/0",
                "a:[::ffff:10.0.0.1] | a:10.0.0.1/32"
            })
    void readsAndWritesCanonically(String text, String canonical) {
        Grant grant = Grant.parse(text);
        assertThat(grant).hasToString(canonical);
        assertThat(Grant.parse(canonical)).isEqualTo(grant).hasSameHashCodeAs(grant);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "office | needs an agent and a target",
                ":10.0.0.0/8 | needs an agent and a target",
                "office: | needs an agent and a target",
                "Office:10.0.0.0/8 | agent 'Office'",
                "-x:10.0.0.0/8 | agent '-x'",
                "office:10.0.0.1/8 | write 10.0.0.0/8",
                "office:10.0.0.0/33 | wrong length",
                "office:fd77::1 | brackets",
                "office:[fd77::/64 | without ']'",
                "office:[10.0.0.0/8] | IPv6 only",
                "office:[fd77::/64]x | after the target",
                "office:10.0.0.1:0 | port '0'",
                "office:10.0.0.1:65536 | port '65536'",
                "office:10.0.0.1:9-8 | 8-9",
                "office:10.0.0.1:80, | port ''",
                "office:10.0.0.1: | port ''",
                "office:10.0.0.1/sctp | transport 'sctp'",
                "office:10.0.0.1:80/ | transport ''",
                "office:* | too wide",
                "office:127.1 | not an IP prefix",
                "office:2130706433 | neither an IP prefix nor a host name",
                "office:0x7f.1 | neither",
                "office:a.0x7f000001 | neither",
                "office:１２７.0.0.1 | neither",
                "office:a..b | neither",
                "office:*.*.b | neither",
                "office:a b | neither",
                "office:-a.b | neither"
            })
    void namesTheOffendingPart(String text, String complaint) {
        assertThatThrownBy(() -> Grant.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(complaint)
                .hasMessageStartingWith("grant '")
                .hasMessageNotContaining("\n");
    }

    @Test
    void readsListsWhosePortsHaveCommas() {
        assertThat(Grant.parseList("office:10.0.0.0/8:80,443,8000-8100/tcp,udp, home:[fd77::/64],x:a.b:1,2"))
                .extracting(Grant::toString)
                .containsExactly("office:10.0.0.0/8:80,443,8000-8100/tcp,udp", "home:[fd77::/64]", "x:a.b:1-2");
    }

    @Test
    void doesNotApplyPortsToIcmp() {
        Grant grant = Grant.parse("office:10.0.0.0/8:443");
        assertThat(grant.allows(Transport.ICMP, 0)).isTrue();
        assertThat(grant.allows(Transport.TCP, 443)).isTrue();
        assertThat(grant.allows(Transport.TCP, 80)).isFalse();
        assertThat(Grant.parse("office:10.0.0.0/8:443/tcp").allows(Transport.ICMP, 0))
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"web.corp.example", "WEB.Corp.Example.", "a.b.corp.example"})
    void matchesNamesBelowADomain(String host) {
        assertThat(HostPattern.parse("*.corp.example").matches(host)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"corp.example", "xcorp.example", ".corp.example", "evil.example", "corp.example.evil", ""})
    void doesNotMatchOtherNames(String host) {
        assertThat(HostPattern.parse("*.corp.example").matches(host)).isFalse();
    }

    @Test
    void portsAgreeWithABitSet() {
        SeededRandom random = SeededRandom.create();
        for (int round = 0; round < 300; round++) {
            java.util.BitSet model = new java.util.BitSet();
            StringBuilder text = new StringBuilder();
            PortRanges union = null;
            for (int i = 0; i <= random.nextInt(8); i++) {
                int first = 1 + random.nextInt(random.nextBoolean() ? 40 : 65535);
                int last = Math.min(65535, first + random.nextInt(20));
                model.set(first, last + 1);
                text.append(i == 0 ? "" : ",").append(first).append('-').append(last);
                PortRanges one = PortRanges.parse(first + "-" + last);
                union = union == null ? one : union.union(one);
            }
            PortRanges ports = PortRanges.parse(text.toString());
            assertThat(union).as("seed %d", random.seed).isEqualTo(ports);
            assertThat(PortRanges.parse(ports.toString())).isEqualTo(ports);
            for (int port = -1; port <= 65536; port += port < 80 ? 1 : 1 + random.nextInt(40)) {
                assertThat(ports.contains(port)).isEqualTo(port >= 0 && model.get(port));
            }
        }
    }
}
