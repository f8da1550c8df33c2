package dev.culvert.gateway.limit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpLiteral;
import java.net.InetAddress;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class NetworkRatesTest {
    private long now = 1;
    private final NetworkRates rates = new NetworkRates(3, 1, () -> now);

    private static InetAddress at(String text) {
        return Objects.requireNonNull(IpLiteral.parse(text));
    }

    private void pass(long seconds) {
        now += TimeUnit.SECONDS.toNanos(seconds);
    }

    @Test
    void eachAddressHasItsOwn() {
        for (int i = 0; i < 3; i++) {
            assertThat(rates.isEmpty(at("192.0.2.1"))).isFalse();
            assertThat(rates.takes(at("192.0.2.1"))).isTrue();
        }
        assertThat(rates.isEmpty(at("192.0.2.1"))).isTrue();
        assertThat(rates.takes(at("192.0.2.1"))).isFalse();
        assertThat(rates.takes(at("192.0.2.2"))).isTrue();
        pass(1);
        assertThat(rates.takes(at("192.0.2.1"))).isTrue();
        assertThat(rates.takes(at("192.0.2.1"))).isFalse();
        pass(60);
        for (int i = 0; i < 3; i++) {
            assertThat(rates.takes(at("192.0.2.1"))).as("no more than at first").isTrue();
        }
        assertThat(rates.takes(at("192.0.2.1"))).isFalse();
    }

    /** Who has one IPv6 address has 2^64 of them. */
    @Test
    void aNetworkOfIpv6IsOne() {
        for (int i = 0; i < 3; i++) {
            assertThat(rates.takes(at("2001:db8::" + i))).isTrue();
        }
        assertThat(rates.takes(at("2001:db8::ffff"))).isFalse();
        assertThat(rates.takes(at("2001:db8:0:1::1"))).isTrue();
    }

    @Test
    void tenThousandAddressesTakeNoMoreThanItsBound() {
        assertThat(rates.takes(at("192.0.2.1"))).isTrue();
        for (int i = 0; i < 10_000; i++) {
            assertThat(rates.takes(at("10." + i / 65_536 + "." + i / 256 % 256 + "." + i % 256)))
                    .isTrue();
            assertThat(rates.takes(at("192.0.2.1"))).as("the burst is 3").isEqualTo(i < 2);
        }
        assertThat(rates.size()).isEqualTo(NetworkRates.MAX_NETWORKS);
        assertThat(rates.isEmpty(at("192.0.2.1"))).as("and not forgotten").isTrue();
    }
}
