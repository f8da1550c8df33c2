package dev.culvert.tunnel.connect;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.UntrustedGatewayException;
import dev.culvert.tunnel.proxy.ProxyRefusedException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.ConnectException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a link to the gateway up: connects, and connects again with jittered exponential back-off whenever it is gone. Beside one
 * that has gone silent another is tried, which takes its place unless the first has spoken meanwhile; beside one whose gateway is about
 * to stop another gateway, if there is one. All on one event loop; {@link #start} and {@link #stop} from any thread.
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

    /**
     * One that says nothing is left for the next after so long, a slow satellite's handshakes and a name's look-up. When none
     * has answered each has all of its time.
     */
    static final Duration PATIENCE = Duration.ofSeconds(5);

    /** A gateway that ends a link which has lived for so long may be gone, and another is tried soon; sooner, all may be in trouble. */
    private static final Duration SETTLED = Duration.ofSeconds(1);

    /** How soon at most: all of its clients do the same, and are not to come all at once. */
    private static final Duration HOP = Duration.ofMillis(500);

    /** So often in a row, and then each five seconds: gateways that end link after link are in trouble, and back-off is for them. */
    private static final int HOPS = 8;

    private static final double HOPS_PER_SECOND = 0.2;

    /** Over what time those go to a better gateway who have heard of it at once. */
    static final Duration CHANGE = Duration.ofSeconds(10);

    /** How often it is looked whether a silent link has spoken while another is being made beside it. */
    private static final Duration WATCH = Duration.ofMillis(100);

    /** No token is longer. */
    private static final int MAX_TOKEN = 16 * 1024;

    /** Between attempts because of a changed network: one that flaps is no reason to storm the gateway. */
    private static final Duration NETWORK_SETTLES = Duration.ofMillis(500);

    private final EventLoop loop;
    private final List<Connector> connectors;
    private final LinkSettings settings;
    private final Listener listener;
    private final @Nullable FlowSession session;
    private final RateLimit hops;
    private final Backoff backoff = new Backoff(ThreadLocalRandom.current());

    /** What gives most hope of all that the gateways tried since the last pause came to. */
    private Backoff.Outcome outcome = Backoff.Outcome.REFUSED;

    /** Which of the gateways, and how many others may be tried before a pause. */
    private int at;

    private int untried;
    private boolean noneAnswered; // of all, since a link was up
    private boolean started;
    private boolean stopped;

    /** Until then the end of the link is taken for the changed network's work. */
    private boolean probed;

    private long probeEndsNanos;

    /** Whose link is up. */
    private @Nullable Attempt up;

    /** The one that is under way; beside a link that is up when that is silent. */
    private @Nullable Attempt trying;

    private @Nullable Future<?> waiting;
    private long silentSinceNanos;
    private long dialledNanos;
    private long upSinceNanos;

    /** For one gateway; see the other constructor. */
    public LinkKeeper(EventLoop loop, LinkConnector connector, LinkSettings settings, Listener listener) {
        this(loop, List.of(connector), settings, listener);
    }

    /** @param connectors to the gateways, in the order in which they are tried; at least one. If one does not work the next is tried at once. */
    public LinkKeeper(EventLoop loop, List<? extends Connector> connectors, LinkSettings settings, Listener listener) {
        this(loop, connectors, settings, listener, null);
    }

    /** @param session that flows belong to which outlive the link; null when they end with it */
    public LinkKeeper(
            EventLoop loop,
            List<? extends Connector> connectors,
            LinkSettings settings,
            Listener listener,
            @Nullable FlowSession session) {
        this.loop = loop;
        this.session = session;
        this.connectors = List.copyOf(connectors);
        this.untried = connectors.size() - 1;
        this.settings = settings;
        this.listener = listener;
        this.hops = new RateLimit(HOPS, HOPS_PER_SECOND, loop.ticker().nanoTime());
    }

    public void start() {
        loop.execute(this::connect);
    }

    /**
     * Closes the link and stays down.
     *
     * @return done when nothing is left of the link: a loop that ends before that ends it without a word, and its flows are held
     */
    public Future<?> stop(String why) {
        Promise<Void> over = loop.newPromise();
        loop.execute(() -> {
            stopped = true;
            if (up != null) {
                up.link().closeFuture().addListener(f -> over.trySuccess(null));
                up.link().close(Link.CLOSE_GOING, why);
            } else {
                over.trySuccess(null);
            }
            if (session != null) {
                session.close(why);
            }
        });
        return over;
    }

    /**
     * There is another way to the gateways than before, or one again. A link must show that it lives; without one, what is waited
     * for is no longer, and another attempt is made, as if none had failed before. Any thread.
     */
    public void networkChanged() {
        loop.execute(() -> {
            if (stopped || !started) {
                return;
            }
            if (up != null) {
                probed = true;
                probeEndsNanos = loop.ticker().nanoTime() + 2 * Link.PATIENCE_MAX.toNanos();
                up.link().probe();
                if (trying == null && waiting == null) {
                    return;
                }
            }
            give(waiting);
            giveUpAttempt();
            backoff.reset();
            untried = connectors.size() - 1;
            noneAnswered = false;
            outcome = Backoff.Outcome.REFUSED;
            long since = loop.ticker().nanoTime() - dialledNanos;
            waiting =
                    loop.schedule(this::connect, Math.max(0, NETWORK_SETTLES.toNanos() - since), TimeUnit.NANOSECONDS);
        });
    }

    private void giveUpAttempt() {
        Attempt given = trying;
        trying = null; // first: whatever it comes to, its cancellation not least, is no failure
        give(given == null ? null : given.dial);
    }

    private static void give(@Nullable Future<?> up) {
        if (up != null) {
            up.cancel(false);
        }
    }

    /** The gateway of the link that is up, else that is being tried. Event loop. */
    public URI gateway() {
        return connectors.get(up == null ? at : up.gateway).gateway();
    }

    /** Whether there are others that it goes to when a gateway says that it is about to stop. */
    public boolean moves() {
        return connectors.size() > 1;
    }

    /**
     * Has another gateway take the place of the one whose link is up, if it can be reached: it is tried once, beside that, at a moment of
     * this client's own. Event loop.
     *
     * @param better which would do
     * @return which of them it is; null when none is among its gateways, or there is something else to do now
     */
    public @Nullable URI change(Collection<URI> better) {
        Attempt now = up;
        if (now == null || now.leaving || trying != null || waiting != null || !now.isOutlived()) {
            return null;
        }
        for (URI one : better) {
            for (int i = 0; i < connectors.size(); i++) {
                if (i != now.gateway && connectors.get(i).gateway().equals(one)) {
                    at = i;
                    untried = 0;
                    now.leaving = true;
                    now.mayStay = true;
                    waiting = loop.schedule(
                            this::connect,
                            ThreadLocalRandom.current().nextLong(CHANGE.toMillis() + 1),
                            TimeUnit.MILLISECONDS);
                    return one;
                }
            }
        }
        return null;
    }

    /** Whether it is to a better gateway that it goes, from one that is in order. */
    private boolean isChanging() {
        return up != null && up.leaving && up.mayStay;
    }

    /** There is something to do that does not wait for a better gateway. */
    private void changesNoMore() {
        if (up != null && isChanging()) {
            giveUpAttempt();
            give(waiting);
            waiting = null;
            up.leaving = false;
            stay(up);
        }
    }

    /** Has the next attempt go to another gateway, if there is one, than that of the link that is up; that is tried after the others. */
    private void another() {
        at = Objects.requireNonNull(up).gateway;
        untried = connectors.size();
        next();
    }

    /** Has the next attempt go to the next of those that are there, as their gateway says; the others have their turns behind it. */
    private void prefer(List<String> there) {
        for (int i = 0; i < connectors.size(); i++) {
            int one = (at + i) % connectors.size();
            if ((up == null || one != up.gateway)
                    && there.contains(connectors.get(one).gateway().toString())) {
                at = one;
                return;
            }
        }
    }

    /** Takes the next gateway; true if all have been tried since a link was up, or since all failed. */
    private boolean next() {
        boolean round = false;
        do {
            at = (at + 1) % connectors.size();
            round |= untried == 0;
            untried = untried == 0 ? connectors.size() - 1 : untried - 1;
        } while (up != null && up.leaving && at == up.gateway);
        return round;
    }

    private void connect() {
        waiting = null;
        if (stopped || up != null && hasSpokenAgain(up)) {
            return;
        }
        started = true;
        Attempt mine = new Attempt();
        trying = mine;
        dialledNanos = loop.ticker().nanoTime();
        Future<Link> made = connectors.get(at).connect(loop, settings, multiplexer(mine), listener);
        mine.dial = made;
        watch(mine);
        if (untried > 0 && !noneAnswered || isChanging()) {
            Future<?> patience = loop.schedule(() -> leave(mine), PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
            made.addListener(f -> patience.cancel(false));
        }
        made.addListener(f -> {
            if (mine == trying && !f.isSuccess()) { // else it is up, or was given up for another
                trying = null;
                failed(f.cause());
            }
        });
    }

    /** Then nothing is to be tried beside it any more, and what was has taught nothing. */
    private boolean hasSpokenAgain(Attempt silent) {
        if (silent.leaving) {
            return false; // whatever it says, it is about to go
        }
        boolean spoken = silent.link().hasSpokenSince(silentSinceNanos);
        if (spoken) {
            stay(silent);
        }
        return spoken;
    }

    private void stay(Attempt with) {
        at = with.gateway;
        noneAnswered = false;
        outcome = Backoff.Outcome.REFUSED;
        backoff.reset();
    }

    /** A gateway that stood still for some seconds has thousands of these: who hears of the first again needs no second. */
    private void watch(Attempt beside) {
        if (trying == beside && up != null) {
            if (hasSpokenAgain(up)) {
                giveUpAttempt();
            } else {
                loop.schedule(() -> watch(beside), WATCH.toNanos(), TimeUnit.NANOSECONDS);
            }
        }
    }

    private FlowMultiplexer multiplexer(Attempt attempt) {
        return session == null ? new FlowMultiplexer(attempt) : new FlowMultiplexer(attempt, session);
    }

    private void leave(Attempt mine) {
        if (mine == trying && !stopped) {
            giveUpAttempt();
            failed(new ConnectTimeoutException("no answer within " + PATIENCE.toSeconds() + " s"));
        }
    }

    private void failed(Throwable why) {
        if (isChanging()) {
            changesNoMore();
            return;
        }
        Backoff.Outcome now = outcomeOf(why);
        if (now == Backoff.Outcome.REFUSED && connectors.get(at).hasAnother()) {
            now = Backoff.Outcome.TURNED_AWAY; // of two tokens this is one
        }
        outcome = now.compareTo(outcome) < 0 ? now : outcome;
        if (!next() && now != Backoff.Outcome.LOGIN) {
            retry(why, jitter(NEXT_GATEWAY));
            return;
        }
        if (up != null && up.leaving) {
            up.alone = true; // of all the others none answers: the one that is being left was not asked
        } else {
            noneAnswered = true;
        }
        Backoff.Outcome best = outcome;
        outcome = Backoff.Outcome.REFUSED;
        if (best == Backoff.Outcome.REFUSED && up == null && !listener.refused((LinkRefusedException) why)) {
            started = false; // until somebody starts it again
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
        if (why instanceof ProxyRefusedException proxy && proxy.isOfLogin()) {
            return Backoff.Outcome.LOGIN;
        }
        return why instanceof UntrustedGatewayException
                        || why instanceof ProxyRefusedException proxy && proxy.isLasting()
                ? Backoff.Outcome.STRANGE
                : Backoff.Outcome.UNREACHED;
    }

    private static long jitter(Duration d) {
        return ThreadLocalRandom.current().nextLong(d.toMillis() / 2, d.toMillis() + 1);
    }

    private static long hop() {
        return ThreadLocalRandom.current().nextLong(HOP.toMillis() + 1);
    }

    private void retry(Throwable why, long millis) {
        if (!stopped) {
            if (up == null) {
                listener.waiting(why, millis);
            }
            waiting = loop.schedule(this::connect, millis, TimeUnit.MILLISECONDS);
        }
    }

    /** One attempt, and the link that it comes to: passes that's events on and notes its end. */
    private final class Attempt implements FlowListener {
        private final int gateway = at;
        private @Nullable Future<Link> dial;
        private @Nullable FlowMultiplexer mux;

        /** Over what time those shall come back whose links its gateway is about to end, as it says; null while it does not. */
        private @Nullable Duration spread;

        /** Another gateway is to take its place. */
        private boolean leaving;

        /** None of the others has answered: when it ends, its own gateway, which others start again, is the best hope. */
        private boolean alone;

        /** Unless that cannot be reached: this one is in order. */
        private boolean mayStay;

        /** When that is tried for the first time. */
        private @Nullable Future<?> move;

        boolean isOutlived() {
            return Objects.requireNonNull(mux).isOutlived();
        }

        Link link() {
            return Objects.requireNonNull(mux).link();
        }

        @Override
        public boolean linkComes(FlowMultiplexer mux) {
            if (stopped || trying != this) {
                return false;
            }
            Attempt silent = up;
            if (silent != null && hasSpokenAgain(silent)) {
                trying = null;
                return false;
            }
            if (silent != null && !mux.isOutlived()) { // flows would end, and the silent one may yet speak
                trying = null;
                if (silent.leaving) {
                    failed(new ConnectException("the gateway is of an older version"));
                } else {
                    stay(silent);
                }
                return false;
            }
            if (silent != null) {
                String why = !silent.leaving
                        ? "nothing heard any more, and the gateway answers on another connection"
                        : silent.mayStay
                                ? "another gateway has more of the agents, and takes its place"
                                : "the gateway is stopping, and another takes its place";
                silent.mayStay = false; // this is what it was to become
                silent.link().abandon(why);
            }
            this.mux = mux;
            return true;
        }

        @Override
        public void linkUp(FlowMultiplexer mux) {
            trying = null;
            up = this;
            probed = false;
            noneAnswered = false;
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
        public void roundTrip(FlowMultiplexer mux, long nanos) {
            listener.roundTrip(mux, nanos);
        }

        @Override
        public void onRenewed(FlowMultiplexer mux, ByteBuf payload) {
            if (up != this || !mux.isOutlived() || payload.readableBytes() > MAX_TOKEN) {
                return;
            }
            connectors
                    .get(gateway)
                    .offered(payload.toString(StandardCharsets.US_ASCII))
                    .thenAccept(id -> {
                        if (id != null) {
                            loop.execute(() -> {
                                if (mux.isUp()) {
                                    mux.hasRenewed(id);
                                }
                            });
                        }
                    });
        }

        @Override
        public void onDrain(FlowMultiplexer mux, Drain drain) {
            spread = drain.spread();
            if (up == this) {
                changesNoMore();
            }
            mayStay = false;
            listener.onDrain(mux, drain);
            if (up == this && !leaving && moves() && mux.isOutlived()) {
                leave();
                prefer(drain.gateways());
            }
        }

        /** All of its gateway's peers do so, each at a moment of its own. */
        private void leave() {
            giveUpAttempt();
            give(waiting);
            leaving = true;
            noneAnswered = false; // what was tried beside a silent link
            another();
            Duration over = spread == null ? NEXT_GATEWAY : spread;
            long most = Math.min(over.toMillis(), Backoff.MAX_SPREAD.toMillis());
            move = loop.schedule(
                    LinkKeeper.this::connect, ThreadLocalRandom.current().nextLong(most + 1), TimeUnit.MILLISECONDS);
            waiting = move;
        }

        /** To a gateway of an older version flows would end with the first link: that has all of its deadline. */
        @Override
        public void linkSilent(FlowMultiplexer mux) {
            if (up == this) {
                changesNoMore();
            }
            if (up == this && trying == null && waiting == null && mux.isOutlived()) {
                silentSinceNanos = loop.ticker().nanoTime();
                another();
                connect();
            }
        }

        @Override
        public void linkDown(FlowMultiplexer mux, String why) {
            if (up != this) {
                return;
            }
            listener.linkDown(mux, why);
            changesNoMore();
            if (alone) {
                giveUpAttempt();
            }
            if (trying != null) {
                up = null;
                return; // what was begun beside it goes on in its place
            }
            if (!alone && move != null && move == waiting && mux.link().peerCloseCode() != Link.CLOSE_TOKEN_ENDED) {
                up = null;
                return; // its moment was chosen for all of them
            }
            give(waiting);
            if (alone) {
                at = gateway;
                untried = connectors.size() - 1;
            } else {
                another();
            }
            up = null;
            long now = loop.ticker().nanoTime();
            retry(new FlowException(Reason.LINK_LOST, why), pauseAfter(mux.link(), now));
        }

        private long pauseAfter(Link link, long now) {
            if (link.peerCloseCode() == Link.CLOSE_TOKEN_ENDED) {
                return backoff.refused();
            }
            if (spread != null) {
                return backoff.sentAway(now - upSinceNanos, spread, now);
            }
            long lived = now - upSinceNanos;
            if (probed && probeEndsNanos - now > 0) {
                return jitter(NEXT_GATEWAY);
            }
            boolean hop = moves() && link.isEndedByPeer() && lived >= SETTLED.toNanos() && hops.takes(now);
            if (hop && lived < Backoff.GOOD_AFTER.toNanos()) {
                return hop();
            }
            long pause = backoff.linkEnded(lived, link.isEndedByPeer(), now);
            return hop ? hop() : pause;
        }
    }
}
