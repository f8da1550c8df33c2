package dev.culvert.gateway.memory;

import dev.culvert.gateway.door.Strangers;
import dev.culvert.gateway.limit.Counters;
import dev.culvert.gateway.limit.Holders;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.PresentLink;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.internal.PlatformDependent;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that memory never ends, which would end the process and with it everybody's links: does what {@link MemoryWatch}
 * says. Everything that one peer may cost is bounded where it is kept; this is for what all of them do together.
 */
public final class MemoryGuard implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MemoryGuard.class);

    /** A look costs some µs. In so long a peer on a fast line brings 100 MB/s: a tenth of a small heap. */
    private static final long PERIOD_MILLIS = 100;

    /** How long loops may take to say what their links hold; those that do not are busy with something. */
    private static final long ASK_MILLIS = 1_000;

    /** RFC 6455 registry: try again later. */
    private static final int TRY_AGAIN_LATER = 1013;

    private static final long MIB = 1 << 20;

    private final Strangers strangers;
    private final Links links;
    private final Holders visitors;
    private final Counters counters;
    private final MemoryWatch watch = new MemoryWatch();
    private final Supplier<MemoryWatch.Memory> memory;
    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("gateway-memory", true));

    /** @param visitors who keep memory for publications */
    public MemoryGuard(Strangers strangers, Links links, Holders visitors, Counters counters) {
        this(strangers, links, visitors, counters, new ProcessMemory());
    }

    /** @param memory what is taken */
    MemoryGuard(
            Strangers strangers,
            Links links,
            Holders visitors,
            Counters counters,
            Supplier<MemoryWatch.Memory> memory) {
        this.strangers = strangers;
        this.links = links;
        this.visitors = visitors;
        this.counters = counters;
        this.memory = memory;
    }

    /** Looks from now on. */
    public void start() {
        thread.scheduleWithFixedDelay(
                () -> {
                    try {
                        look(System.nanoTime());
                    } catch (RuntimeException e) { // thrown out of here, it would end the looks for good
                        log.error("memory cannot be watched", e);
                    }
                },
                PERIOD_MILLIS,
                PERIOD_MILLIS,
                TimeUnit.MILLISECONDS);
    }

    /** Looks once, and does what is to be done. */
    void look(long nowNanos) {
        MemoryWatch.Memory now = memory.get();
        switch (watch.next(now, nowNanos)) {
            case NONE -> {}
            case COLLECT -> System.gc();
            case STRANGERS -> {
                int ended = strangers.close();
                counters.shedConnections.add(ended);
                log.warn(
                        "memory is short ({}): {} connections that are not links were closed, and none is let in until"
                                + " there is more; a larger heap is CULVERT_JAVA_OPTS=-Xmx1g",
                        text(now),
                        ended);
            }
            case LARGEST_HOLDER -> cutLargest(now);
            case ENOUGH -> {
                strangers.open();
                log.info("there is memory enough again ({})", text(now));
            }
        }
    }

    private static String text(MemoryWatch.Memory m) {
        return m.heapLive() / MIB + " of " + m.heapMax() / MIB + " MiB of heap, " + m.buffersUsed() / MIB + " of "
                + m.buffersMax() / MIB + " MiB of buffers";
    }

    private void cutLargest(MemoryWatch.Memory now) {
        // What goes through the gateway's own ends is kept for visitors: to cut those would free nothing of it.
        List<PresentLink> all =
                links.all().stream().filter(link -> link.token() != null).toList();
        Map.Entry<String, Long> largest = largest(held(all));
        Map.Entry<String, Long> published = largest(visitors.held(ASK_MILLIS));
        if (published != null && (largest == null || published.getValue() > largest.getValue())) {
            int ended = visitors.shed(published.getKey(), ASK_MILLIS);
            counters.shedConnections.add(ended);
            log.warn(
                    "memory is short ({}): what is published as {} holds the most, about {} KiB, and {} of its connections"
                            + " and flows were ended",
                    text(now),
                    published.getKey(),
                    published.getValue() >> 10,
                    ended);
            return;
        }
        if (largest == null) {
            log.error("memory is short ({}), and nobody is connected whose links could be cut", text(now));
            return;
        }
        int cut = 0;
        for (PresentLink link : all) {
            if (holder(link).equals(largest.getKey())) {
                link.close(TRY_AGAIN_LATER, "the gateway is short of memory, and you hold the most");
                cut++;
            }
        }
        counters.shedLinks.add(cut);
        log.warn(
                "memory is short ({}): {} holds the most, about {} KiB, and its {} links were cut",
                text(now),
                largest.getKey(),
                largest.getValue() >> 10,
                cut);
    }

    private static Map.@Nullable Entry<String, Long> largest(Map<String, Long> held) {
        return held.entrySet().stream()
                .max(Comparator.comparingLong(Map.Entry<String, Long>::getValue))
                .orElse(null);
    }

    private static String holder(PresentLink link) {
        return link.kind() + " '" + link.name() + "'";
    }

    /** What each holder's links keep, as their loops say. */
    private static Map<String, Long> held(List<PresentLink> links) {
        Map<String, Long> held = new ConcurrentHashMap<>();
        CountDownLatch asked = new CountDownLatch(links.size());
        for (PresentLink link : links) {
            link.run(() -> {
                if (link.isUp()) {
                    held.merge(holder(link), link.memory(), Long::sum);
                }
                asked.countDown();
            });
        }
        try {
            if (!asked.await(ASK_MILLIS, TimeUnit.MILLISECONDS)) {
                log.debug("not all links have said what they hold");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return new HashMap<>(held);
    }

    @Override
    public void close() {
        thread.shutdown();
    }

    /** This process's. */
    private static final class ProcessMemory implements Supplier<MemoryWatch.Memory> {
        private final List<MemoryPoolMXBean> pools = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .toList();

        /** Those that collect the pool where what lives long is: the largest one. */
        private final List<GarbageCollectorMXBean> collectors;

        ProcessMemory() {
            String old = pools.stream()
                    .max(Comparator.comparingLong(pool -> pool.getUsage().getMax()))
                    .map(MemoryPoolMXBean::getName)
                    .orElse("");
            collectors = ManagementFactory.getGarbageCollectorMXBeans().stream()
                    .filter(c -> Arrays.asList(c.getMemoryPoolNames()).contains(old))
                    .toList();
        }

        @Override
        public MemoryWatch.Memory get() {
            long used = 0;
            long live = 0;
            for (MemoryPoolMXBean pool : pools) {
                used += pool.getUsage().getUsed();
                MemoryUsage after = pool.getCollectionUsage();
                live += after == null ? 0 : after.getUsed();
            }
            long collections = collectors.stream()
                    .mapToLong(GarbageCollectorMXBean::getCollectionCount)
                    .sum();
            long buffersMax = PlatformDependent.maxDirectMemory();
            // What the pool has taken is more than what is in use, and the look at that is not quite free.
            long buffers = Math.max(0, PlatformDependent.usedDirectMemory());
            if (buffers > MemoryWatch.SHORT * buffersMax
                    && ByteBufAllocator.DEFAULT instanceof PooledByteBufAllocator pooled) {
                buffers = pooled.pinnedDirectMemory();
            }
            return new MemoryWatch.Memory(
                    used, live, collections, Runtime.getRuntime().maxMemory(), buffers, buffersMax);
        }
    }
}
