package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.flow.AnsweredFlows;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/**
 * Flows that go on when their link, or their gateway, does not: in simulations whose seeds say what happens. -Dculvert.seed=N says
 * which is the first, -Dculvert.seeds=N how many of each kind there are; when the first is said, the leak detector watches each
 * buffer, and with -Dculvert.tells=true all frames are written down.
 */
@NullUnmarked
final class ResumptionTest {
    private static final Integer FIRST = Integer.getInteger("culvert.seed");
    private static final Integer SEEDS = Integer.getInteger("culvert.seeds");

    private static final Function<Random, Scenario> VERSION_1 = Scenario::version1;
    private static final List<Function<Random, Scenario>> KINDS =
            List.of(Scenario::rough, Scenario::withEnds, VERSION_1);

    @Test
    void everyByteComesOnceAndInOrderWhateverTheWeather() {
        run(4_000, Scenario::rough, "everyByteComesOnceAndInOrderWhateverTheWeather");
    }

    /** It is given up, forbidden, or loses the process that had it; or there is too little memory to hold it. */
    @Test
    void whatEndsOtherwiseIsSeenToEndByBoth() {
        run(4_000, Scenario::withEnds, "whatEndsOtherwiseIsSeenToEndByBoth");
    }

    /** Flows end with their links, and both sides see it. */
    @Test
    void withAPeerOfVersion1AFlowEndsWithItsLink() {
        run(2_000, VERSION_1, "withAPeerOfVersion1AFlowEndsWithItsLink");
    }

    @Test
    void whatASeedSaysHappensAgain() {
        for (long seed = 1; seed <= 20; seed++) {
            for (Function<Random, Scenario> kind : KINDS) {
                assertThat(trace(seed, kind)).as("seed %d", seed).isEqualTo(trace(seed, kind));
            }
        }
    }

    private static long trace(long seed, Function<Random, Scenario> kind) {
        Random random = new Random(seed);
        try (Simulation s = new Simulation(random, kind.apply(random), false)) {
            Weather.passesOver(s);
            s.leftovers();
            return s.trace();
        }
    }

