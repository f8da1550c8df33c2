package dev.culvert.client.ping;

import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.DatagramError;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Pings a host some times, each time by a flow of its own: that the agent opens that says how far it is, for it asks no host for it; the
 * reply on it says how far the host is. Event loop only.
 */
final class Pings implements Uplink.Listener {
    /** As ping(8) does. */
    static final Duration INTERVAL = Duration.ofSeconds(1);

    /** No reply is later than this, over whatever. */
    static final Duration LATEST = Duration.ofSeconds(5);

    /** As ping(8) sends. */
    private static final int DATA_BYTES = 56;

    private final EventLoop loop;
    private final Uplink uplink;
    private final FlowTarget target;
    private final LongSupplier gatewayMicros;
    private final int count;
    private final Consumer<Round> told;
    private final CompletableFuture<List<Round>> all = new CompletableFuture<>();
    private final List<Round> rounds = new ArrayList<>();
    private boolean begun;

    /**
     * @param target of protocol ICMP
     * @param gatewayMicros the round trip to the gateway; 0 when it is not known
     * @param told of each round when it is over
     */
    Pings(Uplink uplink, FlowTarget target, LongSupplier gatewayMicros, int count, Consumer<Round> told) {
        this.loop = uplink.eventLoop();
        this.uplink = uplink;
        this.target = target;
        this.gatewayMicros = gatewayMicros;
        this.count = count;
        this.told = told;
    }

    /** Completes when all are over. */
    CompletableFuture<List<Round>> all() {
        return all;
    }

    /** What there is until now, when it is to end. */
    void end() {
        all.complete(List.copyOf(rounds));
    }

    @Override
    public void announced(RouteTable routes) {
        if (!begun) {
            begun = true;
            next();
        }
    }

    private void next() {
        if (!all.isDone()) {
            new One(rounds.size() + 1).begin();
        }
    }

    private void over(Round round, long begunNanos) {
        if (all.isDone()) {
            return;
        }
        rounds.add(round);
        told.accept(round);
        if (rounds.size() == count) {
            end();
        } else {
            loop.schedule(this::next, begunNanos + INTERVAL.toNanos() - now(), TimeUnit.NANOSECONDS);
        }
    }

    private long now() {
        return loop.ticker().nanoTime();
    }

    private final class One extends ChannelInboundHandlerAdapter {
        private final int number;
        private final long begunNanos = now();
        private @Nullable LinkFlow flow;
        private @Nullable Future<?> late;
        private long opened;
        private boolean over;

        One(int number) {
            this.number = number;
        }

        void begin() {
            late = loop.schedule(
                    () -> end(0, "no answer within " + LATEST.toSeconds() + " s"),
                    LATEST.toMillis(),
                    TimeUnit.MILLISECONDS);
            try {
                LinkFlow asked = target.open(uplink, null, this);
                flow = asked;
                asked.opened().addListener(f -> {
                    if (f.isSuccess()) {
                        send(asked);
                    } else {
                        end(0, target.why(f.cause()));
                    }
                });
            } catch (FlowException | IllegalArgumentException e) {
                end(0, target.why(e));
            }
        }

        private void send(LinkFlow to) {
            if (!over) {
                opened = Math.max(1, now() - begunNanos);
                ByteBuf request = to.alloc().directBuffer(2 + DATA_BYTES);
                request.writeShort(number).writeZero(DATA_BYTES);
                to.writeAndFlush(request, to.voidPromise());
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            try {
                if (msg instanceof DatagramError) {
                    end(0, "the host cannot be reached from the agent");
                } else if (msg instanceof ByteBuf reply
                        && reply.readableBytes() >= 2
                        && reply.readUnsignedShort() == number) {
                    end(Math.max(1, now() - begunNanos), null);
                }
            } finally {
                ReferenceCountUtil.release(msg);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            end(0, target.why(cause));
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            end(0, "the flow has ended");
        }

        private void end(long host, @Nullable String trouble) {
            if (over) {
                return;
            }
            over = true;
            if (late != null) {
                late.cancel(false);
            }
            if (flow != null) {
                flow.close();
            }
            long replied = host == 0 ? 0 : Math.max(1, host - opened);
            over(
                    new Round(
                            number, TimeUnit.MICROSECONDS.toNanos(gatewayMicros.getAsLong()), opened, replied, trouble),
                    begunNanos);
        }
    }
}
