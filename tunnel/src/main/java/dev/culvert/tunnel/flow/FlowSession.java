package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.loop.SlicedWork;
import io.netty.channel.EventLoop;
import io.netty.util.internal.PlatformDependent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Flows that outlive their links, at one of their ends: those that have no path now are held until there is another, which {@link
 * OpenedFlows} asks for and {@link AnsweredFlows} wait for. Event loop only.
 */
public abstract sealed class FlowSession permits OpenedFlows, AnsweredFlows {
    /** From this version of the link protocol on flows may be resumed. */
    static final int VERSION = 2;

    /** How long a flow is held: as long as RFC 5382 REQ-5 lets an idle connection live. */
    public static final Duration HOLD = Duration.ofHours(2).plusMinutes(4);

    /** How long one is held whose opener may never have heard that it was answered, and have given up: a short outage. */
    static final Duration HOLD_UNCONFIRMED = Duration.ofMinutes(2);

    /** A flow on which nothing more comes tells so soon what it has received: what its sender keeps of it is freed. */
    static final Duration QUIET = Duration.ofMillis(250);

    /** How often it is looked which flows were held for long enough, and asked whether they may still be. */
    static final Duration SWEEP = Duration.ofSeconds(10);

    /** Of what may be kept, what flows may have that are held: the rest is for those that move. */
    private static final int HELD_FRACTION = 2;

    /** What those hear that hear anything of a flow that gives way. */
    static final String TOO_MUCH_HELD = "too much is held for flows without a link";

    final EventLoop loop;
    private final CreditBudget budget = new CreditBudget(CreditBudget.DEFAULT, CreditBudget.PROCESS);
    private final int mostHeld;
    private final KeptBudget kept;
    private final SlicedWork work;

    /** @param bytes that it keeps meanwhile */
    private record Held(long sinceNanos, long untilNanos, long bytes) {}

    /** Those of one holder without a path, the longest held first. */
    private static final class Holder {
        final Map<LinkFlow, Held> flows = new LinkedHashMap<>();
        long bytes;
    }

    private final Map<String, Holder> holders = new HashMap<>();
    private int heldCount;

    private final ArrayList<LinkFlow> quiet = new ArrayList<>();
    private boolean quietScheduled;
    private boolean sweepScheduled;
    private long heldBytes;

    /** What may be kept: as much as windows may grow by, for what one end may have to be sent the other may have to keep. */
    static KeptBudget keptBudgetOfProcess() {
        return new KeptBudget(PlatformDependent.maxDirectMemory() / 4);
    }

    /** @param mostHeld flows that may be without a path; of more the longest held of the largest holder goes */
    FlowSession(EventLoop loop, int mostHeld, KeptBudget kept) {
        this.loop = loop;
        this.mostHeld = mostHeld;
        this.kept = kept;
        this.work = new SlicedWork(loop);
    }

    CreditBudget budget() {
        return budget;
    }

    KeptBudget keptBudget() {
        return kept;
    }

    /** Flows that have no path now. */
    public int heldCount() {
        return heldCount;
    }

    /** Bytes that flows without a path keep meanwhile. */
    public long heldBytes() {
        return heldBytes;
    }

    /** Bytes that flows have sent and keep until they have been received. */
    public long keptBytes() {
        return kept.taken();
    }

    /** Flows that are held because their link has gone, until there is another. */
    abstract void waits(LinkFlow flow);

    /** A link is up. */
    abstract void linkUp(FlowMultiplexer up);

    /** It is down, and its flows are about to lose their paths. */
    abstract void linkDown(FlowMultiplexer down);

    /** The flow is over. */
    abstract void gone(LinkFlow flow);

    /** Whether nobody will come back for a flow that has been held since then. */
    abstract boolean isForsaken(LinkFlow flow, long sinceNanos);

    /** So often those are shown that are still held, the longest held of each holder first. */
    abstract void stillHeld(List<LinkFlow> held);

    /**
     * A path was refused.
     *
     * @param answered whether it had been answered once
     * @return whether the flow is held none the less, because there may be another
     */
    abstract boolean holds(LinkFlow flow, Reason refusal, boolean answered);

