package dev.culvert.tunnel.limit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

class IdTableTest {
    @Test
    void isWhatAHashMapIs() {
        Random random = new Random(1);
        for (int round = 0; round < 20; round++) {
            IdTable<String> table = new IdTable<>();
            Map<Integer, String> model = new HashMap<>();
            int ids = 1 << 1 + random.nextInt(12);
            for (int i = 0; i < 20_000; i++) {
                int id = random.nextInt(ids) * 0x10001;
                switch (random.nextInt(5)) {
                    case 0, 1 -> {
                        table.put(id, "v" + i);
                        model.put(id, "v" + i);
                    }
                    case 2, 3 -> assertThat(table.remove(id)).isEqualTo(model.remove(id));
                    default -> assertThat(table.get(id)).isEqualTo(model.get(id));
                }
                assertThat(table.size()).isEqualTo(model.size());
            }
            Set<String> shown = new HashSet<>();
            table.forEach(shown::add);
            assertThat(shown).isEqualTo(new HashSet<>(model.values()));
        }
    }

    @Test
    void allAreTakenOutOneByOne() {
        IdTable<Integer> table = new IdTable<>();
        Set<Integer> left = new HashSet<>();
        for (int i = 0; i < 50_000; i++) {
            table.put(i, i);
            left.add(i);
        }
        for (Integer v = table.removeAny(); v != null; v = table.removeAny()) {
            assertThat(left.remove(v)).isTrue();
        }
        assertThat(left).isEmpty();
        assertThat(table.size()).isZero();
    }

    @Test
    void noChoiceOfIdsMakesALongRun() {
        // Of these the first made one run of an IntObjectHashMap whose keys were multiplied by 0x9E3779B9.
        int inverse = 0x144cbc89; // of 0x9E3779B9 modulo 2^32
        assertThat(inverse * 0x9E3779B9).isEqualTo(1);
        for (IntUnaryOperator ids : new IntUnaryOperator[] {
            k -> k * inverse, k -> k, k -> k << 15, k -> Integer.reverse(k), k -> k * 0x10001, k -> k * -0x3361d2af
        }) {
            IdTable<Integer> table = new IdTable<>();
            for (int k = 0; k < 131_072; k++) {
                table.put(ids.applyAsInt(k), k);
            }
            assertThat(table.longestRun()).isLessThan(1_000);
        }
    }
}
