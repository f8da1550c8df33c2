package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The flows that a client has opened, over all its links: those that lose their path are asked for again over the link that is up, or
 * the next. Event loop only.
 */
public final class OpenedFlows extends FlowSession {
    /** Told what becomes of flows. Event loop. */
    public interface Listener {
        /** Flows that were held have a path again, and none waits for one any more. */
        void wentOn(int flows);
    }

    /** Most that wait for an answer at once: a gateway takes so many, and what an agent has to send again comes in parts. */
    static final int MAX_ASKED = 256;

    private static final String OLDER = "the gateway is of an older version, which knows nothing of flows that go on";

    /** After a refusal that need not last: at first, and at most. */
    static final Duration RETRY = Duration.ofMillis(250);

    static final Duration RETRY_MAX = Duration.ofSeconds(15);

    /** A path that was there for less is not followed by the next at once. */
    static final Duration SHORT_PATH = Duration.ofSeconds(1);

    private final ClientSession session;
    private final long startNanos;
    private final Listener listener;
    /** All, in the order of their numbers. */
    private final Set<LinkFlow> flows = new LinkedHashSet<>();

    private final Set<LinkFlow> due = new LinkedHashSet<>();
    private final Set<LinkFlow> later = new LinkedHashSet<>();
    private final Set<LinkFlow> asked = new LinkedHashSet<>();
    /** The link that is up, if its peer knows how flows go on over it: a client has one. */
    private @Nullable FlowMultiplexer link;

    private boolean older; // the last link that came up knows nothing of flows that go on
    private @Nullable Future<?> retry;
    private long retryMillis = RETRY.toMillis();
    private long lastNumber;
    private int wentOn; // and has not been told yet
    private long wentOnEver;
    private boolean scheduled;

    /** Of a client that nothing is known of before. */
    public OpenedFlows(EventLoop loop, Listener listener) {
        this(loop, ClientSession.first(), listener);
    }

    public OpenedFlows(EventLoop loop, ClientSession session, Listener listener) {
        this(loop, session, listener, keptBudgetOfProcess());
    }

    OpenedFlows(EventLoop loop, ClientSession session, Listener listener, KeptBudget kept) {
        super(loop, Integer.MAX_VALUE, kept); // as many as there may be flows
        this.session = session;
        this.listener = listener;
        this.startNanos = loop.ticker().nanoTime();
    }

    /** A new flow: it goes by this session's next number. */
    void opens(LinkFlow flow) {
        flow.belongsTo(this, ++lastNumber, 0);
        flows.add(flow);
    }

    /** Flows that have no path, and have not asked for one. */
    public int waitingCount() {
        return due.size() + later.size();
    }

    /** How often one has gone on over another path, since the start. */
    public long wentOnCount() {
        return wentOnEver;
    }

    /** The lowest number of a flow that there still is. */
    long oldest() {
        return flows.isEmpty() ? lastNumber + 1 : flows.iterator().next().number();
    }

    @Override
    void linkUp(FlowMultiplexer up) {
        older = !up.isOutlived();
        link = older ? null : up;
        if (older) {
            Iterator<LinkFlow> all = allHeld().iterator();
            inSlices(() -> giveUpNext(all), () -> {});
            return;
        }
        say(up, Frame.SESSION, List.of(session.secret()));
        // On each link, for it may be another gateway's, until nobody can hold anything for them any more.
        if (!session.ended().isEmpty() && loop.ticker().nanoTime() - startNanos < HOLD.toNanos()) {
            say(up, Frame.SESSION_ENDED, session.ended());
        }
        tryAgain();
    }

    @Override
    void linkDown(FlowMultiplexer down) {
        if (link == down) {
            link = null;
        }
    }

    /** @return whether there are more */
    private boolean giveUpNext(Iterator<LinkFlow> all) {
        boolean more = older && all.hasNext();
        if (more) {
            LinkFlow flow = all.next();
            if (isHeld(flow)) {
                letGo(flow, Reason.LINK_LOST, OLDER);
            }
        }
        return more;
    }

    private static void say(FlowMultiplexer up, int type, List<SessionId> sessions) {
        ByteBuf b = up.link().alloc().directBuffer(sessions.size() * SessionId.LENGTH);
        sessions.forEach(s -> s.write(b));
        up.link().writer().control(type, 0, 0, b);
    }

    /** There may be agents now that there were not: what was refused is asked for again. */
    public void tryAgain() {
        due.addAll(later);
        later.clear();
        retryMillis = RETRY.toMillis();
        schedule();
    }

    @Override
    void waits(LinkFlow flow) {
        asked.remove(flow);
        if (older) { // of a link that had many, which lose their paths one after another
            letGo(flow, Reason.LINK_LOST, OLDER);
        } else if (link != null && loop.ticker().nanoTime() - flow.attachedNanos() < SHORT_PATH.toNanos()) {
            later(flow); // its path was hardly there: somebody may do that without end
        } else {
            due.add(flow);
            schedule();
        }
    }

    private void later(LinkFlow flow) {
        later.add(flow);
        if (retry == null) {
            retry = loop.schedule(this::retry, retryMillis, TimeUnit.MILLISECONDS);
        }
    }

    private void retry() {
        retry = null;
        long next = Math.min(2 * retryMillis, RETRY_MAX.toMillis());
        tryAgain();
        retryMillis = next;
    }

    private void schedule() {
        if (!scheduled && !due.isEmpty()) {
            scheduled = true;
            loop.execute(this::ask); // when all of a turn's are known
        }
    }

    private void ask() {
        scheduled = false;
        FlowMultiplexer over = link;
        while (over != null && asked.size() < MAX_ASKED && !due.isEmpty() && over.canOpen()) {
            LinkFlow flow = due.iterator().next();
            due.remove(flow);
            asked.add(flow);
            over.resume(flow);
        }
    }

    @Override
    void attached(LinkFlow flow) {
        super.attached(flow);
        if (asked.remove(flow)) {
            wentOn++;
            wentOnEver++;
            retryMillis = RETRY.toMillis();
            schedule();
            tellIfAll();
        }
    }

    private void tellIfAll() {
        if (wentOn > 0 && asked.isEmpty() && due.isEmpty() && later.isEmpty()) {
            int flows = wentOn;
            wentOn = 0;
            listener.wentOn(flows);
        }
    }

    @Override
    boolean holds(LinkFlow flow, Reason refusal, boolean answered) {
        boolean holds = switch (refusal) {
            case NO_AGENT, OVERLOADED, LINK_LOST, SHUTTING_DOWN, UNSPECIFIED -> true;
            case TIMED_OUT -> answered; // else it is what its destination did
            default -> false;
        };
        asked.remove(flow);
        if (holds) {
            later(flow);
        }
        schedule();
        return holds;
    }

    @Override
    void gone(LinkFlow flow) {
        flows.remove(flow);
        boolean waited = due.remove(flow) | later.remove(flow) | asked.remove(flow);
        if (waited) {
            schedule();
            tellIfAll();
        }
    }

    @Override
    void stillHeld(List<LinkFlow> held) {
        // It asks for paths for them, and hears so whether they may be.
    }

    @Override
    boolean isForsaken(LinkFlow flow, long sinceNanos) {
        return false; // that is for us to say
    }
}
