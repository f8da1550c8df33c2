package dev.culvert.stack.ip;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class KeyTableTest {
    @Test
    void behavesAsAMapUnderRandomUse() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        KeyTable<Integer> table = new KeyTable<>(random.nextLong(), random.nextLong());
        Map<List<Long>, Integer> model = new HashMap<>();
        for (int step = 0; step < 60_000; step++) {
            // Grows, then shrinks, so that both resizes and long probe sequences are met.
            int range = step < 30_000 ? 9 : 4;
            long a = random.nextInt(range);
            long b = random.nextInt(range);
            long c = random.nextInt(range);
            long d = random.nextInt(2);
            long e = random.nextInt(3);
            List<Long> key = List.of(a, b, c, d, e);
            switch (random.nextInt(3)) {
                case 0 -> {
                    table.put(a, b, c, d, e, step);
                    model.put(key, step);
                }
                case 1 ->
                    assertThat(table.remove(a, b, c, d, e))
                            .as("seed=%d step=%d", seed, step)
                            .isEqualTo(model.remove(key));
                default ->
                    assertThat(table.get(a, b, c, d, e))
                            .as("seed=%d step=%d", seed, step)
                            .isEqualTo(model.get(key));
            }
            assertThat(table.size()).as("seed=%d step=%d", seed, step).isEqualTo(model.size());
        }
        Set<Integer> seen = new HashSet<>();
        table.forEach(seen::add);
        assertThat(seen).as("seed=%d", seed).isEqualTo(new HashSet<>(model.values()));
    }

    @Test
    void visitorMayRemoveWhatItVisits() {
        KeyTable<Long> table = new KeyTable<>(1, 2);
        for (long i = 0; i < 1000; i++) {
            table.put(i, 0, 0, 0, 0, i);
        }
        table.forEach(i -> table.remove(i, 0, 0, 0, 0));
        assertThat(table.size()).isZero();
        assertThat(table.get(5, 0, 0, 0, 0)).isNull();
    }
}
