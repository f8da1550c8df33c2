package dev.culvert.agent;

import dev.culvert.tunnel.Reason;
import io.netty.channel.EventLoop;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Looks names up as any program on this host does (hosts file, DNS, mDNS: whatever the system is set up for). */
final class NameResolver {
    /** The system's resolver blocks; so many look-ups may wait for a slow server at once. */
    private static final int THREADS = 16;

    /** Beyond it flows are refused: a server that is down must not pile up flows. */
    private static final int MAX_WAITING = 1024;

    /** Of these for one client: its slow names must not stop the others'. */
    private static final int MAX_PER_CLIENT = 256;

    /** As long as a dial may take; a resolver that asks three servers twice takes longer, and nobody waits that long. */
    static final Duration DEADLINE = Duration.ofSeconds(10);

    private final ThreadPoolExecutor threads =
            new ThreadPoolExecutor(THREADS, THREADS, 30, TimeUnit.SECONDS, new ArrayBlockingQueue<>(MAX_WAITING), r -> {
                Thread t = new Thread(r, "resolver");
                t.setDaemon(true);
                return t;
            });

    private final ConcurrentHashMap<String, Integer> waitingByClient = new ConcurrentHashMap<>();
    private final Lookup lookup;

    NameResolver() {
        this(InetAddress::getAllByName);
    }

    NameResolver(Lookup lookup) {
        this.lookup = lookup;
        threads.allowCoreThreadTimeOut(true);
    }

    /** Asks the system; blocks. */
    interface Lookup {
        InetAddress[] all(String name) throws UnknownHostException;
    }

    /** What became of a look-up; on the loop. */
    interface Answer {
        /**
         * @param found the addresses, null when there are none
         * @param why what went wrong, and in words
         */
        void answer(InetAddress @Nullable [] found, Reason why, String words);
    }

    /**
     * Calls {@code done} on {@code loop}, once, with the addresses, or with null when the name does not resolve within
     * {@link #DEADLINE}.
     *
     * @return false when too many look-ups wait already, of this client or of all
     */
    boolean resolve(String client, String name, EventLoop loop, Answer done) {
        if (waitingByClient.merge(client, 1, Integer::sum) > MAX_PER_CLIENT) {
            leave(client);
            return false;
        }
        Pending pending = new Pending(loop, done, "the agent cannot resolve '" + name + "'");
        try {
            threads.execute(() -> {
                try {
                    if (!pending.isDone()) {
                        pending.answer(lookup.all(name), Reason.UNSPECIFIED, "");
                    }
                } catch (UnknownHostException | RuntimeException e) {
                    pending.answer(null, Reason.NAME_NOT_FOUND, pending.words);
                } finally {
                    leave(client);
                }
            });
        } catch (RejectedExecutionException e) {
            leave(client);
            return false;
        }
        pending.startDeadline();
        return true;
    }

    private void leave(String client) {
        waitingByClient.computeIfPresent(client, (c, n) -> n == 1 ? null : n - 1);
    }

    void close() {
        threads.shutdownNow();
    }

    /** One look-up: the first of answer and deadline counts. */
    private static final class Pending {
        private final EventLoop loop;
        private final Answer answer;
        final String words;
        private final AtomicBoolean done = new AtomicBoolean();

        Pending(EventLoop loop, Answer answer, String words) {
            this.loop = loop;
            this.answer = answer;
            this.words = words;
        }

        boolean isDone() {
            return done.get();
        }

        void startDeadline() {
            loop.schedule(
                    () -> answer(null, Reason.TIMED_OUT, words + " within " + DEADLINE.toSeconds() + " s"),
                    DEADLINE.toMillis(),
                    TimeUnit.MILLISECONDS);
        }

        void answer(InetAddress @Nullable [] found, Reason why, String words) {
            if (done.compareAndSet(false, true)) {
                try {
                    loop.execute(() -> answer.answer(found, why, words));
                } catch (RejectedExecutionException e) {
                    // The agent has been closed: nobody waits for it.
                }
            }
        }
    }
}
