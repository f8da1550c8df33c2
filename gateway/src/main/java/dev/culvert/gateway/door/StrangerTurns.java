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
 * somebody from another by one of each. On that loop.
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
         */
        void serve(Channel channel, InetSocketAddress from) {
            channel.config().setAutoRead(false);
            channel.pipeline()
                    .addLast(new Turn(
                            turns.computeIfAbsent(channel.eventLoop(), loop -> new StrangerTurns(loop, nanoTime)),
                            from));
        }
    }

    /** How long turns are given before the loop looks at its sockets again: some handshakes. */
    private static final long SLICE_NANOS = 2_000_000;

    /** Connections of one network that wait. */
    private final Map<Network, ArrayDeque<Turn>> waiting = new LinkedHashMap<>();

    private final EventLoop loop;
    private final LongSupplier nanoTime;
    private boolean scheduled;

    StrangerTurns(EventLoop loop, LongSupplier nanoTime) {
        this.loop = loop;
        this.nanoTime = nanoTime;
    }

    private void add(Turn turn) {
        waiting.computeIfAbsent(turn.network, n -> new ArrayDeque<>(1)).add(turn);
        if (!scheduled) {
            scheduled = true;
            schedule();
        }
    }

    private void remove(Turn turn) {
        ArrayDeque<Turn> queue = waiting.get(turn.network);
        if (queue != null && queue.remove(turn) && queue.isEmpty()) {
            waiting.remove(turn.network);
        }
    }

    private void schedule() {
        EventLoops.nextTurn(loop, this::run);
    }

    private void run() {
        long start = nanoTime.getAsLong();
        while (!waiting.isEmpty()) {
            Map.Entry<Network, ArrayDeque<Turn>> first =
                    waiting.entrySet().iterator().next();
            Network network = first.getKey();
            ArrayDeque<Turn> queue = first.getValue();
            waiting.remove(network);
            Turn turn = queue.remove();
            if (!queue.isEmpty()) {
                waiting.put(network, queue); // behind the others
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
        private @Nullable ChannelHandlerContext ctx;
        private @Nullable ByteBuf held;
        private boolean asked;

        Turn(StrangerTurns turns, InetSocketAddress from) {
            this.turns = turns;
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
