package dev.culvert.gateway.door;

import dev.culvert.gateway.accesslog.AccessLog;
import dev.culvert.gateway.limit.Network;
import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.publish.Visit;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.limit.EndpointKey;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.limit.RecentMap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutor;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A published port of UDP: each sender has a flow, on which the target answers it. The agent ends flows that are idle. On the event
 * loop of its socket, which is one of links.
 */
final class PublishedDatagrams extends SimpleChannelInboundHandler<DatagramPacket> implements SenderPlaces.Port {
    /** Senders of one port at once; the one that was heard of longest ago makes room, as addresses of senders can be made up. */
    static final int MAX_SENDERS = 4_096;

    /** New senders: so many at once, so many a second. Each is an OPEN, and addresses of senders can be made up. */
    private static final int NEW_SENDERS = 512;

    private static final int NEW_SENDERS_PER_SECOND = 256;

    /** Of those an address, or an IPv6 /64, has a quarter, so that one that floods leaves the others theirs. */
    private static final int OF_ONE = 4;

    private static final int MAX_ADDRESSES = 1_024;

    /** After a refusal a sender is not asked for again for so long: at first, and at most. */
    static final Duration SILENCE = Duration.ofMillis(250);

    static final Duration SILENCE_MAX = Duration.ofSeconds(8);

    /** What is published there now; null when nothing is. */
    interface Target {
        @Nullable
        PublicationUsage now();
    }

    /** Opens flows, see {@link PublishedFlows#open}. */
    interface Opener {
        LinkFlow open(
                EventLoop loop,
                Published to,
                @Nullable String answerer,
                Destination destination,
                @Nullable InetSocketAddress source,
                ChannelHandler handler)
                throws FlowException;
    }

    private final Target target;
    private final int port;
    private final Opener flows;
    private final Visitors visitors;
    private final SenderPlaces places;
    private final @Nullable AccessLog access;
    private final LinkedHashMap<EndpointKey, Sender> senders = new LinkedHashMap<>(16, 0.75f, true);
    private final List<LinkFlow> unflushed = new ArrayList<>();
    private final LongSupplier nanoTime;
    private final RateLimit newcomers;
    private final RecentMap<Network, RateLimit> newcomersOf = new RecentMap<>(MAX_ADDRESSES);
    private final RecentMap<EndpointKey, Silence> silences = new RecentMap<>(MAX_SENDERS);
    private final AtomicBoolean makesRoom = new AtomicBoolean();
    private volatile @Nullable EventExecutor loop;

    /**
     * What a sender was refused.
     *
     * @param what to which this holds: what is published there since is asked for at once
     */
    private record Silence(Published what, long untilNanos, Duration length) {
        static Silence of(Published what, @Nullable Silence before, long nowNanos) {
            Duration twice = before == null ? SILENCE : before.length.multipliedBy(2);
            Duration length = twice.compareTo(SILENCE_MAX) < 0 ? twice : SILENCE_MAX;
            return new Silence(what, nowNanos + length.toNanos(), length);
        }
    }

    /**
     * @param places that all ports share
     * @param access who is told of senders; null for nobody
     */
    PublishedDatagrams(
            Target target,
            int port,
            PublishedFlows flows,
            Visitors visitors,
            SenderPlaces places,
            @Nullable AccessLog access) {
        this(target, port, flows::open, visitors, places, System::nanoTime, access);
    }

    PublishedDatagrams(
            Target target,
            int port,
            Opener flows,
            Visitors visitors,
            SenderPlaces places,
            LongSupplier nanoTime,
            @Nullable AccessLog access) {
        this.access = access;
        this.nanoTime = nanoTime;
        this.newcomers = new RateLimit(NEW_SENDERS, NEW_SENDERS_PER_SECOND, nanoTime.getAsLong());
        this.target = target;
        this.port = port;
        this.flows = flows;
        this.visitors = visitors;
        this.places = places;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        loop = ctx.executor();
    }

    @Override
    public void makeRoom() {
        EventExecutor its = loop;
        if (its == null) {
            return; // no sender has come yet
        }
        if (its.inEventLoop()) {
            endOldest();
        } else {
            makeRoomSoon(its);
        }
    }

    /** One sender at a time, for however many a newcomer sends until then. */
    private void makeRoomSoon(EventExecutor its) {
        if (makesRoom.compareAndSet(false, true)) {
            its.execute(() -> {
                makesRoom.set(false);
                endOldest();
            });
        }
    }

