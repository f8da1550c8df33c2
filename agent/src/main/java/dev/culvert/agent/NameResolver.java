package dev.culvert.agent;

import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Looks names up as any program on this host does (hosts file, DNS, mDNS: whatever the system is set up for). The system's
 * resolver blocks, for up to half a minute when a name's servers are silent, and cannot be interrupted. So a client has a few
 * threads at most, the clients take turns, and flows of one client that ask for the same name share one look-up. Of what is
 * published each name is a client here. Event loop only.
 */
final class NameResolver {
    /** Look-ups at one time. They wait for the network, and a thread that does nothing costs a stack of some 100 KiB. */
    static final int THREADS = 64;

    /** Of these for one client: its names whose servers are silent hold up nobody but itself. */
    static final int THREADS_PER_CLIENT = 4;

    /** Of {@link #THREADS} for all that is published. */
    static final int THREADS_FOR_PUBLISHED = 32;

    /** Of {@link #THREADS} the last ones, for clients that have none: it takes many clients, not a few, to take all. */
    static final int THREADS_FOR_THE_FIRST = 16;

    /** Bytes of flows that wait for names, of all clients: some thousands, or 200 with the longest restrictions. */
    static final long MAX_WAITING = 8 << 20;

    /** Of these for one client. */
    static final long MAX_WAITING_PER_CLIENT = 1 << 20;

    /** What a flow that waits costs beside its name and its restriction: flow, look-up, timer. */
    static final int COST = 1024;

    /** As long as a dial may take; a resolver that asks three servers twice takes longer, and nobody waits that long. */
    static final Duration DEADLINE = Duration.ofSeconds(10);

    /**
     * When a client hears that a name which no grant names leads nowhere: as long after it has asked, whether the name does
     * not exist or has addresses that the client may not reach. Longer than most answers take.
     */
    static final Duration DISCREET = Duration.ofSeconds(1);

    private static final Duration THREAD_IDLE = Duration.ofSeconds(30);

    private final EventLoop loop;
    private final Lookup lookup;
    private final Shares waiting = new Shares(MAX_WAITING, MAX_WAITING_PER_CLIENT, MAX_WAITING_PER_CLIENT);
    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(
            0, THREADS, THREAD_IDLE.toSeconds(), TimeUnit.SECONDS, new SynchronousQueue<>(), r -> {
                Thread t = new Thread(r, "resolver");
                t.setDaemon(true);
                return t;
            });

    /** Those who wait or have a look-up running; whose turn is next comes first. */
    private final LinkedHashMap<Taker, Client> clients = new LinkedHashMap<>();

    private int running;
    private int runningForPublished;

    /** Asks the system; blocks. */
    interface Lookup {
        InetAddress[] all(String name) throws UnknownHostException;
    }

    /** Who wants to know. */
    interface Asker {
        /**
         * The name's addresses; on the loop.
         *
         * @return whether the asker may use any of them
         */
        boolean found(InetAddress[] addresses);

        /** There are none, or none that the asker may use; on the loop. */
        void refused(Reason why, String words);
    }

    /** One client's look-ups. */
    private static final class Client {
        final Taker name;
        final LinkedHashMap<String, Asking> waiting = new LinkedHashMap<>();
        final Map<String, Asking> running = new LinkedHashMap<>();

        Client(Taker name) {
            this.name = name;
        }
    }

    /** One look-up, and who of a client waits for it. */
    private static final class Asking {
        final List<Question> questions = new ArrayList<>(1);
    }

    NameResolver(EventLoop loop, Lookup lookup) {
        this.loop = loop;
        this.lookup = lookup;
    }

    /**
     * Looks a name up for a flow.
     *
     * @param bytes what the flow keeps of its restriction meanwhile
     * @param discreet whether the asker must not learn if the name exists, unless it may reach it
     * @param vain whether the asker could not use any address: then nobody is asked, and it hears what a discreet one would
     * @return what can be given up; null when too much waits already, of this client or of all
     */
    @Nullable
    Question resolve(String clientName, String name, int bytes, boolean discreet, boolean vain, Asker asker) {
        Taker client = Taker.of(clientName, name);
        long cost = COST + 2L * name.length() + bytes;
        if (!waiting.take(client, cost)) {
            return null;
        }
        if (vain) {
            Question question = new Question(new Client(client), name, new Asking(), cost, true, asker);
            question.answer(new InetAddress[0]);
            return question;
        }
        Client c = clients.computeIfAbsent(client, Client::new);
        Asking asking = c.running.get(name);
        if (asking == null) {
            asking = c.waiting.computeIfAbsent(name, n -> new Asking());
        }
        Question question = new Question(c, name, asking, cost, discreet, asker);
        asking.questions.add(question);
        startWhatMay();
        return question;
    }

