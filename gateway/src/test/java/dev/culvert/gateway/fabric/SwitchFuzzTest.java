package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * Whatever clients and agents send through the switch, in whatever order: nothing throws, nothing leaks, no byte reaches
 * anybody but the other end of its flow, and who breaks the protocol ends its own link and no other. {@link SwitchBench}
 * checks that at each step.
 */
final class SwitchFuzzTest {
    private static final int STEPS = 200;
    private static final int RUNS = 150;

    @FuzzTest(maxDuration = "1h")
    void framesThroughTheSwitch(FuzzedDataProvider data) {
        drive(n -> data.remainingBytes() == 0 ? -1 : data.consumeInt(0, n - 1));
    }

    @Test
    void randomFramesThroughTheSwitch() {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        Random random = new Random(seed);
        long delivered = 0;
        long closed = 0;
        for (int run = 0; run < RUNS; run++) {
            try {
                SwitchBench.Tally tally = drive(random::nextInt);
                delivered += tally.delivered();
                closed += tally.closed();
            } catch (Throwable t) {
                throw new AssertionError("culvert.seed=" + seed + " run=" + run, t);
            }
        }
        // Or the test would be one of nothing.
        assertThat(delivered)
                .as("frames with payload that crossed, seed=" + seed)
                .isGreaterThan(RUNS / 4);
        assertThat(closed).as("links that broke the protocol, seed=" + seed).isGreaterThan(RUNS / 10);
    }

    private static SwitchBench.Tally drive(IntUnaryOperator choice) {
        try (SwitchBench bench = new SwitchBench()) {
            for (int i = 0; i < STEPS && bench.step(choice); i++) {
                bench.check();
            }
            return bench.tally();
        }
    }
}