    /** A path is asked for with what may be sent then; what is granted until the answer comes must not be lost. */
    @Test
    void whatIsReadWhileAPathIsAskedForIsGrantedOnIt() throws Exception {
        try (Simulation s = new Simulation(1, Scenario.CALM)) {
            s.meet();
            Application a = s.open();
            s.carryAll();
            s.answerAll();
            a.caller.channel.config().setAutoRead(false);
            byte[] all = new byte[200_000];
            a.callee.channel.writeAndFlush(Unpooled.wrappedBuffer(all));
            s.carryAll();
            assertThat(a.callee.channel.sendCredit()).isZero();
            ((StreamProgram) a.caller).checks = false;

            s.client().cut();
            s.carryAll();
            s.client().connect();
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

    /** Of a path that was asked for in vain: the next is asked for with it. */
    @Test
    void whatIsReadWhileAPathIsAskedForIsGrantedOnce() throws Exception {
        try (Simulation s = new Simulation(1, Scenario.CALM)) {
            s.meet();
            Application a = s.open();
            s.carryAll();
            s.answerAll();
            ((StreamProgram) a.caller).checks = false;
            long window = a.callee.channel.sendCredit();
            a.caller.channel.config().setAutoRead(false);
            a.callee.channel.writeAndFlush(Unpooled.wrappedBuffer(new byte[60_000]));
            s.carryAll();
            s.client().cut();
            s.carryAll();
            s.client().connect();
            s.loop.runNow(); // the path is asked for, and nothing is carried
            a.caller.channel.config().setAutoRead(true);
            s.loop.runNow();
            assertThat(a.caller.received).isEqualTo(60_000);
            s.client().cut();
            s.carryAll();
            s.client().connect();
            s.carryAll();
            assertThat(a.caller.channel.isAttached()).isTrue();
            assertThat(a.callee.channel.sendCredit()).isEqualTo(window);
            a.caller.channel.close();
            s.carryAll();
            assertThat(s.leftovers()).isZero();
        }
    }

    @Test
    void aFlowWhoseResetWasLostDoesNotKeepItsSocketWhileItsClientIsThere() throws Exception {
        try (Simulation s = new Simulation(1, Scenario.CALM)) {
            s.meet();
            Application oldest = s.open();
            Application aborted = s.open();
            s.carryAll();
            s.answerAll();
            s.pass(Duration.ofSeconds(1)); // each has said that it has heard
            s.client().link.lost = true;
            aborted.caller.channel.close();
            s.carryAll();
            s.client().cut();
            s.carryAll();
            s.client().connect();
            s.carryAll();
            assertThat(oldest.callee.channel.isAttached()).isTrue();
            assertThat(s.agent().flows.heldCount()).isOne();

            s.pass(AnsweredFlows.FORSAKEN.plusSeconds(1));
            assertThat(s.agent().flows.heldCount())
                    .as("its client may have been away")
                    .isOne();
            s.open();
            s.pass(Duration.ofSeconds(20));
            assertThat(s.agent().flows.heldCount()).isZero();
            assertThat(oldest.callee.channel.isOpen()).isTrue();
            assertThat(s.leftovers()).isZero();
        }
    }

    private static void run(int seeds, Function<Random, Scenario> kind, String test) {
        long first = FIRST == null ? 1 : FIRST;
        long wentOn = 0;
        for (long seed = first; seed < first + (SEEDS == null ? seeds : SEEDS); seed++) {
            Random random = new Random(seed);
            Scenario scenario = kind.apply(random);
            try {
                wentOn += run(random, scenario);
            } catch (Throwable t) {
                throw new AssertionError(
                        "seed " + seed + ", " + scenario + "; to repeat it: mvn test -pl gateway -am"
                                + " -Dsurefire.failIfNoSpecifiedTests=false -Dtest='ResumptionTest#" + test
                                + "' -Dculvert.seeds=1 -Dculvert.seed=" + seed,
                        t);
            }
        }
        if (FIRST == null && kind != VERSION_1) {
            assertThat(wentOn).as("flows that went on").isGreaterThan(SEEDS == null ? seeds : SEEDS);
        }
    }

    /** Returns how often flows went on. */
    private static int run(Random random, Scenario scenario) {
        try (Simulation s = new Simulation(random, scenario, FIRST != null)) {
            s.tells = Boolean.getBoolean("culvert.tells");
            Weather.passesOver(s);
            for (Application a : s.applications) {
                assertThat(endsAsItShould(a)).as(a::toString).isTrue();
            }
            for (SimulatedGateway gateway : s.gateways) {
                assertThat(gateway.flowCount()).as("flows at %s", gateway).isZero();
            }
            if (s.intruder == null
                    && s.applications.stream().noneMatch(Application::isForgotten)) { // else held for long
                nothingIsLeft(s);
            }
            assertThat(s.leftovers()).isZero();
            nothingIsLeft(s);
            for (SimulatedGateway gateway : s.gateways) {
                for (TestFabric process : gateway.processes) {
                    assertThat(process.links.count()).isZero();
                    assertThat(process.services.clientFlows().total()).isZero();
                    assertThat(process.services.agentFlows().total()).isZero();
                    assertThat(process.services.backlog().total()).isZero();
                }
            }
            return s.wentOn;
        }
    }

    private static void nothingIsLeft(Simulation s) {
        for (SimulatedClient client : s.clients) {
            assertThat(client.flows.waitingCount()).isZero();
        }
        for (SimulatedAgent agent : s.agents) {
            assertThat(agent.flows.count()).as("flows of %s", agent.instance).isZero();
        }
        s.sessions().forEach(session -> {
            assertThat(session.heldCount()).as("held").isZero();
            assertThat(session.heldBytes()).as("bytes held").isZero();
            assertThat(session.keptBytes()).as("bytes kept").isZero();
        });
    }

    /** In order; or otherwise if there is a reason for that, and then both have seen it. */
    private static boolean endsAsItShould(Application a) {
        return a.isClean()
                || a.isRefused()
                || a.isGivenUp()
                || a.isForgotten()
                || a.mayEndOtherwise() && a.isSeenToEnd();
    }
}
