package dev.culvert.address;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PrefixTableTest {
    @Test
    void agreesWithALinearSearch() {
        SeededRandom random = SeededRandom.create();
        for (int round = 0; round < 60; round++) {
            PrefixTable<Integer> table = new PrefixTable<>();
            Map<IpPrefix, Integer> model = new HashMap<>();
            for (int i = 0; i < 80; i++) {
                IpPrefix prefix = random.prefix();
                if (random.nextInt(4) == 0) {
                    IpPrefix gone = model.isEmpty() || random.nextBoolean()
                            ? prefix
                            : model.keySet().iterator().next();
                    assertThat(table.remove(gone)).isEqualTo(model.remove(gone));
                } else {
                    assertThat(table.put(prefix, i)).isEqualTo(model.put(prefix, i));
                }
                assertThat(table.size()).isEqualTo(model.size());
            }
            for (int i = 0; i < 200; i++) {
                InetAddress address = random.address();
                IpPrefix best = null;
                for (IpPrefix prefix : model.keySet()) {
                    if (IpPrefixTest.inside(address, prefix) && (best == null || prefix.length() > best.length())) {
                        best = prefix;
                    }
                }
                assertThat(table.longestMatch(address))
                        .as("%s seed %d", address, random.seed)
                        .isEqualTo(best);
                assertThat(table.lookup(address)).isEqualTo(best == null ? null : model.get(best));
                byte[] b = address.getAddress();
                assertThat(
                                b.length == 4
                                        ? table.lookup((int) (IpPrefix.v4Key(b) >>> 32))
                                        : table.lookup(IpPrefix.bits(b, 0), IpPrefix.bits(b, 8)))
                        .isEqualTo(table.lookup(address));
                IpPrefix probe = random.prefix();
                assertThat(table.covers(probe))
                        .as("%s seed %d", probe, random.seed)
                        .isEqualTo(model.keySet().stream().anyMatch(p -> p.covers(probe)));
                assertThat(table.get(probe)).isEqualTo(model.get(probe));
            }
            List<IpPrefix> visited = new ArrayList<>();
            table.forEach((prefix, value) -> {
                assertThat(model.get(prefix)).isEqualTo(value);
                visited.add(prefix);
            });
            assertThat(visited).isEqualTo(List.copyOf(new TreeMap<>(model).keySet()));
        }
    }

    @Test
    void looksUpRawAddressesWithoutAllocating() {
        PrefixTable<String> table = new PrefixTable<>();
        table.put(IpPrefix.parse("10.0.0.0/8"), "a");
        table.put(IpPrefix.parse("10.1.0.0/16"), "b");
        table.put(IpPrefix.parse("fd77::/64"), "c");
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long hits = 0;
        long[] cost = new long[5];
        for (int round = 0; round < cost.length; round++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 100_000; i++) {
                hits += table.lookup(0x0a010000 + i) == null ? 0 : 1;
                hits += table.lookup(0xfd77_0000_0000_0000L, i) == null ? 0 : 1;
            }
            cost[round] = threads.getCurrentThreadAllocatedBytes() - before;
        }
        assertThat(hits).isEqualTo(2L * 100_000 * cost.length);
        // The measurement itself may allocate a little; 200,000 lookups must not.
        assertThat(cost[4]).isLessThan(4096);
    }
}
