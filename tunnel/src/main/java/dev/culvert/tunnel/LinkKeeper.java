package dev.culvert.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a link to the gateway up: connects, and connects again with jittered exponential back-off whenever it is gone.
 * All on one event loop; {@link #start} and {@link #stop} from any thread.
 */
public final class LinkKeeper {
    /** What becomes of the link, beside the flows. Event loop. */
    public interface Listener extends FlowListener {
        /** An attempt failed or the link broke; the next attempt comes in {@code retryMillis}. */
        void waiting(Throwable why, long retryMillis);

        /**
         * The gateway refuses this token.
         *
         * @return whether to go on trying (slowly)
         */
        boolean refused(LinkRefusedException why);
    }

    /** The first retry comes within this; doubled from then on. */
    static final Duration BACKOFF_BASE = Duration.ofMillis(500);

    /** A gateway that is back is found within half a minute, and is not stormed when it comes. */
    static final Duration BACKOFF_MAX = Duration.ofSeconds(15);

    /** After a refusal only a person's work helps; look now and then whether it was done. */
    static final Duration BACKOFF_REFUSED = Duration.ofSeconds(60);

    /** A link that lived this long was good: the next failure starts from the base again. */
    static final Duration GOOD_AFTER = Duration.ofSeconds(10);

    private final EventLoop loop;
    private final LinkConnector connector;
    private final LinkSettings settings;
    private final Listener listener;
    private int failures;
    private boolean untrusted;
    private boolean stopped;
    private @Nullable Link current;
    private long upSinceNanos;

    public LinkKeeper(EventLoop loop, LinkConnector connector, LinkSettings settings, Listener listener) {
        this.loop = loop;
        this.connector = connector;
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

    private void connect() {
        if (stopped) {
            return;
        }
        connector.connect(loop, settings, new FlowMultiplexer(new Watch())).addListener(f -> {
            if (f.isSuccess()) {
                Link link = (Link) f.getNow();
                if (stopped) {
                    link.close(1001, "stopped");
                }
            } else if (f.cause() instanceof LinkRefusedException refused && refused.isPermanent()) {
                if (listener.refused(refused)) {
                    retry(refused, jitter(BACKOFF_REFUSED));
                }
            } else {
                // Once more soon: a hotel's log-in page was in between, perhaps, and is gone.
                boolean again = untrusted;
                untrusted = f.cause() instanceof UntrustedGatewayException;
                retry(f.cause(), untrusted && again ? jitter(BACKOFF_REFUSED) : backoff());
            }
        });
    }

    private long backoff() {
        long max = Math.min(BACKOFF_MAX.toMillis(), BACKOFF_BASE.toMillis() << Math.min(failures, 10));
        failures++;
        return ThreadLocalRandom.current().nextLong(max / 4, max + 1); // jitter, but never at once
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
            untrusted = false;
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
            if (loop.ticker().nanoTime() - upSinceNanos >= GOOD_AFTER.toNanos()) {
                failures = 0;
            }
            listener.linkDown(mux, why);
            boolean tokenEnded = mux.link().peerCloseCode() == Link.CLOSE_TOKEN_ENDED;
            retry(new FlowException(Reason.LINK_LOST, why), tokenEnded ? jitter(BACKOFF_REFUSED) : backoff());
        }
    }
}
