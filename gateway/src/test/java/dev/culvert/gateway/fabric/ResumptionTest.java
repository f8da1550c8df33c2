package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Flows that go on when their link, or their gateway, does not: in a simulation whose seed says what happens. */
@NullUnmarked
final class ResumptionTest {
    /** As many as CI has time for, and more by hand: -Dculvert.seeds. */
    private static final int SEEDS = Integer.getInteger("culvert.seeds", 500);

    private static final int FIRST = Integer.getInteger("culvert.seed", 1);

    @Test
    void everyByteComesOnceAndInOrderWhateverTheWeather() throws Exception {
        for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
            run(seed, Simulation.Weather.ROUGH);
        }
    }

    private static void run(long seed, Simulation.Weather weather) throws Exception {
        try (Simulation s = new Simulation(seed, weather)) {
            s.run(5);
            for (Simulation.Application a : s.applications) {
                assertThat(a.isRefused() || a.isGivenUp() || a.caller.isClean() && a.callee.isClean()).as("%s, links %s %s", a, s.client.downs, s.agent.downs).isTrue();
            }
            assertThat(s.opened.heldCount()).isZero();
            assertThat(s.answered.heldCount()).isZero();
            assertThat(s.answered.count()).isZero();
            assertThat(s.flowsAtGateway()).isZero();
            assertThat(s.leftovers()).isZero();
        } catch (Throwable t) {
            throw new AssertionError("seed " + seed, t);
        }
    }
}