    private void endOldest() {
        if (!senders.isEmpty()) {
            senders.values().iterator().next().end();
        }
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket packet) {
        InetSocketAddress from = packet.sender();
        EndpointKey key = EndpointKey.of(from);
        Sender sender = senders.get(key);
        if (sender == null) {
            sender = open(ctx, key, from);
            if (sender == null) {
                return;
            }
        }
        LinkFlow flow = sender.flow;
        if (flow != null) {
            sender.bytesIn += packet.content().readableBytes();
            flow.write(packet.content().retain(), flow.voidPromise());
            if (!unflushed.contains(flow)) {
                unflushed.add(flow);
            }
        }
    }

    private @Nullable Sender open(ChannelHandlerContext ctx, EndpointKey key, InetSocketAddress from) {
        PublicationUsage usage = target.now();
        if (usage == null
                || !usage.allows(from.getAddress())
                || isSilent(key, usage.published())
                || !mayCome(from)
                || !usage.takes(from.getAddress())) {
            return null;
        }
        if (senders.size() >= MAX_SENDERS || usage.isCrowded()) {
            endOldest();
        }
        Sender sender = new Sender(ctx.channel(), key, from);
        Visit visit = usage.enter(from.getAddress(), () -> ctx.executor().execute(sender::end));
        if (visit == null) {
            return null;
        }
        if (!places.take(this)) {
            visit.leave();
            return null; // where another port makes room: that is there for the next datagram
        }
        sender.visit = visit;
        senders.put(key, sender); // first: a flow may end while it is opened
        try {
            Published to = usage.published();
            Destination destination = to.destinationOf(port);
            LinkFlow flow = flows.open((EventLoop) ctx.executor(), to, null, destination, from, sender);
            sender.flow = flow;
            sender.isFor(to, flow);
            visitors.opened(flow, to.place());
            flow.opened().addListener(opened -> {
                Silence before = silences.get(key);
                if (!opened.isSuccess() && !sender.ended) {
                    silences.put(key, Silence.of(to, before, nanoTime.getAsLong()));
                } else if (before != null) {
                    silences.remove(key, before);
                }
            });
        } catch (FlowException e) {
            sender.leave();
            return null; // lost, as datagrams may be
        }
        return sender;
    }

    private boolean isSilent(EndpointKey key, Published to) {
        Silence silence = silences.get(key);
        return silence != null && silence.what.equals(to) && silence.untilNanos - nanoTime.getAsLong() > 0;
    }

    private boolean mayCome(InetSocketAddress from) {
        long now = nanoTime.getAsLong();
        RateLimit its = newcomersOf.get(
                Network.of(from.getAddress(), 0),
                network -> new RateLimit(NEW_SENDERS / OF_ONE, NEW_SENDERS_PER_SECOND / OF_ONE, now));
        return its.takes(now) && newcomers.takes(now);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        unflushed.forEach(Channel::flush);
        unflushed.clear();
        ctx.fireChannelReadComplete();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        List.copyOf(senders.values()).forEach(Sender::end);
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // An ICMP error about what was sent to one sender: the others go on.
    }

    /** One sender, as a flow towards the target. */
    private final class Sender extends ChannelInboundHandlerAdapter {
        private final Channel socket;
        private final EndpointKey key;
        private final InetSocketAddress address;
        private @Nullable LinkFlow flow;
        private @Nullable Visit visit;
        private @Nullable ConnectionAccess seen;
        private @Nullable Published to;
        private long bytesIn;
        private long bytesOut;
        private boolean ended; // by us

        Sender(Channel socket, EndpointKey key, InetSocketAddress address) {
            this.socket = socket;
            this.key = key;
            this.address = address;
        }

        void isFor(Published published, LinkFlow by) {
            to = published;
            if (access != null) {
                ConnectionAccess one = new ConnectionAccess(access, address, "UDP", "udp:" + port);
                one.servedBy(by);
                seen = one;
            }
        }

        void end() {
            ended = true;
            leave();
            if (flow != null) {
                flow.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            // Errors of ICMP, and answers from other ports, have nobody here to be told to.
            if (msg instanceof ByteBuf answer && socket.isWritable()) {
                bytesOut += answer.readableBytes();
                socket.write(new DatagramPacket(answer, address), socket.voidPromise());
            } else {
                ReferenceCountUtil.release(msg);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            socket.flush();
        }

        private void leave() {
            if (senders.remove(key, this)) {
                places.give(PublishedDatagrams.this);
            }
            LinkFlow by = flow;
            if (seen != null && to != null && by != null) {
                boolean refused = by.opened().isDone() && !by.opened().isSuccess() && !ended;
                seen.ended(
                        to,
                        refused ? ConnectionAccess.UNREACHED : ConnectionAccess.SERVED,
                        bytesIn,
                        bytesOut,
                        !refused);
            }
            if (visit != null) {
                visit.leave();
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            leave();
        }

        @Override
        public void channelUnregistered(ChannelHandlerContext ctx) {
            leave(); // one that was refused was never active
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
