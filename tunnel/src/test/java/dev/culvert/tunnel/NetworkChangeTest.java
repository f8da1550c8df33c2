package dev.culvert.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.Ticker;
import java.net.ConnectException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a keeper does when the machine's network changes, in frozen time. */
@NullUnmarked
class NetworkChangeTest {
    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final Dials dials = new Dials();
    private final Events events = new Events();
    private final LinkKeeper keeper = new LinkKeeper(clock.eventLoop(), LinkSettings.DEFAULT, events, List.of(dials));

    /** One gateway, and all attempts to reach it. */
    private final class Dials implements Connector {
        final List<Promise<Link>> made = new ArrayList<>();
        final List<FrameReceiver> receivers = new ArrayList<>();

        @Override
        public URI gateway() {
            return URI.create("wss://gateway.example");
        }

        @Override
        public Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver, Dialling dialling) {
            Promise<Link> promise = loop.newPromise();
            made.add(promise);
            receivers.add(receiver);
            return promise;
        }

        void fail() {
            made.get(made.size() - 1).setFailure(new ConnectException("no way"));
            settle();
        }

        /** The attempt makes a link, to a peer that says nothing. */
        EmbeddedChannel succeed(int attempt) {
            Link link = new Link(Link.Role.WEBSOCKET_CLIENT, true, LinkSettings.DEFAULT, receivers.get(attempt));
            EmbeddedChannel channel =
                    EmbeddedChannel.builder().ticker(ticker).handlers(link).build();
            links.add(channel);
            made.get(attempt).trySuccess(link);
            settle();
            return channel;
        }
    }

    private final List<EmbeddedChannel> links = new ArrayList<>();

    private static final class Events implements LinkKeeper.Listener {
        final List<Long> waits = new ArrayList<>();
        final List<String> downs = new ArrayList<>();
        int ups;

        @Override
        public void waiting(Throwable why, long retryMillis) {
            waits.add(retryMillis);
        }

        @Override
        public boolean refused(LinkRefusedException why) {
            return true;
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.UNSUPPORTED, "");
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            ups++;
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            downs.add(why);
        }

        long lastWait() {
            return waits.get(waits.size() - 1);
        }
    }

    private void settle() {
        clock.runPendingTasks();
        links.forEach(EmbeddedChannel::runPendingTasks);
    }

    private void pass(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        links.forEach(EmbeddedChannel::runScheduledPendingTasks);
        clock.runScheduledPendingTasks();
        settle();
    }

    private void start() {
        keeper.start();
        settle();
    }

    private void networkChanged() {
        keeper.networkChanged();
        settle();
    }

    @AfterEach
    void close() {
        links.forEach(EmbeddedChannel::finishAndReleaseAll);
        clock.finishAndReleaseAll();
    }

    private void failUntilThePauseIsLong() {
        start();
        do {
            dials.fail();
            if (events.lastWait() < 3_000) {
                pass(events.lastWait());
            }
        } while (events.lastWait() < 3_000);
    }

    @Test
    void aPauseEndsAndTheNextOnesAreShortAgain() {
        failUntilThePauseIsLong();
        int before = dials.made.size();
        pass(1_000);
        networkChanged();
        pass(0);
        assertThat(dials.made).as("another attempt at once").hasSize(before + 1);
        dials.fail();
        assertThat(events.lastWait()).as("as after a first failure").isLessThanOrEqualTo(Backoff.BASE.toMillis());
    }

    @Test
    void oneThatFlapsDoesNotStormTheGateway() {
        start();
        for (int i = 0; i < 1_000; i++) {
            networkChanged();
            pass(10);
        }
        assertThat(dials.made).as("in ten seconds, two a second").hasSizeBetween(15, 21);
        assertThat(events.waits).as("an attempt given up is no failure").isEmpty();
    }

    @Test
    void anAttemptUnderWayIsGivenUpAndItsLateLinkClosed() {
        start();
        pass(1_000);
        networkChanged();
        pass(0);
        assertThat(dials.made).hasSize(2);
        assertThat(dials.made.get(0).isCancelled()).isTrue();
        dials.succeed(1);
        EmbeddedChannel late = dials.succeed(0);
        assertThat(events.ups).isEqualTo(1);
        pass(2_500);
        assertThat(late.isOpen()).isFalse();
        assertThat(links.get(0).isOpen()).isTrue();
        assertThat(events.downs).isEmpty();
    }

    @Test
    void aLinkThatSaysNothingIsReplacedSoon() {
        start();
        dials.succeed(0);
        assertThat(events.ups).isEqualTo(1);
        pass(1_000);
        networkChanged();
        pass(LinkKeeper.PROBE_MAX.toMillis());
        assertThat(events.downs).hasSize(1);
        assertThat(events.lastWait()).as("no back-off").isLessThanOrEqualTo(200);
        pass(events.lastWait());
        assertThat(dials.made).hasSize(2);
    }

    /** What ends long after it has shown that it lives ended for another reason: no hurry, lest all come at once. */
    @Test
    void aLinkThatLivedOnIsNotHurriedLater() {
        start();
        EmbeddedChannel channel = dials.succeed(0);
        networkChanged();
        byte[] pong = {(byte) 0x8a, 0};
        pass(1);
        channel.writeInbound(io.netty.buffer.Unpooled.wrappedBuffer(pong));
        pass(4_000);
        assertThat(events.downs).isEmpty();
        channel.close();
        settle();
        assertThat(events.downs).hasSize(1);
        pass(events.lastWait());
        dials.fail();
        assertThat(events.lastWait()).as("the second failure already").isGreaterThanOrEqualTo(250);
    }

    @Test
    void beforeTheStartAndAfterTheEndNothingIsDone() {
        networkChanged();
        pass(10_000);
        assertThat(dials.made).isEmpty();
        start();
        keeper.stop("over");
        networkChanged();
        pass(10_000);
        assertThat(dials.made).hasSize(1);
    }

    /** A gateway that is switched off says nothing, and the other one works. */
    @Test
    void aSilentGatewayIsLeftForTheNextSoon() {
        Dials other = new Dials();
        LinkKeeper two = new LinkKeeper(clock.eventLoop(), LinkSettings.DEFAULT, events, List.of(dials, other));
        two.start();
        settle();
        pass(LinkKeeper.PATIENCE.toMillis() - 1);
        assertThat(dials.made.get(0).isDone()).isFalse();
        pass(1);
        assertThat(dials.made.get(0).isCancelled()).isTrue();
        assertThat(events.lastWait()).isLessThanOrEqualTo(200);
        pass(200);
        assertThat(other.made).hasSize(1);
        pass(2 * LinkKeeper.PATIENCE.toMillis());
        assertThat(other.made.get(0).isDone())
                .as("the last has all of its time")
                .isFalse();
        other.fail();
        pass(events.lastWait());
        assertThat(dials.made).hasSize(2);
        pass(2 * LinkKeeper.PATIENCE.toMillis());
        assertThat(dials.made.get(1).isDone())
                .as("none has answered: it may be slow")
                .isFalse();
        dials.fail();
        pass(events.lastWait());
        other.succeed(1);
        assertThat(events.ups).isEqualTo(1);
    }

    @Test
    void theOnlyGatewayHasAllOfItsTime() {
        start();
        pass(2 * LinkKeeper.PATIENCE.toMillis());
        assertThat(dials.made.get(0).isDone()).isFalse();
    }
}
