package dev.culvert.gateway.door;

import dev.culvert.gateway.limit.Network;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Who of the strangers on one event loop is served next. What is read of one waits for a turn, and turns go round the
 * networks that wait, one connection of each: thousands of handshakes that come from one network, or from some, hold up
 * somebody from another by some of each.
 *
 * <p>When more come than can be served in the time that they wait, as after a gateway's restart, some shall be done and the
 * others come again, instead of all being half done. So those that have begun have most of the turns, and no more are begun
 * than are likely to end: while many have been served whose answers are on their way, the others wait. On that loop.
 */
final class StrangerTurns {
    /** The turns of every event loop that strangers are on, to whatever port they came. From any thread. */
    static final class Loops {
        private final Map<EventLoop, StrangerTurns> turns = new ConcurrentHashMap<>();
        private final LongSupplier nanoTime;

        Loops(LongSupplier nanoTime) {
            this.nanoTime = nanoTime;
        }

        /**
         * Has a new connection wait for its turns: to be called before anything else is in its pipeline.
         *
         * @param from whose it is
         * @param stranger its place, which nobody else of its network is given while the gateway has not served it
         */
        void serve(Channel channel, InetSocketAddress from, Strangers.Stranger stranger) {
            channel.config().setAutoRead(false);
            channel.pipeline()
                    .addLast(new Turn(
                            turns.computeIfAbsent(channel.eventLoop(), loop -> new StrangerTurns(loop, nanoTime)),
                            from,
                            stranger));
        }
    }

    /** How long turns are given before the loop looks at its sockets again: some handshakes. */
    private static final long SLICE_NANOS = 2_000_000;

    /** A handshake, a request and a proof are four turns, more where packets are lost; who needs more than this is no longer favoured. */
    static final int FAVOURED = 8;

    /** To each newcomer as many turns of those that have begun: what it will then need itself. */
    static final int BEGUN_TO_ONE = 3;

    /** So long an answer is thought to be on its way: a round trip to most places. */
    static final Duration ANSWERS = Duration.ofMillis(250);

    /** A turn that took less was no handshake: the first byte of one, or a request. Of such there may be as many as come. */
    static final long COSTLY_NANOS = 100_000;

    /** Answers to costly turns on their way while nobody is begun: in {@link #ANSWERS} a loop serves no more, so that who never answers holds nobody up. */
    static final int MOST_ANSWERS = 256;

    /** Connections that wait, by network. */
    private static final class Queue {
        private final Map<Network, ArrayDeque<Turn>> networks = new LinkedHashMap<>();

        void add(Turn turn) {
            networks.computeIfAbsent(turn.network, n -> new ArrayDeque<>(1)).add(turn);
        }

        void remove(Turn turn) {
            ArrayDeque<Turn> of = networks.get(turn.network);
            if (of != null && of.remove(turn) && of.isEmpty()) {
                networks.remove(turn.network);
            }
        }

        Turn next() {
            Iterator<Map.Entry<Network, ArrayDeque<Turn>>> i =
                    networks.entrySet().iterator();
            Map.Entry<Network, ArrayDeque<Turn>> first = i.next();
            i.remove();
            Turn turn = first.getValue().remove();
            if (!first.getValue().isEmpty()) {
                networks.put(first.getKey(), first.getValue()); // behind the others
            }
            return turn;
        }

        boolean isEmpty() {
            return networks.isEmpty();
        }
    }

    /** Somebody was served, and has not answered yet. */
    private record Answer(Turn turn, long servedNanos) {
        boolean isExpected() {
            return turn.answer == this;
        }
    }

    private final Queue begun = new Queue();
    private final Queue others = new Queue();
    private int begunInTurn;

    /** In the order in which they were served; some have come since. */
    private final ArrayDeque<Answer> answers = new ArrayDeque<>();

    private int expected;

    private final EventLoop loop;
    private final LongSupplier nanoTime;
    private boolean scheduled;
    private boolean watching;

    StrangerTurns(EventLoop loop, LongSupplier nanoTime) {
        this.loop = loop;
        this.nanoTime = nanoTime;
    }

    private Queue queue(Turn turn) {
        return turn.served > 0 && turn.served < FAVOURED ? begun : others;
    }

    private void add(Turn turn) {
        queue(turn).add(turn);
        schedule();
    }

