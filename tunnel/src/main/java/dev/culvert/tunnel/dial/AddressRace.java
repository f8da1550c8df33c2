package dev.culvert.tunnel.dial;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ConnectTimeoutException;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Tries the addresses of one host until one of them serves (RFC 8305, "Happy Eyeballs"): the next is dialled 250 ms after
 * the one before, or at once when that has failed. A connection that was made is not yet a success: whatever has to happen
 * on it ({@link Dial#finish}, a TLS handshake, say) happens on one at a time, and when it fails or takes long the next one
 * gets its turn. The losers are closed. At most {@link #MAX_ADDRESSES} are tried, {@link #MAX_PARALLEL} at once.
 *
 * <p>All on one event loop.
 *
 * @param <T> what a race is run for
 */
public final class AddressRace<T> {
    /** Between two dials (RFC 8305 section 5, "Connection Attempt Delay"). */
    public static final Duration STAGGER = Duration.ofMillis(250);

    /**
     * How long a connection has for what must happen on it before another may overtake it; and how long a dial has when others
     * wait for its place. A lost SYN is sent again after 1 s.
     */
    public static final Duration PATIENCE = Duration.ofMillis(2_500);

    /** Sockets of one race at one time; whoever may have so many races under way has so many times as many. */
    public static final int MAX_PARALLEL = 4;

    /** Addresses of one race; more are not looked at. Four times four places, 2.5 s each, are 10 s. */
    public static final int MAX_ADDRESSES = 16;

    /** What a race tries at each address. Event loop. */
    public interface Dial<T> {
        /** Begins to connect. The race closes the channel when it does not need it (any more). */
        ChannelFuture connect(InetSocketAddress address);

        /** Makes of a connection what is wanted. A success belongs to the winner, and keeps the channel open. */
        Future<T> finish(Channel connected);

        /** When all have failed, the race fails with the failure that says most: the first of those with the most weight. */
        default int weight(Throwable failure) {
            return 0;
        }

        /** Whether a failure is an answer that no other address would change: it ends the race. */
        default boolean decides(Throwable failure) {
            return false;
        }
    }

    private enum Stage {
        CONNECTING,
        CONNECTED,
        FINISHING
    }

    /** One address that is being tried. */
    private static final class Runner {
        final ChannelFuture dial;
        Stage stage = Stage.CONNECTING;
        long sinceNanos;

        Runner(ChannelFuture dial, long nowNanos) {
            this.dial = dial;
            this.sinceNanos = nowNanos;
        }

        void close() {
            dial.cancel(false);
            Channel channel = dial.channel();
            if (channel != null && channel.isRegistered()) {
                channel.close();
            }
        }
    }

    private final EventExecutor loop;
    private final Dial<T> dial;
    private final long deadlineMillis;
    private final Promise<T> promise;
    private final ArrayDeque<InetSocketAddress> waiting = new ArrayDeque<>();
    private final List<Runner> runners = new ArrayList<>(MAX_PARALLEL);
    private final List<Throwable> failures = new ArrayList<>();
    private @Nullable ScheduledFuture<?> alarm;
    private long startedNanos;
    private boolean nextAtOnce = true;
    private boolean stepping;
    private boolean stepAgain;

    private AddressRace(EventExecutor loop, Collection<InetSocketAddress> addresses, Duration deadline, Dial<T> dial) {
        this.loop = loop;
        this.dial = dial;
        this.deadlineMillis = deadline.toMillis();
        this.promise = loop.newPromise();
        addresses.stream().limit(MAX_ADDRESSES).forEach(waiting::add);
    }

    /**
     * Runs a race. On the event loop only.
     *
     * @param addresses resolved, in the order of preference: {@link #interleave} makes one; at least one
     * @param deadline for all together
     * @return the winner; cancelling it gives all up
     */
    public static <T> Future<T> run(
            EventExecutor loop, Collection<InetSocketAddress> addresses, Duration deadline, Dial<T> dial) {
        AddressRace<T> race = new AddressRace<>(loop, addresses, deadline, dial);
        return race.run();
    }

    /**
     * Takes families in turn, beginning with that of the first address and keeping each family's order (RFC 8305 section 4):
     * when one family does not work at all, the second dial is to the other.
     */
    public static List<InetAddress> interleave(Collection<? extends InetAddress> addresses) {
        ArrayDeque<InetAddress> first = new ArrayDeque<>();
        ArrayDeque<InetAddress> second = new ArrayDeque<>();
        for (InetAddress a : addresses) {
            boolean sameAsFirst = first.isEmpty() || first.getFirst().getClass() == a.getClass();
            (sameAsFirst ? first : second).add(a);
        }
        List<InetAddress> mixed = new ArrayList<>(addresses.size());
        while (!first.isEmpty() || !second.isEmpty()) {
            if (!first.isEmpty()) {
                mixed.add(first.remove());
            }
            if (!second.isEmpty()) {
                mixed.add(second.remove());
            }
        }
        return mixed;
    }

    private Future<T> run() {
        startedNanos = now();
        ScheduledFuture<?> deadline = loop.schedule(this::tooLate, deadlineMillis, TimeUnit.MILLISECONDS);
        promise.addListener(f -> {
            deadline.cancel(false);
            end();
        });
        step();
        return promise;
    }

    private long now() {
        return loop.ticker().nanoTime();
    }

    /** Does all that is due now. What happens meanwhile is looked at in another round, not in the middle of this. */
    private void step() {
        if (stepping) {
            stepAgain = true;
            return;
        }
        stepping = true;
        try {
            do {
                stepAgain = false;
                advance();
            } while (stepAgain);
        } finally {
            stepping = false;
        }
        if (!promise.isDone()) {
            if (runners.isEmpty() && waiting.isEmpty()) {
                fail();
            } else {
                setAlarm();
            }
        }
    }

    private void advance() {
        if (promise.isDone() || hasLeader()) {
            return;
        }
        for (Runner r : runners) {
            if (r.stage == Stage.CONNECTED) {
                finish(r);
                return;
            }
        }
        if (waiting.isEmpty()) {
            return;
        }
        if (runners.size() >= MAX_PARALLEL) {
            Runner oldest = oldest();
            if (age(oldest) < PATIENCE.toNanos()) {
                return;
            }
            giveUp(oldest, PATIENCE.toMillis());
        } else if (!nextAtOnce && now() - startedNanos < STAGGER.toNanos()) {
            return;
        }
        start(waiting.remove());
    }

    /** Whether somebody is finishing, and has been for so short a time that the others wait. */
    private boolean hasLeader() {
        return runners.stream().anyMatch(r -> r.stage == Stage.FINISHING && age(r) < PATIENCE.toNanos());
    }

    private long age(Runner r) {
        return now() - r.sinceNanos;
    }

    private Runner oldest() {
        return runners.stream().max(Comparator.comparingLong(this::age)).orElseThrow();
    }

    private void setAlarm() {
        if (alarm != null) {
            alarm.cancel(false);
            alarm = null;
        }
        long nanos = Long.MAX_VALUE;
        boolean leader = false;
        for (Runner r : runners) {
            long left = PATIENCE.toNanos() - age(r);
            if (left > 0 && (r.stage == Stage.FINISHING || runners.size() >= MAX_PARALLEL)) {
                nanos = Math.min(nanos, left);
            }
            leader |= left > 0 && r.stage == Stage.FINISHING;
        }
        if (!leader && !waiting.isEmpty() && runners.size() < MAX_PARALLEL) {
            nanos = Math.min(nanos, STAGGER.toNanos() - (now() - startedNanos));
        }
        if (nanos < Long.MAX_VALUE) {
            alarm = loop.schedule(this::step, Math.max(0, nanos), TimeUnit.NANOSECONDS);
        }
    }

    private void start(InetSocketAddress address) {
        nextAtOnce = false;
        startedNanos = now();
        stepAgain = true;
        Runner r = new Runner(dial.connect(address), startedNanos);
        runners.add(r);
        r.dial.addListener(f -> onLoop(() -> connected(r, f.cause())));
    }

    /** A channel that got no descriptor got no loop either: its future speaks up on another thread. */
    private void onLoop(Runnable task) {
        if (loop.inEventLoop()) {
            task.run();
        } else {
            loop.execute(task);
        }
    }

    private void connected(Runner r, @Nullable Throwable cause) {
        if (!runners.contains(r)) {
            r.close(); // the race was over
        } else if (cause != null) {
            failed(r, cause);
        } else {
            r.stage = Stage.CONNECTED;
            step();
        }
    }

    private void finish(Runner r) {
        r.stage = Stage.FINISHING;
        r.sinceNanos = now();
        dial.finish(r.dial.channel()).addListener(f -> onLoop(() -> finished(r, f)));
    }

    @SuppressWarnings("unchecked") // Netty's listeners lose the type
    private void finished(Runner r, Future<?> f) {
        if (!runners.contains(r)) {
            r.close();
        } else if (f.isSuccess()) {
            runners.remove(r);
            if (!promise.trySuccess((T) f.getNow())) {
                r.close();
            }
        } else {
            failed(r, f.cause());
        }
    }

    private void failed(Runner r, Throwable cause) {
        runners.remove(r);
        r.close();
        failures.add(cause);
        nextAtOnce = true;
        if (dial.decides(cause)) {
            promise.tryFailure(cause);
        } else {
            step();
        }
    }

    private void giveUp(Runner r, long afterMillis) {
        runners.remove(r);
        r.close();
        failures.add(timeout(r, afterMillis));
    }

    private static ConnectTimeoutException timeout(Runner r, long afterMillis) {
        String seconds = afterMillis % 1_000 == 0 ? "" + afterMillis / 1_000 : "" + afterMillis / 1_000.0;
        return new ConnectTimeoutException(
                (r.stage == Stage.CONNECTING ? "no answer within " : "connected, but no answer within ") + seconds
                        + " s");
    }

    private void tooLate() {
        for (Runner r : List.copyOf(runners)) {
            giveUp(r, deadlineMillis);
        }
        fail();
    }

    private void fail() {
        Throwable most = null;
        for (Throwable failure : failures) {
            if (most == null || dial.weight(failure) > dial.weight(most)) {
                most = failure;
            }
        }
        if (most == null) {
            most = new ConnectException("there is no address to connect to");
        }
        promise.tryFailure(most);
    }

    private void end() {
        waiting.clear();
        if (alarm != null) {
            alarm.cancel(false);
            alarm = null;
        }
        List<Runner> losers = List.copyOf(runners);
        runners.clear();
        losers.forEach(Runner::close);
    }
}
