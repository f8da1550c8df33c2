package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.limit.Holders;
import dev.culvert.gateway.limit.Network;
import dev.culvert.gateway.web.Rest;
import dev.culvert.gateway.web.WaitingBytes;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.limit.RecentMap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to what is published, and the flows to its targets: how many connections each publication and each address has, and
 * what memory is kept for each publication. From any thread.
 */
public final class Visitors implements Holders {
    private static final Logger log = LoggerFactory.getLogger(Visitors.class);

    /** Of all names and ports: each is a descriptor, and one more at an agent. */
    private static final int MAX_CONNECTIONS = 32_768;

    /** Of one of them: the others go on when one is flooded. */
    private static final int MAX_CONNECTIONS_EACH = 16_384;

    /** Of one address, or an IPv6 /64: an office behind one address, and no more of one name than a sixteenth. */
    private static final int MAX_CONNECTIONS_FROM = 1_024;

    /** Of those that rest one in so many is given up where there is no room, */
    private static final int GIVEN_UP_PART = 8;

    /** and no more than so many at once: to find them all are looked at. (nginx does both.) */
    private static final int GIVEN_UP_AT_ONCE = 32;

    /** So long nobody looks again where none was found to rest: a flood of newcomers would do nothing else. */
    private static final long FRUITLESS_NANOS = 50_000_000;

    /** Names, ports and addresses of which that is remembered. */
    private static final int MAX_FRUITLESS = 1_024;

    /** Full is not a name, port or address, but all there is. */
    private static final Object EVERYWHERE = "all together";

    /** What a flow costs in which nothing waits, with what the agent's link keeps for it. */
    private static final long FLOW = 4 << 10;

    private final Quota<String> connections;
    private final Quota<Network> addresses;
    private final Set<Kept> all = ConcurrentHashMap.newKeySet();
    private final AtomicLong numbers = new AtomicLong();
    private final ProxiesInFront proxies;
    private final RecentMap<Object, Long> fruitless = new RecentMap<>(MAX_FRUITLESS);
    private final LongSupplier nanoTime;

    /** @param proxies whose visitors are not counted by address */
    public Visitors(ProxiesInFront proxies) {
        this(proxies, MAX_CONNECTIONS, MAX_CONNECTIONS_EACH, MAX_CONNECTIONS_FROM, System::nanoTime);
    }

    Visitors(ProxiesInFront proxies, int connections, int each, int from, LongSupplier nanoTime) {
        this.proxies = proxies;
        this.connections = new Quota<>(connections, each);
        this.addresses = new Quota<>(connections, from);
        this.nanoTime = nanoTime;
    }

    /**
     * Something that is kept for a publication.
     *
     * @param number in the order in which they came
     * @param bytes what it keeps now, asked on the channel's event loop
     * @param seat of a connection; null of a flow
     */
    private record Kept(
            String place,
            long number,
            Channel channel,
            ToLongFunction<Channel> bytes,
            @Nullable Seat seat) {}

    private record Found(Kept kept, long bytes) {}

    private record Resting(Kept kept, Seat seat, long sinceNanos) {}

    /** What a connection counts against, until it leaves. */
    private final class Seat {
        final String place;
        final @Nullable Network from; // null when many share the address
        final Rest rest;
        private final AtomicBoolean left = new AtomicBoolean();

        Seat(String place, @Nullable Network from, Rest rest) {
            this.place = place;
            this.from = from;
            this.rest = rest;
        }

        /** Takes room. Returns what has none: {@link #EVERYWHERE}, the place, or where it comes from; null when there was. */
        @Nullable
        Object take() {
            if (!connections.take(place, 1)) {
                return connections.left() < 1 ? EVERYWHERE : place;
            }
            if (from != null && !addresses.take(from, 1)) {
                connections.give(place, 1);
                return from;
            }
            return null;
        }

        boolean isIn(Object full) {
            return full == EVERYWHERE || full.equals(place) || full.equals(from);
        }

        void leave() {
            if (left.compareAndSet(false, true)) {
                connections.give(place, 1);
                if (from != null) {
                    addresses.give(from, 1);
                }
            }
        }
    }

    /**
     * Counts a connection against what it is for, and against where it comes from, until it is closed. Where there is no room those
     * give way that have waited longest for a request.
     *
     * @param place what is published there: a name or wildcard, or a port
     * @return false when there are too many already
     */
    boolean enter(Channel channel, String place) {
        Visitor visitor = Visitor.of(channel);
        Network from = proxies.isShared(visitor.address()) ? null : Network.of(visitor.address(), 0);
        Seat seat = new Seat(place, from, Rest.of(channel));
        Object full = seat.take();
        while (full != null) {
            if (!makeRoom(full)) {
                log.debug("{} for {}: too many connections of {}", AddressText.of(visitor.from()), place, full);
                return false;
            }
            full = seat.take();
        }
        keep(place, channel, Visitors::ofConnection, seat);
        channel.closeFuture().addListener(f -> seat.leave());
        return true;
    }

