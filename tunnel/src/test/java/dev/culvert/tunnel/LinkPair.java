package dev.culvert.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * Two links joined by a wire that the test works: bytes cross only in {@link #pump()}, cut as the test likes, and time
 * stands still unless advanced. {@code client} is the WebSocket client's end.
 */
@NullUnmarked
final class LinkPair implements AutoCloseable {
    final MockTicker ticker = Ticker.newMockTicker();
    final End client;
    final End server;
    private final Random cuts;
    boolean cut;

    LinkPair() {
        this(
                true,
                LinkSettings.DEFAULT,
                1); // zero keys: the mask has its own tests, and is slow under the leak detector
    }

    LinkPair(boolean secure, LinkSettings settings, long seed) {
        this(secure, settings, seed, FlowMemory.PROCESS);
    }

    /** @param memory of the server's end */
    LinkPair(boolean secure, LinkSettings settings, long seed, FlowMemory memory) {
        cuts = new Random(seed);
        client = new End(Link.Role.WEBSOCKET_CLIENT, secure, settings, ticker, FlowMemory.PROCESS);
        server = new End(Link.Role.WEBSOCKET_SERVER, secure, settings, ticker, memory);
        pump();
    }

    /** A link's channel, its multiplexer, and what the listener was told. */
    static final class End implements FlowListener {
        final FlowMultiplexer mux;
        final Link link;
        final EmbeddedChannel channel;
        final Gate gate = new Gate();
        final ArrayDeque<IncomingFlow> incoming = new ArrayDeque<>();
        final List<String> announced = new ArrayList<>();
        final List<String> drains = new ArrayList<>();
        final List<String> downs = new ArrayList<>();
        int ups;

        End(Link.Role role, boolean secure, LinkSettings settings, MockTicker ticker, FlowMemory memory) {
            mux = new FlowMultiplexer(this, memory);
            link = new Link(role, secure, settings, mux);
            channel = EmbeddedChannel.builder()
                    .ticker(ticker)
                    .handlers(gate, link)
                    .build();
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            ups++;
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            incoming.add(flow);
        }

        @Override
        public void onAnnounce(FlowMultiplexer link, ByteBuf payload) {
            announced.add(payload.toString(java.nio.charset.StandardCharsets.UTF_8));
        }

        @Override
        public void onDrain(FlowMultiplexer link, String text) {
            drains.add(text);
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            downs.add(why);
        }

        /** Everything written since the last call, as one buffer, or null. */
        ByteBuf takeOutbound() {
            channel.runPendingTasks();
            ByteBuf all = null;
            for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
                if (all == null) {
                    all = Unpooled.buffer();
                }
                all.writeBytes(b);
                b.release();
            }
            return all;
        }
    }

    /** Stands for the socket: while shut, writes wait and the channel is not writable. */
    static final class Gate extends ChannelDuplexHandler {
        private record Held(Object msg, ChannelPromise promise) {}

        private final ArrayDeque<Held> held = new ArrayDeque<>();
        private boolean shut;
        private ChannelHandlerContext ctx;

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            this.ctx = ctx;
        }

        @Override
        public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
            if (shut) {
                held.add(new Held(msg, promise));
            } else {
                ctx.write(msg, promise);
            }
        }

        void shut() {
            shut = true;
            writable(false);
        }

        void open() {
            shut = false;
            for (Held h = held.poll(); h != null; h = held.poll()) {
                ctx.write(h.msg, h.promise);
            }
            ctx.flush();
            writable(true);
        }

        private void writable(boolean writable) {
            ctx.channel().unsafe().outboundBuffer().setUserDefinedWritability(1, writable);
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            for (Held h = held.poll(); h != null; h = held.poll()) {
                io.netty.util.ReferenceCountUtil.release(h.msg);
                h.promise.tryFailure(new java.nio.channels.ClosedChannelException());
            }
        }
    }

    /** Carries bytes both ways until nothing moves. */
    void pump() {
        boolean moved;
        do {
            moved = carry(client, server);
            moved |= carry(server, client);
        } while (moved);
    }

    /** Carries what {@code from} has written. */
    boolean carry(End from, End to) {
        ByteBuf bytes = from.takeOutbound();
        boolean moved = bytes != null;
        while (bytes != null && bytes.isReadable()) {
            int n = cut
                    ? 1 + cuts.nextInt(Math.min(bytes.readableBytes(), 5_000))
                    : Math.min(bytes.readableBytes(), 16_384);
            deliver(to, bytes.readSlice(n));
        }
        if (bytes != null) {
            bytes.release();
        }
        to.channel.runPendingTasks();
        if (!from.channel.isOpen() && to.channel.isOpen()) {
            to.channel.close();
            to.channel.runPendingTasks();
        }
        return moved;
    }

    /** A read: into a buffer of the kind and room that a socket read has. */
    static void deliver(End to, ByteBuf bytes) {
        ByteBuf read = to.channel.alloc().directBuffer(Math.max(2_048, bytes.readableBytes()));
        read.writeBytes(bytes);
        if (to.channel.isOpen()) {
            to.channel.writeInbound(read);
        } else {
            read.release();
        }
    }

    void advance(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        client.channel.runScheduledPendingTasks();
        server.channel.runScheduledPendingTasks();
    }

    /** A flow from {@code from}, accepted at {@code to}: {opener's channel, answerer's channel}. */
    Flows open(End from, End to, Destination destination, FlowRecorder a, FlowRecorder b) {
        LinkFlow opener = from.mux.open(request(destination), a);
        pump();
        IncomingFlow incoming = to.incoming.remove();
        LinkFlow answerer = incoming.accept(b);
        pump();
        return new Flows(opener, answerer);
    }

    Flows open(FlowRecorder a, FlowRecorder b) {
        return open(client, server, tcp(), a, b);
    }

    record Flows(LinkFlow a, LinkFlow b) {}

    static Destination tcp() {
        return Destination.ofName(Destination.TCP, "db.example", 5432);
    }

    static Destination udp() {
        return Destination.ofName(Destination.UDP, "dns.example", 53);
    }

    static OpenRequest request(Destination destination) {
        return new OpenRequest(destination, "office", null, null, 0, 0, null);
    }

    @Override
    public void close() {
        for (End end : List.of(client, server)) {
            Channel c = end.channel;
            c.close();
            end.channel.runPendingTasks();
            end.channel.finishAndReleaseAll();
            end.channel.checkException();
        }
    }
}
