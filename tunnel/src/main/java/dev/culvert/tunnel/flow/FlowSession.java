package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
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

    /** How often it is looked which flows were held for long enough. */
    static final Duration SWEEP = Duration.ofSeconds(10);

    /** Of what may be kept, what flows may have that are held: the rest is for those that move. */
    private static final int HELD_FRACTION = 2;

    final EventLoop loop;
    private final CreditBudget budget = new CreditBudget(CreditBudget.DEFAULT, CreditBudget.PROCESS);
    private final KeptBudget kept;

    /** Those without a path, the longest held first, and until when. */
    private final Map<LinkFlow, Long> held = new LinkedHashMap<>();

    private final ArrayList<LinkFlow> quiet = new ArrayList<>();
    private boolean quietScheduled;
    private boolean sweepScheduled;
    private long heldBytes;

    FlowSession(EventLoop loop, KeptBudget kept) {
        this.loop = loop;
        this.kept = kept;
    }

    CreditBudget budget() {
        return budget;
    }

    KeptBudget keptBudget() {
        return kept;
    }

    /** Flows that have no path now. */
    public int heldCount() {
        return held.size();
    }

    /** Bytes that flows of this process have sent and keep until they have been received. */
    public long keptBytes() {
        return kept.taken();
    }

    /** Flows that are held because their link has gone, until there is another. */
    abstract void waits(LinkFlow flow);

    /** A link is up. */
    abstract void linkUp(FlowMultiplexer link);

    /** It is down, and its flows are about to lose their paths. */
    abstract void linkDown(FlowMultiplexer link);

    /** The flow is over. */
    abstract void gone(LinkFlow flow);

    /** Too many are held: one of the largest holder's, the longest held. */
    abstract boolean isTooMany(int held);

    /**
     * A path was refused.
     *
     * @return whether the flow is held none the less, because there may be another
     */
    abstract boolean holds(LinkFlow flow, Reason refusal);

    /** The flow has lost its path. */
    final void held(LinkFlow flow, boolean confirmed) {
        long now = loop.ticker().nanoTime();
        if (held.put(flow, now + (confirmed ? HOLD : HOLD_UNCONFIRMED).toNanos()) == null) {
            heldBytes += flow.keptBytes();
        }
        scheduleSweep();
        waits(flow);
        while (isTooMany(held.size()) || heldBytes > kept.all() / HELD_FRACTION) {
            LinkFlow first = longestHeldOfLargest();
            if (first == null) {
                return;
            }
            letGo(first, Reason.OVERLOADED, "too much is held for flows without a link");
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
        if (held.remove(flow) != null) {
            heldBytes -= flow.keptBytes();
        }
    }

    private @Nullable LinkFlow longestHeldOfLargest() {
        Map<String, Integer> count = new LinkedHashMap<>();
        String largest = null;
        int most = 0;
        for (LinkFlow flow : held.keySet()) {
            String holder = flow.request().clientName();
            int n = count.merge(holder, 1, Integer::sum);
            if (n > most) {
                most = n;
                largest = holder;
            }
        }
        for (LinkFlow flow : held.keySet()) {
            if (flow.request().clientName().equals(largest)) {
                return flow;
            }
        }
        return null;
    }

    final boolean isHeld(LinkFlow flow) {
        return held.containsKey(flow);
    }

    final void letGo(LinkFlow flow, Reason reason, String why) {
        release(flow);
        flow.giveUp(reason, why);
    }

    /** This end is going away, and its links with it: ends all that are held. */
    public final void close(String why) {
        letAllGo(Reason.SHUTTING_DOWN, why);
    }

    /** Ends all that are held. */
    final void letAllGo(Reason reason, String why) {
        for (LinkFlow flow : held.keySet().toArray(LinkFlow[]::new)) {
            letGo(flow, reason, why);
        }
    }

    private void scheduleSweep() {
        if (!sweepScheduled) {
            sweepScheduled = true;
            loop.schedule(this::sweep, SWEEP.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void sweep() {
        sweepScheduled = false;
        long now = loop.ticker().nanoTime();
        for (Map.Entry<LinkFlow, Long> e : new ArrayList<>(held.entrySet())) {
            if (now - e.getValue() >= 0) {
                letGo(e.getKey(), Reason.LINK_LOST, "no link for too long");
            }
        }
        if (!held.isEmpty()) {
            scheduleSweep();
        }
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