    private void schedule() {
        if (!scheduled) {
            scheduled = true;
            EventLoops.nextTurn(loop, this::run);
        }
    }

    private void run() {
        scheduled = false;
        long start = nanoTime.getAsLong();
        long now = start;
        for (Turn turn = next(now); turn != null; turn = next(now)) {
            long before = now;
            turn.serve();
            now = nanoTime.getAsLong();
            if (now - before >= COSTLY_NANOS && !turn.ended && turn.served < FAVOURED) {
                turn.answer = new Answer(turn, now);
                answers.add(turn.answer);
                expected++;
            }
            turn.readOn();
            if (now - start > SLICE_NANOS) {
                schedule();
                return;
            }
        }
        if (!others.isEmpty() && !watching) {
            watching = true;
            long passed = now - answers.element().servedNanos();
            loop.schedule(this::watched, ANSWERS.toNanos() - passed, TimeUnit.NANOSECONDS);
        }
    }

    private void watched() {
        watching = false;
        schedule();
    }

    private @Nullable Turn next(long now) {
        boolean mayBegin = mayBegin(now) && !others.isEmpty();
        if (!begun.isEmpty() && !(mayBegin && begunInTurn >= BEGUN_TO_ONE)) {
            begunInTurn++;
            return begun.next();
        }
        begunInTurn = 0;
        return mayBegin ? others.next() : null;
    }

    private boolean mayBegin(long now) {
        for (Answer first = answers.peek(); first != null; first = answers.peek()) {
            if (first.isExpected()) {
                if (now - first.servedNanos() < ANSWERS.toNanos()) {
                    break;
                }
                answered(first.turn());
            }
            answers.remove();
        }
        return expected < MOST_ANSWERS;
    }

    /** It has, or will not. */
    private void answered(Turn turn) {
        if (turn.answer != null) {
            turn.answer = null;
            expected--;
        }
    }

    /** It is no stranger any more. */
    private void ended(Turn turn) {
        turn.ended = true;
        if (turn.answer != null) {
            answered(turn);
            if (!others.isEmpty()) {
                schedule();
            }
        }
    }

    /**
     * The first handler of a stranger's connection, which is read only when somebody asks ({@code autoRead} is off), and not
     * before what was read has had its turn. It leaves the pipeline when the connection moves to another loop.
     */
    static final class Turn extends ChannelDuplexHandler {
        private final StrangerTurns turns;
        private final Network network;
        private final Strangers.Stranger stranger;
        private @Nullable ChannelHandlerContext ctx;
        private @Nullable ByteBuf held;
        private @Nullable Answer answer; // until it has come
        private boolean asked;
        private boolean ended;
        private int served;

        Turn(StrangerTurns turns, InetSocketAddress from, Strangers.Stranger stranger) {
            this.turns = turns;
            this.stranger = stranger;
            this.network = Network.of(from.getAddress(), Network.LEVELS - 1);
        }

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            this.ctx = ctx;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            ctx.fireChannelActive();
            ctx.read();
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (held == null && msg instanceof ByteBuf b) {
                held = b;
                turns.answered(this);
                if (served < FAVOURED) {
                    stranger.waits();
                }
                turns.add(this);
            } else {
                ctx.fireChannelRead(msg);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            if (held == null) {
                ctx.fireChannelReadComplete();
            }
        }

        @Override
        public void read(ChannelHandlerContext ctx) {
            if (held == null) {
                ctx.read();
            } else {
                asked = true;
            }
        }

        private void serve() {
            ChannelHandlerContext c = ctx;
            ByteBuf b = held;
            held = null;
            if (c == null || b == null) {
                return;
            }
            if (served++ < FAVOURED) {
                stranger.served();
            }
            c.fireChannelRead(b);
            c.fireChannelReadComplete();
        }

        private void readOn() {
            ChannelHandlerContext c = ctx;
            if (asked && c != null && !c.isRemoved()) {
                asked = false;
                c.read();
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            turns.ended(this);
            if (held != null) {
                turns.queue(this).remove(this);
                held.release();
                held = null;
            }
            ctx.fireChannelInactive();
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            turns.ended(this);
            if (held != null) {
                turns.queue(this).remove(this);
                serve();
            }
        }
    }
}
