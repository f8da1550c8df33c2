package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.OpenedFlows;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Make before break: a second link beside one that has gone silent. */
@NullUnmarked
class SilentLinkTest extends FrozenKeeper {
    private static final long SUSPECTED = LinkSettings.DEFAULT.pingInterval().toMillis();
    private static final long STEP = 100;
    private static final byte[] PONG = {(byte) 0x8a, 0};

    private LinkKeeper keeper;

    @BeforeEach
    void begin() {
        version = 2;
        keeper = keeper(new OpenedFlows(clock.eventLoop(), flows -> {}), gateway);
    }

    /** Instead of one gateway. */
    private void two() {
        keeper = keeper(new OpenedFlows(clock.eventLoop(), flows -> {}), gateway, other);
    }

    private void speak(EmbeddedChannel link) {
        link.writeInbound(Unpooled.wrappedBuffer(PONG));
        settle();
    }

    /** In steps, for what is due comes late otherwise, and what follows it. */
    private void passSlowly(long millis) {
        for (long left = millis; left > 0; left -= STEP) {
            pass(Math.min(STEP, left));
        }
    }

    private List<Integer> said(RawPeer peer) {
        return peer.takeFrames().stream().map(WebSocketMessage::type).toList();
    }

    private EmbeddedChannel silent() {
        start(keeper);
        EmbeddedChannel first = accept(gateway, 0);
        pass(2_000);
        speak(first);
        return first;
    }

    @Test
    void oneThatSpeaksIsNotSuspected() {
        EmbeddedChannel first = silent();
        for (int second = 0; second < 60; second++) {
            pass(1_000);
            speak(first);
        }
        assertThat(gateway.dials).hasSize(1);
    }

    @Test
    void anotherTakesThePlaceOfOneThatStaysSilent() {
        EmbeddedChannel first = silent();
        passSlowly(SUSPECTED - 1);
        assertThat(gateway.dials).as("not yet").hasSize(1);
        passSlowly(1);
        assertThat(gateway.dials).hasSize(2);
        assertThat(events.downs).as("it stays, while the other is tried").isEmpty();
        EmbeddedChannel second = accept(gateway, 1);
        assertThat(events.downs).hasSize(1);
        assertThat(events.waits).isEmpty();
        assertThat(events.ups).isEqualTo(2);
        assertThat(first.isOpen()).isFalse();
        assertThat(second.isOpen()).isTrue();
        assertThat(said(gateway.peers.get(1))).contains(Frame.SESSION);
        pass(1_000);
        assertThat(gateway.dials).hasSize(2);
    }

    /** SESSION would have the gateway close the first. */
    @Test
    void theFirstHasSpokenAgainSoTheSecondClosesWithoutAWord() {
        EmbeddedChannel first = silent();
        passSlowly(SUSPECTED);
        assertThat(gateway.dials).hasSize(2);
        speak(first);
        EmbeddedChannel second = accept(gateway, 1);
        pass(1_500);
        assertThat(second.isOpen()).isFalse();
        assertThat(said(gateway.peers.get(1))).doesNotContain(Frame.SESSION);
        assertThat(events.ups).isEqualTo(1);
        assertThat(events.downs).isEmpty();
        assertThat(first.isOpen()).isTrue();
        passSlowly(SUSPECTED);
        assertThat(gateway.dials).as("silent once more").hasSize(3);
    }

    @Test
    void whatFailsIsTriedAgainUntilItSpeaksAndNobodyIsToldOfThat() {
        two();
        EmbeddedChannel first = silent();
        passSlowly(SUSPECTED);
        assertThat(other.dials).as("the other gateway first").hasSize(1);
        fail(other);
        pass(250);
        assertThat(gateway.dials).as("then its own").hasSize(2);
        fail(gateway);
        speak(first);
        for (int second = 0; second < 30; second++) {
            pass(1_000);
            speak(first);
        }
        assertThat(gateway.dials).hasSize(2);
        assertThat(events.waits).isEmpty();
        assertThat(events.downs).isEmpty();
        first.close();
        settle();
        assertThat(events.lastWait()).as("soon").isBetween(0L, 500L);
        pass(events.lastWait());
        assertThat(other.dials).as("the other gateway first").hasSize(2);
    }

