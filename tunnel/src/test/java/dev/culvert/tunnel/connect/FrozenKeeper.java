package dev.culvert.tunnel.connect;

import dev.culvert.tunnel.fixture.FakeGateway;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.net.ConnectException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;

/** A {@link LinkKeeper} and two gateways in frozen time, in which what becomes of each attempt is the test's to say. */
@NullUnmarked
abstract class FrozenKeeper {
    final MockTicker ticker = Ticker.newMockTicker();
    final EmbeddedChannel clock = EmbeddedChannel.builder().ticker(ticker).build();
    final FakeGateway gateway = new FakeGateway(ticker);
    final FakeGateway other = new FakeGateway(ticker, URI.create("wss://other.example:443"));

    /** Of the link protocol, as the next link's upgrade agrees it. */
    int version = 1;

    final Events events = new Events();

    /** @param session null for one whose flows end with the link */
    LinkKeeper keeper(FlowSession session, FakeGateway... gateways) {
        return new LinkKeeper(clock.eventLoop(), List.of(gateways), LinkSettings.DEFAULT, events, session);
    }

    static final class Events implements LinkKeeper.Listener {
        final List<Long> waits = new ArrayList<>();
        final List<String> downs = new ArrayList<>();
        final List<Drain> drains = new ArrayList<>();
        int ups;
        int refusals;

        @Override
        public void waiting(Throwable why, long retryMillis) {
            waits.add(retryMillis);
        }

        @Override
        public boolean refused(LinkRefusedException why) {
            refusals++;
            return true;
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.UNSUPPORTED, "");
        }

        @Override
        public void onDrain(FlowMultiplexer link, Drain drain) {
            drains.add(drain);
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

    void settle() {
        clock.runPendingTasks();
        gateway.settle();
        other.settle();
    }

    void pass(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        gateway.settle();
        other.settle();
        clock.runScheduledPendingTasks();
        settle();
    }

    void fail(FakeGateway which) {
        which.fail(new ConnectException("no way"));
        settle();
    }

    EmbeddedChannel accept(FakeGateway which, int attempt) {
        RawPeer peer = which.accept(attempt, version);
        settle();
        return peer.channel;
    }

    void start(LinkKeeper keeper) {
        keeper.start();
        settle();
    }

    @AfterEach
    void close() {
        gateway.close();
        other.close();
        clock.finishAndReleaseAll();
    }
}
