package dev.culvert.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a link to the gateway up: connects, and connects again with jittered exponential back-off whenever it is gone.
 * All on one event loop; {@link #start} and {@link #stop} from any thread.
 */
public final class LinkKeeper {
    /** What becomes of the link, beside the flows. Event loop. */
    public interface Listener extends FlowListener, Dialling {
        /** An attempt failed or the link broke; the next attempt comes in {@code retryMillis}. */
        void waiting(Throwable why, long retryMillis);

        /**
         * Every gateway refuses this token, with its own word.
         *
         * @return whether to go on trying (slowly)
         */
        boolean refused(LinkRefusedException why);
    }

    /** Between one gateway that does not work and the next: no storm if all clients of one do so. */
    private static final Duration NEXT_GATEWAY = Duration.ofMillis(200);

    private final EventLoop loop;
    private final List<LinkConnector> connectors;
    private final LinkSettings settings;
    private final Listener listener;
    private final Backoff backoff = new Backoff(ThreadLocalRandom.current());

    /** What gives most hope of all that the gateways tried since the last pause came to. */
    private Backoff.Outcome outcome = Backoff.Outcome.REFUSED;

    /** Which of the gateways, and how many others may be tried before a pause. */
    private int at;

    private int untried;
    private boolean stopped;
    private @Nullable Link current;
    private long upSinceNanos;

    /** For one gateway; see the other constructor. */
    public LinkKeeper(EventLoop loop, LinkConnector connector, LinkSettings settings, Listener listener) {
        this(loop, List.of(connector), settings, listener);
    }

    /** @param connectors to the gateways, best first; at least one. If one does not work the next is tried at once. */
    public LinkKeeper(EventLoop loop, List<LinkConnector> connectors, LinkSettings settings, Listener listener) {
        this.loop = loop;
        this.connectors = List.copyOf(connectors);
        this.untried = connectors.size() - 1;
        this.settings = settings;
        this.listener = listener;
    }

    public void start() {
        loop.execute(this::connect);
    }

    /** Closes the link and stays down. */
    public void stop(String why) {
        loop.execute(() -> {
            stopped = true;
            if (current != null) {
                current.close(1001, why);
            }
        });
    }

    /** The gateway of the link that is up, or that is being tried. Event loop. */
    public URI gateway() {
        return connectors.get(at).gateway();
    }

    /** Takes the next gateway; true if all have been tried since a link was up, or since all failed. */
    private boolean next() {
        at = (at + 1) % connectors.size();
        boolean round = untried == 0;
        untried = round ? connectors.size() - 1 : untried - 1;
        return round;
    }

    private void connect() {
        if (stopped) {
            return;
        }
        connectors
                .get(at)
                .connect(loop, settings, new FlowMultiplexer(new Watch()), listener)
                .addListener(f -> {
                    if (f.isSuccess()) {
                        Link link = (Link) f.getNow();
                        if (stopped) {
                            link.close(1001, "stopped");
                        }
                    } else {
                        failed(f.cause());
                    }
                });
    }

    private void failed(Throwable why) {
        Backoff.Outcome now = outcomeOf(why);
        outcome = now.compareTo(outcome) < 0 ? now : outcome;
        if (!next()) {
            retry(why, jitter(NEXT_GATEWAY));
            return;
        }
        Backoff.Outcome best = outcome;
        outcome = Backoff.Outcome.REFUSED;
        if (best == Backoff.Outcome.REFUSED && !listener.refused((LinkRefusedException) why)) {
            return;
        }
        retry(why, backoff.failed(best, loop.ticker().nanoTime()));
    }

    private static Backoff.Outcome outcomeOf(Throwable why) {
        if (why instanceof LinkRefusedException refused) {
            return refused.isPermanent()
                    ? Backoff.Outcome.REFUSED
                    : refused.isStrange() ? Backoff.Outcome.STRANGE : Backoff.Outcome.TURNED_AWAY;
        }
        return why instanceof UntrustedGatewayException ? Backoff.Outcome.STRANGE : Backoff.Outcome.UNREACHED;
    }

    private static long jitter(Duration d) {
        return ThreadLocalRandom.current().nextLong(d.toMillis() / 2, d.toMillis() + 1);
    }

    private void retry(Throwable why, long millis) {
        if (!stopped) {
            listener.waiting(why, millis);
            loop.schedule(this::connect, millis, TimeUnit.MILLISECONDS);
        }
    }

    /** Passes a link's events on and notes its end. */
    private final class Watch implements FlowListener {
        @Override
        public void linkUp(FlowMultiplexer mux) {
            current = mux.link();
            outcome = Backoff.Outcome.REFUSED;
            upSinceNanos = loop.ticker().nanoTime();
            listener.linkUp(mux);
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            listener.onOpen(flow);
        }

        @Override
        public void onAnnounce(FlowMultiplexer mux, ByteBuf payload) throws ProtocolException {
            listener.onAnnounce(mux, payload);
        }

        @Override
        public void onDrain(FlowMultiplexer mux, String text) {
            listener.onDrain(mux, text);
        }

        @Override
        public void linkDown(FlowMultiplexer mux, String why) {
            current = null;
            untried = connectors.size() - 1;
            listener.linkDown(mux, why);
            long now = loop.ticker().nanoTime();
            boolean tokenEnded = mux.link().peerCloseCode() == Link.CLOSE_TOKEN_ENDED;
            retry(
                    new FlowException(Reason.LINK_LOST, why),
                    tokenEnded
                            ? backoff.refused()
                            : backoff.linkEnded(now - upSinceNanos, mux.link().isEndedByPeer(), now));
        }
    }
}