    @Test
    void whatWasBegunBesideItGoesOnWhenItsDeadlineHasCome() {
        two();
        EmbeddedChannel first = silent();
        passSlowly(SUSPECTED);
        fail(other);
        pass(250);
        passSlowly(LinkSettings.DEFAULT.deadline().toMillis());
        assertThat(events.downs).hasSize(1);
        assertThat(first.isOpen()).isFalse();
        assertThat(gateway.dials).as("still the one").hasSize(2);
        accept(gateway, 1);
        assertThat(events.ups).isEqualTo(2);
    }

    @Test
    void anotherGatewayTakesThePlaceOfOneThatDied() {
        two();
        silent();
        passSlowly(SUSPECTED);
        accept(other, 0);
        assertThat(events.ups).isEqualTo(2);
        assertThat(events.downs).hasSize(1);
    }

    /** To a gateway of an older version flows end with their link: it has all of its deadline. */
    @Test
    void ofVersionOneNothingIsTriedBesideIt() {
        version = 1;
        silent();
        passSlowly(LinkSettings.DEFAULT.deadline().toMillis() - 1);
        assertThat(gateway.dials).hasSize(1);
        assertThat(events.downs).isEmpty();
    }

    @Test
    void aNetworkThatChangesHasTheSecondTriedAnew() {
        silent();
        passSlowly(SUSPECTED);
        assertThat(gateway.dials).hasSize(2);
        pass(1_000);
        keeper.networkChanged();
        settle();
        pass(0);
        assertThat(gateway.dials.get(1).isCancelled()).isTrue();
        assertThat(gateway.dials).hasSize(3);
        accept(gateway, 2);
        assertThat(events.ups).isEqualTo(2);
    }

    @Test
    void stoppedWhileASecondIsTriedItStaysDown() {
        silent();
        passSlowly(SUSPECTED);
        keeper.stop("over");
        settle();
        EmbeddedChannel second = accept(gateway, 1);
        pass(1_500);
        assertThat(second.isOpen()).isFalse();
        assertThat(said(gateway.peers.get(1))).doesNotContain(Frame.SESSION);
        assertThat(events.ups).isEqualTo(1);
    }

    @Test
    void aSecondOfVersionOneIsNotTaken() {
        EmbeddedChannel first = silent();
        passSlowly(SUSPECTED);
        version = 1;
        EmbeddedChannel second = accept(gateway, 1);
        pass(1_500);
        assertThat(second.isOpen()).isFalse();
        assertThat(events.downs).isEmpty();
        assertThat(first.isOpen()).isTrue();
    }

    @Test
    void whenTheFirstSpeaksTheSecondIsNotEvenFinished() {
        EmbeddedChannel first = silent();
        passSlowly(SUSPECTED);
        assertThat(gateway.dials.get(1).isDone()).isFalse();
        speak(first);
        passSlowly(STEP);
        assertThat(gateway.dials.get(1).isCancelled()).isTrue();
        assertThat(events.downs).isEmpty();
    }

    /** Or a link that was good would be made again after the pause of one that never was. */
    @Test
    void whatFailedBesideItIsForgottenWhenItsEndComes() {
        two();
        EmbeddedChannel first = silent();
        for (int bout = 0; bout < 3; bout++) {
            passSlowly(SUSPECTED);
            fail(other);
            passSlowly(250);
            fail(gateway);
            speak(first);
        }
        for (int second = 0; second < 20; second++) {
            passSlowly(1_000);
            speak(first);
        }
        first.close();
        settle();
        assertThat(events.lastWait())
                .as("as for one that its gateway has ended")
                .isLessThanOrEqualTo(1_000);
        pass(events.lastWait());
        int dialled = other.dials.size();
        passSlowly(LinkKeeper.PATIENCE.toMillis());
        assertThat(other.dials).hasSize(dialled);
        assertThat(other.dials.get(dialled - 1).isCancelled())
                .as("one that says nothing is left for the next")
                .isTrue();
    }
}