    /** Ends some of the connections that wait for a request, those that have longest; their room is free at once. */
    private boolean makeRoom(Object full) {
        long now = nanoTime.getAsLong();
        synchronized (fruitless) {
            Long last = fruitless.get(full);
            if (last != null && now - last < FRUITLESS_NANOS) {
                return false;
            }
        }
        List<Resting> resting = new ArrayList<>();
        for (Kept kept : all) {
            Seat seat = kept.seat;
            if (seat != null && seat.isIn(full) && seat.rest.isOn()) {
                resting.add(new Resting(kept, seat, seat.rest.sinceNanos()));
            }
        }
        resting.sort(Comparator.comparingLong(r -> r.sinceNanos - now)); // the clock may overflow
        int enough = Math.min(Math.max(1, resting.size() / GIVEN_UP_PART), GIVEN_UP_AT_ONCE);
        int givenUp = 0;
        for (Resting r : resting) {
            if (r.seat.rest.giveUp()) {
                all.remove(r.kept);
                r.seat.leave();
                r.kept.channel.close(); // in order: HTTP/2 tells a browser that nothing is lost
                if (++givenUp == enough) {
                    break;
                }
            }
        }
        if (givenUp == 0) {
            synchronized (fruitless) {
                fruitless.put(full, now);
            }
        }
        return givenUp > 0;
    }

    /** A flow to the target of what is published there, until it is closed. */
    void opened(LinkFlow flow, String place) {
        keep(
                place,
                flow,
                channel ->
                        FLOW + flow.unreadBytes() + flow.keptBytes() + written(flow) + WaitingBytes.of(flow.pipeline()),
                null);
    }

    private void keep(String place, Channel channel, ToLongFunction<Channel> bytes, @Nullable Seat seat) {
        Kept kept = new Kept(place, numbers.incrementAndGet(), channel, bytes, seat);
        all.add(kept);
        channel.closeFuture().addListener(f -> all.remove(kept));
    }

    /** One that is idle costs what a stranger's does. */
    private static long ofConnection(Channel channel) {
        return Strangers.CONNECTION + written(channel) + WaitingBytes.of(channel.pipeline());
    }

    /** What its other end has not taken, and TLS has not enciphered. */
    private static long written(Channel channel) {
        ChannelOutboundBuffer out = channel.unsafe().outboundBuffer();
        return out == null ? 0 : out.totalPendingWriteBytes();
    }

    /** Connections. */
    public long count() {
        return connections.total();
    }

    @Override
    public Map<String, Long> held(long millis) {
        Map<String, Long> held = new HashMap<>();
        find(kept -> true, millis).forEach(f -> held.merge(f.kept.place, f.bytes, Long::sum));
        return held;
    }

    @Override
    public int shed(String place, long millis) {
        List<Found> its = find(kept -> kept.place.equals(place), millis);
        its.sort(Comparator.<Found>comparingLong(f -> -f.bytes).thenComparingLong(f -> f.kept.number));
        long tooMuch = its.stream().mapToLong(Found::bytes).sum() / 2;
        int ended = 0;
        for (Found f : its) {
            if (tooMuch <= 0) {
                break;
            }
            tooMuch -= f.bytes;
            ended++;
            end(f.kept.channel);
        }
        return ended;
    }

    /** A flow ends with an error, lest what was read of it be taken for whole by who reads an answer without a length. */
    private static void end(Channel channel) {
        if (channel instanceof LinkFlow) {
            channel.eventLoop()
                    .execute(() -> channel.pipeline()
                            .fireExceptionCaught(
                                    new FlowException(Reason.OVERLOADED, "the gateway is short of memory")));
        }
        GatewayChannel.closeNow(channel);
    }

    /** What their event loops say. One that says nothing is busy with something. */
    private List<Found> find(Predicate<Kept> which, long millis) {
        Map<EventLoop, List<Kept>> byLoop = new HashMap<>();
        for (Kept kept : all) {
            if (which.test(kept) && kept.channel.isRegistered()) {
                byLoop.computeIfAbsent(kept.channel.eventLoop(), l -> new ArrayList<>())
                        .add(kept);
            }
        }
        ConcurrentLinkedQueue<Found> found = new ConcurrentLinkedQueue<>();
        CountDownLatch said = new CountDownLatch(byLoop.size());
        byLoop.forEach((loop, its) -> {
            try {
                loop.execute(() -> {
                    for (Kept kept : its) {
                        // One that is moving to another loop is not this one's to look at.
                        if (kept.channel.isRegistered() && kept.channel.eventLoop() == loop) {
                            found.add(new Found(kept, kept.bytes.applyAsLong(kept.channel)));
                        }
                    }
                    said.countDown();
                });
            } catch (RejectedExecutionException e) {
                said.countDown(); // the gateway is closing
            }
        });
        try {
            if (!said.await(millis, TimeUnit.MILLISECONDS)) {
                log.debug("not all event loops have said what visitors keep");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return new ArrayList<>(found);
    }
}