    /** Bytes that flows which wait for names take, by {@link #COST}. */
    long waiting() {
        return waiting.total();
    }

    private void startWhatMay() {
        for (Client next = next(); next != null; next = next()) {
            clients.remove(next.name);
            clients.put(next.name, next); // behind all others now
            Map.Entry<String, Asking> first = next.waiting.entrySet().iterator().next();
            next.waiting.remove(first.getKey());
            start(next, first.getKey(), first.getValue());
        }
    }

    private @Nullable Client next() {
        if (running >= THREADS) {
            return null;
        }
        boolean isScarce = running >= THREADS - THREADS_FOR_THE_FIRST;
        int most = isScarce ? 1 : THREADS_PER_CLIENT;
        boolean isRoomForPublished = runningForPublished < (isScarce ? 1 : THREADS_FOR_PUBLISHED);
        for (Client c : clients.values()) {
            if (!c.waiting.isEmpty() && c.running.size() < most && (isRoomForPublished || !c.name.isPublished())) {
                return c;
            }
        }
        return null;
    }

    private void start(Client client, String name, Asking asking) {
        client.running.put(name, asking);
        running++;
        runningForPublished += client.name.isPublished() ? 1 : 0;
        try {
            threads.execute(() -> {
                InetAddress[] found;
                try {
                    found = lookup.all(name);
                } catch (UnknownHostException | RuntimeException e) {
                    found = new InetAddress[0];
                }
                InetAddress[] answer = found;
                try {
                    loop.execute(() -> finished(client, name, asking, answer));
                } catch (RejectedExecutionException e) {
                    // The agent has been closed: nobody waits for it.
                }
            });
        } catch (RejectedExecutionException e) {
            finished(client, name, asking, new InetAddress[0]); // closed
        }
    }

    private void finished(Client client, String name, Asking asking, InetAddress[] found) {
        client.running.remove(name);
        running--;
        runningForPublished -= client.name.isPublished() ? 1 : 0;
        for (Question question : List.copyOf(asking.questions)) {
            question.answer(found);
        }
        forgetIfIdle(client);
        startWhatMay();
    }

    private void forgetIfIdle(Client client) {
        if (client.waiting.isEmpty() && client.running.isEmpty()) {
            clients.remove(client.name, client);
        }
    }

    void close() {
        threads.shutdownNow();
    }

    /** One flow that waits. */
    final class Question {
        private final Client client;
        private final String name;
        private final Asking asking;
        private final long cost;
        private final boolean discreet;
        private final Asker asker;
        private final long askedNanos = loop.ticker().nanoTime();
        private ScheduledFuture<?> deadline;
        private boolean ended;

        Question(Client client, String name, Asking asking, long cost, boolean discreet, Asker asker) {
            this.client = client;
            this.name = name;
            this.asking = asking;
            this.cost = cost;
            this.discreet = discreet;
            this.asker = asker;
            this.deadline = loop.schedule(this::tooLate, DEADLINE.toNanos(), TimeUnit.NANOSECONDS);
        }

        /** The flow no longer wants to know. */
        void giveUp() {
            if (ended) {
                return;
            }
            ended = true;
            deadline.cancel(false); // which lets go of the flow, too
            waiting.give(client.name, cost);
            stopAsking();
        }

        private void stopAsking() {
            asking.questions.remove(this);
            if (asking.questions.isEmpty() && client.waiting.remove(name, asking)) {
                forgetIfIdle(client);
            }
        }

        private void answer(InetAddress[] found) {
            if (ended) {
                return;
            }
            if (found.length > 0 && asker.found(found)) {
                giveUp();
            } else if (!discreet) {
                giveUp();
                asker.refused(
                        found.length == 0 ? Reason.NAME_NOT_FOUND : Reason.PROHIBITED,
                        found.length == 0
                                ? "the agent cannot resolve '" + name + "'"
                                : "'" + name + "' resolves to no address that is granted and served here");
            } else {
                stopAsking();
                deadline.cancel(false);
                long since = loop.ticker().nanoTime() - askedNanos;
                deadline =
                        loop.schedule(this::tellNothing, Math.max(0, DISCREET.toNanos() - since), TimeUnit.NANOSECONDS);
            }
        }

        private void tooLate() {
            if (discreet) {
                tellNothing();
            } else if (!ended) {
                giveUp();
                asker.refused(
                        Reason.TIMED_OUT,
                        "the agent cannot resolve '" + name + "' within " + DEADLINE.toSeconds() + " s");
            }
        }

        private void tellNothing() {
            if (!ended) {
                giveUp();
                asker.refused(
                        Reason.NAME_NOT_FOUND,
                        "the agent finds no address of '" + name + "' that this client may reach");
            }
        }
    }
}
