package dev.culvert.gateway.door;

import dev.culvert.gateway.limit.Network;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Who of the strangers on one event loop is served next. What is read of one waits for a turn, and turns go round the
 * networks that wait, one connection of each: thousands of handshakes that come from one network, or from some, hold up
 * somebody from another by one of each. Of a network those go first that have begun: when more come than can be served in the
 * time that they wait, as after a gateway's restart, some are done and the others come again, instead of all being half done.
 * On that loop.
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

    /** Connections of one network that wait. */
    private static final class Waiting {
        private final ArrayDeque<Turn> begun = new ArrayDeque<>(1);
        private final ArrayDeque<Turn> others = new ArrayDeque<>(1);

        private ArrayDeque<Turn> queue(Turn turn) {
            return turn.served > 0 && turn.served < FAVOURED ? begun : others;
        }

        private Turn next() {
            return begun.isEmpty() ? others.remove() : begun.remove();
        }

        private boolean isEmpty() {
            return begun.isEmpty() && others.isEmpty();
        }
    }

    private final Map<Network, Waiting> waiting = new LinkedHashMap<>();

    private final EventLoop loop;
    private final LongSupplier nanoTime;
    private boolean scheduled;

    StrangerTurns(EventLoop loop, LongSupplier nanoTime) {
        this.loop = loop;
        this.nanoTime = nanoTime;
    }

    private void add(Turn turn) {
        waiting.computeIfAbsent(turn.network, n -> new Waiting()).queue(turn).add(turn);
        if (!scheduled) {
            scheduled = true;
            schedule();
        }
    }

    private void remove(Turn turn) {
        Waiting of = waiting.get(turn.network);
        if (of != null && of.queue(turn).remove(turn) && of.isEmpty()) {
            waiting.remove(turn.network);
        }
    }

    private void schedule() {
        EventLoops.nextTurn(loop, this::run);
    }

    private void run() {
        long start = nanoTime.getAsLong();
        while (!waiting.isEmpty()) {
            Map.Entry<Network, Waiting> first = waiting.entrySet().iterator().next();
            Network network = first.getKey();
            Waiting of = first.getValue();
            waiting.remove(network);
            Turn turn = of.next();
            if (!of.isEmpty()) {
                waiting.put(network, of); // behind the others
            }
            turn.serve();
            turn.readOn();
            if (nanoTime.getAsLong() - start > SLICE_NANOS) {
                break;
            }
        }
        scheduled = !waiting.isEmpty();
        if (scheduled) {
            schedule();
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
        private boolean asked;
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
            if (held != null) {
                turns.remove(this);
                held.release();
                held = null;
            }
            ctx.fireChannelInactive();
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            if (held != null) {
                turns.remove(this);
                serve();
            }
        }
    }
}
