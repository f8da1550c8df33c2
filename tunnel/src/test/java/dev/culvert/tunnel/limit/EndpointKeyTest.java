package dev.culvert.tunnel.limit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EndpointKeyTest {
    /** Endpoints whose hash is one: their IPv6 address has two words with one sum. */
    private static List<InetSocketAddress> colliding(int count) throws Exception {
        List<InetSocketAddress> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            byte[] bytes = ByteBuffer.allocate(16)
                    .putInt(0xfd77_0000)
                    .putInt(0)
                    .putInt(i)
                    .putInt(-i)
                    .array();
            all.add(new InetSocketAddress(InetAddress.getByAddress(bytes), 53));
        }
        return all;
    }

    @Test
    void manyOfOneHashAreFound() throws Exception {
        List<InetSocketAddress> endpoints = colliding(4_096);
        assertThat(endpoints.stream()
                        .mapToInt(e -> EndpointKey.of(e).hashCode())
                        .distinct())
                .hasSizeLessThan(5); // two words with one sum, but for the carry
        Map<EndpointKey, Integer> map = new HashMap<>();
        for (int i = 0; i < endpoints.size(); i++) {
            map.put(EndpointKey.of(endpoints.get(i)), i);
        }
        for (int i = 0; i < endpoints.size(); i++) {
            assertThat(map.get(EndpointKey.of(endpoints.get(i)))).isEqualTo(i);
        }
    }

    /** What halving needs: an order that tells all apart that are not equal, whatever their hash. */
    @Test
    void theOrderTellsAllApart() throws Exception {
        List<EndpointKey> keys = colliding(200).stream().map(EndpointKey::of).toList();
        for (int i = 0; i < keys.size(); i++) {
            for (int j = 0; j < keys.size(); j++) {
                assertThat(Integer.signum(keys.get(i).compareTo(keys.get(j))))
                        .isEqualTo(-Integer.signum(keys.get(j).compareTo(keys.get(i))));
                assertThat(keys.get(i).compareTo(keys.get(j)) == 0).isEqualTo(i == j);
            }
        }
        InetAddress v4 = InetAddress.getByName("10.0.0.1");
        assertThat(new EndpointKey(v4, 1)).isNotEqualByComparingTo(new EndpointKey(v4, 2));
        assertThat(new EndpointKey(v4, 1))
                .isNotEqualByComparingTo(new EndpointKey(keys.get(0).address(), 1));
    }
}
