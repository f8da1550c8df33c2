package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Flows that have ended both ways, and whose end somebody has not read yet when the link is lost. */
@NullUnmarked
final class UnreadEndTest {
    private static final int BYTES = 1_000;

    private final Simulation s = new Simulation(1, Scenario.CALM);
    private Application a;

    @BeforeEach
    void open() {
        s.meet();
        a = s.open();
        s.carryAll();
        s.answerAll();
        ((StreamProgram) a.caller).checks = false;
        ((StreamProgram) a.callee).checks = false;
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(s.leftovers()).isZero();
        s.close();
    }

    /** One writes all that it has, and ends. */
    private void say(Program p) {
        p.channel.writeAndFlush(Unpooled.wrappedBuffer(new byte[BYTES]));
        p.channel.shutdownOutput();
    }

    private void loseLink() {
        s.client().cut();
        s.carryAll();
        s.client().connect();
        s.carryAll();
        s.pass(Duration.ofSeconds(1));
    }

    private void readsAll(Program p) {
        assertThat(p.reset).isNull();
        p.channel.config().setAutoRead(true);
        s.carryAll();
        assertThat(p.received).isEqualTo(BYTES);
        assertThat(p.reset).isNull();
        p.channel.close();
        s.carryAll();
    }

    /** Each knows that the other has all: what is left is to be read, and no path is needed for that. */
    @Test
    void itIsReadAllTheSame() {
        a.caller.channel.config().setAutoRead(false);
        say(a.callee);
        say(a.caller);
        s.carryAll();
        a.callee.channel.close();
        s.pass(Duration.ofSeconds(1));
        assertThat(s.agent().flows.count()).isZero();
        s.client().cut();
        s.carryAll();
        assertThat(s.client().flows.heldCount()).isZero();
        loseLink();
        readsAll(a.caller);
    }

    /** That its own end was received is lost with the link: but the other would not have forgotten the flow else. */
    @Test
    void itIsReadByWhoMustAskWhetherItIsOver() {
        a.caller.channel.config().setAutoRead(false);
        say(a.callee);
        s.carryAll();
        say(a.caller);
        s.loop.runNow();
        s.client().link.near.carry(Integer.MAX_VALUE);
        s.loop.runNow();
        s.agent().places.get(0).link.carryAll();
        s.loop.runNow();
        a.callee.channel.close();
        assertThat(s.agent().flows.count()).isZero();
        assertThat(a.caller.channel.keptBytes()).isPositive();
        loseLink();
        readsAll(a.caller);
    }

    /** The same, where nobody asks: an opener has forgotten it, as the number says that is its oldest now. */
    @Test
    void itIsReadByWhoWasForgotten() {
        a.callee.channel.config().setAutoRead(false);
        say(a.caller);
        s.carryAll();
        say(a.callee);
        s.loop.runNow();
        s.agent().places.get(0).link.near.carry(Integer.MAX_VALUE);
        s.loop.runNow();
        s.client().link.far.carry(Integer.MAX_VALUE);
        s.loop.runNow();
        a.caller.channel.close();
        s.loop.runNow();
        assertThat(a.callee.channel.keptBytes()).isPositive();
        loseLink();
        assertThat(s.agent().flows.heldCount()).isOne();
        s.open();
        s.carryAll();
        assertThat(s.agent().flows.heldCount()).isZero();
        readsAll(a.callee);
    }
}
