package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.web.Browser;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ExchangeCountsTest {
    private final ExchangeCounts counts = new ExchangeCounts();

    private static Browser from(int last) throws UnknownHostException {
        return new Browser(InetAddress.getByName("203.0.113." + last), true, List.of());
    }

    private void begin(String site, int last, int times) throws UnknownHostException {
        for (int i = 0; i < times; i++) {
            assertThat(counts.begins(site, from(last))).isTrue();
        }
    }

    @Test
    void oneAddressHasItsShareAndSoHasASite() throws Exception {
        begin("a", 1, ExchangeCounts.MAX_FROM);
        assertThat(counts.begins("b", from(1))).isFalse();
        for (int i = 2; i <= ExchangeCounts.MAX_EACH / ExchangeCounts.MAX_FROM; i++) {
            begin("a", i, ExchangeCounts.MAX_FROM);
        }
        assertThat(counts.begins("a", from(99))).isFalse();
        assertThat(counts.begins("b", from(99))).isTrue();
        counts.ends("a", from(1));
        assertThat(counts.begins("a", from(1))).isTrue(); // what is refused was not counted
        assertThat(counts.begins("a", from(1))).isFalse();
    }
}
