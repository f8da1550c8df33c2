package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.link.Link;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** What a keeper does when the machine's network changes, in frozen time. */
@NullUnmarked
class NetworkChangeTest extends FrozenKeeper {
    private final LinkKeeper keeper = keeper(null, gateway);

    private void start() {
        start(keeper);
    }

    private void networkChanged() {
        keeper.networkChanged();
        settle();
    }

    private void failUntilThePauseIsLong() {
        start();
        do {
            fail(gateway);
            if (events.lastWait() < 3_000) {
                pass(events.lastWait());
            }
        } while (events.lastWait() < 3_000);
    }

    @Test
    void aPauseEndsAndTheNextOnesAreShortAgain() {
        failUntilThePauseIsLong();
        int before = gateway.dials.size();
        pass(1_000);
        networkChanged();
        pass(0);
        assertThat(gateway.dials).as("another attempt at once").hasSize(before + 1);
        fail(gateway);
        assertThat(events.lastWait()).as("as after a first failure").isLessThanOrEqualTo(Backoff.BASE.toMillis());
    }

    @Test
    void oneThatFlapsDoesNotStormTheGateway() {
        start();
        for (int i = 0; i < 1_000; i++) {
            networkChanged();
            pass(10);
        }
        assertThat(gateway.dials).as("in ten seconds, two a second").hasSizeBetween(15, 21);
        assertThat(events.waits).as("an attempt given up is no failure").isEmpty();
    }

    @Test
    void anAttemptUnderWayIsGivenUpAndItsLateLinkClosed() {
        start();
        pass(1_000);
        networkChanged();
        pass(0);
        assertThat(gateway.dials).hasSize(2);
        assertThat(gateway.dials.get(0).isCancelled()).isTrue();
        accept(gateway, 1);
        EmbeddedChannel late = accept(gateway, 0);
        assertThat(events.ups).isEqualTo(1);
        pass(2_500);
        assertThat(late.isOpen()).isFalse();
        assertThat(gateway.peers.get(0).channel.isOpen()).isTrue();
        assertThat(events.downs).isEmpty();
    }

    @Test
    void aLinkThatSaysNothingIsReplacedSoon() {
        start();
        accept(gateway, 0);
        assertThat(events.ups).isEqualTo(1);
        pass(1_000);
        networkChanged();
        pass(Link.PATIENCE_MAX.toMillis());
        assertThat(events.downs).hasSize(1);
        assertThat(events.lastWait()).as("no back-off").isLessThanOrEqualTo(200);
        pass(events.lastWait());
        assertThat(gateway.dials).hasSize(2);
    }

    /** What ends long after it has shown that it lives ended for another reason: no hurry, lest all come at once. */
    @Test
    void aLinkThatLivedOnIsNotHurriedLater() {
        start();
        EmbeddedChannel channel = accept(gateway, 0);
        networkChanged();
        byte[] pong = {(byte) 0x8a, 0};
        pass(1);
        channel.writeInbound(Unpooled.wrappedBuffer(pong));
        pass(4_000);
        assertThat(events.downs).isEmpty();
        channel.close();
        settle();
        assertThat(events.downs).hasSize(1);
        pass(events.lastWait());
        fail(gateway);
        assertThat(events.lastWait()).as("the second failure already").isGreaterThanOrEqualTo(250);
    }

    @Test
    void beforeTheStartAndAfterTheEndNothingIsDone() {
        networkChanged();
        pass(10_000);
        assertThat(gateway.dials).isEmpty();
        start();
        keeper.stop("over");
        networkChanged();
        pass(10_000);
        assertThat(gateway.dials).hasSize(1);
    }

    /** A gateway that is switched off says nothing, and the other one works. */
    @Test
    void aSilentGatewayIsLeftForTheNextSoon() {
        start(keeper(null, gateway, other));
        pass(LinkKeeper.PATIENCE.toMillis() - 1);
        assertThat(gateway.dials.get(0).isDone()).isFalse();
        pass(1);
        assertThat(gateway.dials.get(0).isCancelled()).isTrue();
        assertThat(events.lastWait()).isLessThanOrEqualTo(200);
        pass(200);
        assertThat(other.dials).hasSize(1);
        pass(2 * LinkKeeper.PATIENCE.toMillis());
        assertThat(other.dials.get(0).isDone())
                .as("the last has all of its time")
                .isFalse();
        fail(other);
        pass(events.lastWait());
        assertThat(gateway.dials).hasSize(2);
        pass(2 * LinkKeeper.PATIENCE.toMillis());
        assertThat(gateway.dials.get(1).isDone())
                .as("none has answered: it may be slow")
                .isFalse();
        fail(gateway);
        pass(events.lastWait());
        accept(other, 1);
        assertThat(events.ups).isEqualTo(1);
    }

    @Test
    void theOnlyGatewayHasAllOfItsTime() {
        start();
        pass(2 * LinkKeeper.PATIENCE.toMillis());
        assertThat(gateway.dials.get(0).isDone()).isFalse();
    }
}
