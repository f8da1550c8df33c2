package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.flow.AnsweredFlows;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    @Test
    void whatOneAbortsTheOtherSeesReset() throws Exception {
        for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
            run(seed, Simulation.Weather.ROUGH_WITH_ABORTS);
        }
    }

    /** Its flows end with its link, and both sides see it. */
    @ParameterizedTest
    @CsvSource({"1, 2", "2, 1", "1, 1"})
    void withAPeerOfVersion1AFlowEndsWithItsLink(int client, int agent) throws Exception {
        for (long seed = FIRST; seed < FIRST + SEEDS / 10; seed++) {
            try (Simulation s = new Simulation(seed, Simulation.Weather.ROUGH)) {
                s.clientVersion = client;
                s.agentVersion = agent;
                s.run(5);
                for (Simulation.Application a : s.applications) {
                    assertThat(a.isRefused()
                                    || a.caller.isClean() && a.callee.isClean()
                                    || a.caller.ends() && a.callee.ends())
                            .as("seed %d: %s", seed, a)
                            .isTrue();
                }
                assertThat(s.opened.heldCount() + s.answered.heldCount() + s.answered.count())
                        .isZero();
                assertThat(s.flowsAtGateway()).isZero();
                assertThat(s.leftovers()).isZero();
            }
        }
    }

    /** A path is asked for with what may be sent then; what is granted until the answer comes must not be lost. */
    @Test
    void whatIsReadWhileAPathIsAskedForIsGrantedOnIt() throws Exception {
        try (Simulation s = new Simulation(1, Simulation.Weather.CALM)) {
            s.meet();
            Simulation.Application a = s.open();
            s.carryAll();
            s.answerAll();
            a.caller.channel.config().setAutoRead(false);
            byte[] all = new byte[200_000];
            a.callee.channel.writeAndFlush(Unpooled.wrappedBuffer(all));
            s.carryAll();
            assertThat(a.callee.channel.sendCredit()).isZero();
            a.caller.checks = false;

            s.client.cut();
            s.carryAll();
            s.client.connect();
            s.loop.runNow(); // the path is asked for, and nothing is carried
            assertThat(a.caller.channel.isAttached()).isFalse();
            a.caller.channel.config().setAutoRead(true);
            s.loop.runNow();
            s.carryAll();
            assertThat(a.caller.received).isEqualTo(all.length);
            a.caller.channel.close();
            s.carryAll();
            assertThat(s.leftovers()).isZero();
        }
    }

    @Test
    void aFlowWhoseResetWasLostDoesNotKeepItsSocketWhileItsClientIsThere() throws Exception {
        try (Simulation s = new Simulation(1, Simulation.Weather.CALM)) {
            s.meet();
            Simulation.Application oldest = s.open();
            Simulation.Application aborted = s.open();
            s.carryAll();
            s.answerAll();
            s.pass(Duration.ofSeconds(1)); // each has said that it has heard
            s.client.lost = true;
            aborted.caller.channel.close();
            s.carryAll();
            s.client.cut();
            s.carryAll();
            s.client.connect();
            s.carryAll();
            assertThat(oldest.callee.channel.isAttached()).isTrue();
            assertThat(s.answered.heldCount()).isOne();

            s.pass(AnsweredFlows.FORSAKEN.plusSeconds(1));
            assertThat(s.answered.heldCount())
                    .as("its client may have been away")
                    .isOne();
            s.open();
            s.pass(Duration.ofSeconds(20));
            assertThat(s.answered.heldCount()).isZero();
            assertThat(oldest.callee.channel.isOpen()).isTrue();
            assertThat(s.leftovers()).isZero();
        }
    }

    private static void run(long seed, Simulation.Weather weather) throws Exception {
        try (Simulation s = new Simulation(seed, weather)) {
            s.run(5);
            for (Simulation.Application a : s.applications) {
                assertThat(a.isRefused() || a.isGivenUp() || endsAsItShould(a))
                        .as("%s, links %s %s", a, s.client.downs, s.agent.downs)
                        .isTrue();
            }
            assertThat(s.opened.heldCount()).isZero();
            assertThat(s.answered.heldCount()).isZero();
            assertThat(s.answered.count()).isZero();
            assertThat(s.flowsAtGateway()).isZero();
            assertThat(s.opened.heldBytes() + s.answered.heldBytes()).isZero();
            assertThat(s.opened.keptBytes() + s.answered.keptBytes()).isZero();
            assertThat(s.leftovers()).isZero();
        } catch (Throwable t) {
            throw new AssertionError("seed " + seed, t);
        }
    }

    /** Both have had all, or one has aborted it, and the other has seen a reset unless it had ended before. */
    private static boolean endsAsItShould(Simulation.Application a) {
        if (!a.caller.aborted && !a.callee.aborted) {
            return a.caller.isClean() && a.callee.isClean();
        }
        return (a.caller.aborted || a.caller.isClean() || a.caller.reset != null)
                && (a.callee.channel == null || a.callee.aborted || a.callee.isClean() || a.callee.reset != null);
    }
}