    /** The flow has lost its path. */
    final void held(LinkFlow flow, boolean confirmed) {
        long now = loop.ticker().nanoTime();
        long until = now + (confirmed ? HOLD : HOLD_UNCONFIRMED).toNanos();
        Holder holder = holders.computeIfAbsent(flow.holder(), h -> new Holder());
        Held its = new Held(now, until, flow.keptBytes());
        if (holder.flows.putIfAbsent(flow, its) == null) {
            holder.bytes += its.bytes;
            heldBytes += its.bytes;
            heldCount++;
        }
        scheduleSweep();
        waits(flow);
        while (heldCount > mostHeld || heldBytes > kept.all() / HELD_FRACTION) {
            boolean tooMany = heldCount > mostHeld;
            Holder largest = Collections.max(
                    holders.values(), Comparator.comparingLong(h -> tooMany ? h.flows.size() : h.bytes));
            letGo(largest.flows.keySet().iterator().next(), Reason.OVERLOADED, TOO_MUCH_HELD);
        }
    }

    /** The flow has a path (again). */
    void attached(LinkFlow flow) {
        release(flow);
    }

    /** Nothing more is to be done for the flow. */
    final void forget(LinkFlow flow) {
        release(flow);
        gone(flow);
    }

    private void release(LinkFlow flow) {
        String name = flow.holder();
        Holder holder = holders.get(name);
        Held its = holder == null ? null : holder.flows.remove(flow);
        if (holder != null && its != null) {
            holder.bytes -= its.bytes;
            heldBytes -= its.bytes;
            heldCount--;
            if (holder.flows.isEmpty()) {
                holders.remove(name);
            }
        }
    }

    final boolean isHeld(LinkFlow flow) {
        return held(flow) != null;
    }

    private @Nullable Held held(LinkFlow flow) {
        Holder holder = holders.get(flow.holder());
        return holder == null ? null : holder.flows.get(flow);
    }

    final void letGo(LinkFlow flow, Reason reason, String why) {
        release(flow);
        flow.giveUp(reason, why);
    }

    /** This end is going away, and its links with it: ends all that are held. */
    public final void close(String why) {
        allHeld().forEach(flow -> letGo(flow, Reason.SHUTTING_DOWN, why));
    }

    /**
     * Has long work done, a slice of time in each turn of the loop: each flow that ends has a socket, and there may be very many.
     *
     * @param step see {@link SlicedWork#add}
     * @param over likewise
     */
    final void inSlices(BooleanSupplier step, Runnable over) {
        work.add(step, over);
    }

    private void scheduleSweep() {
        if (!sweepScheduled) {
            sweepScheduled = true;
            loop.schedule(this::sweep, SWEEP.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void sweep() {
        long now = loop.ticker().nanoTime();
        Iterator<LinkFlow> all = allHeld().iterator();
        inSlices(() -> sweepNext(all, now), this::swept);
    }

    /** @return whether there are more */
    private boolean sweepNext(Iterator<LinkFlow> all, long now) {
        if (!all.hasNext()) {
            return false;
        }
        LinkFlow flow = all.next();
        Held its = held(flow);
        if (its != null && now - its.untilNanos >= 0) {
            letGo(flow, Reason.LINK_LOST, "no link for too long");
        } else if (its != null && isForsaken(flow, its.sinceNanos)) {
            letGo(flow, Reason.UNKNOWN, "its opener has not come back for it");
        }
        return true;
    }

    private void swept() {
        sweepScheduled = false;
        if (heldCount > 0) {
            scheduleSweep(); // first: whatever the next comes to, there is one more
            stillHeld(allHeld());
        }
    }

    /** Those that are held now, the longest held of each holder first. */
    final List<LinkFlow> allHeld() {
        List<LinkFlow> all = new ArrayList<>(heldCount);
        holders.values().forEach(h -> all.addAll(h.flows.keySet()));
        return all;
    }

    /** The flow may soon have something to tell: what it has received. */
    final void quiet(LinkFlow flow) {
        if (!flow.quiet) {
            flow.quiet = true;
            quiet.add(flow);
            if (!quietScheduled) {
                quietScheduled = true;
                loop.schedule(this::tell, QUIET.toMillis(), TimeUnit.MILLISECONDS);
            }
        }
    }

    private void tell() {
        quietScheduled = false;
        LinkFlow[] all = quiet.toArray(LinkFlow[]::new);
        quiet.clear();
        for (LinkFlow flow : all) {
            flow.quiet = false;
            flow.tellReceived();
        }
    }
}
