package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.limit.Holders;
import dev.culvert.gateway.limit.Network;
import dev.culvert.gateway.web.WaitingBytes;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.Quota;
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
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to what is published, and the flows to its targets: how many connections each publication and each address has, and
 * what memory is kept for each publication. From any thread.
 */
public final class Visitors implements Holders {
    private static final Logger log = LoggerFactory.getLogger(Visitors.class);

    /** Of all names and ports: each is a descriptor, and one more at an agent. */
    private static final int MAX_CONNECTIONS = 16_384;

    /** Of one of them: the others go on when one is flooded. */
    private static final int MAX_CONNECTIONS_EACH = 8_192;

    /** Of one address, or an IPv6 /64: an office behind one address, and no more of all than a sixteenth. */
    private static final int MAX_CONNECTIONS_FROM = 1_024;

    /** What a flow costs in which nothing waits, with what the agent's link keeps for it. */
    private static final long FLOW = 4 << 10;

    private final Quota<String> connections = new Quota<>(MAX_CONNECTIONS, MAX_CONNECTIONS_EACH);
    private final Quota<Network> addresses = new Quota<>(MAX_CONNECTIONS, MAX_CONNECTIONS_FROM);
    private final Set<Kept> all = ConcurrentHashMap.newKeySet();
    private final AtomicLong numbers = new AtomicLong();
    private final ProxiesInFront proxies;

    /** @param proxies whose visitors are not counted by address */
    public Visitors(ProxiesInFront proxies) {
        this.proxies = proxies;
    }

    /**
     * Something that is kept for a publication.
     *
     * @param number in the order in which they came
     * @param bytes what it keeps now, asked on the channel's event loop
     */
    private record Kept(String place, long number, Channel channel, ToLongFunction<Channel> bytes) {}

    private record Found(Kept kept, long bytes) {}

    /**
     * Counts a connection against what it is for, and against where it comes from, until it is closed.
     *
     * @param place what is published there: a name or wildcard, or a port
     * @return false when there are too many already
     */
    boolean enter(Channel channel, String place) {
        Visitor visitor = Visitor.of(channel);
        boolean shared = proxies.isShared(visitor.address());
        Network from = Network.of(visitor.address(), 0);
        if (!connections.take(place, 1)) {
            log.debug("{} has too many connections", place);
            return false;
        }
        if (!shared && !addresses.take(from, 1)) {
            connections.give(place, 1);
            log.debug("{} has too many connections", AddressText.of(visitor.from()));
            return false;
        }
        keep(place, channel, Visitors::ofConnection);
        channel.closeFuture().addListener(f -> {
            connections.give(place, 1);
            if (!shared) {
                addresses.give(from, 1);
            }
        });
        return true;
    }

    /** A flow to the target of what is published there, until it is closed. */
    void opened(LinkFlow flow, String place) {
        keep(
                place,
                flow,
                channel -> FLOW
                        + flow.unreadBytes()
                        + flow.keptBytes()
                        + written(flow)
                        + WaitingBytes.of(flow.pipeline()));
    }

    private void keep(String place, Channel channel, ToLongFunction<Channel> bytes) {
        Kept kept = new Kept(place, numbers.incrementAndGet(), channel, bytes);
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
