package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HeldFlow;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The flows that an agent has answered, of all sessions and over all its links. Event loop only. */
public final class AnsweredFlows extends FlowSession {
    /** Who is asked before a flow goes on. */
    public interface Judge {
        /** Whether the flow may go on as it is now asked for: rights may be fewer than they were. */
        boolean mayGoOn(LinkFlow flow, OpenRequest asked);
    }

    /** The flows of one session, by the numbers that its client has chosen. */
    private static final class Session {
        final TreeMap<Long, Object> flows = new TreeMap<>(); // LinkFlow or IncomingFlow
        long oldest;
        long seenNanos;

        /** What is below the oldest is being ended. */
        boolean forgets;

        /** Its client has ended, and its flows are being ended. */
        boolean ended;

        /** Whose it is, in the gateway's words; null when it has not said so. */
        @Nullable
        String holder;
    }

    /**
     * A session that has been seen so long after one of its flows lost its path has not come back for that flow, and will not: it
     * asks for all of them at once, and again each 15 s. So a flow whose RESET was lost with a link does not keep its socket.
     */
    public static final Duration FORSAKEN = Duration.ofMinutes(5);

    /** Of those that it holds, it asks about so many each time: they are spread over all that it holds. */
    static final int MAX_QUESTIONS = 1_024;

    /** Sessions that it hears have ended: a gateway tells of 1,024 at once, when a link comes up, and of four when a client starts. */
    static final int ENDINGS = 8 * 1_024;

    private static final int ENDINGS_PER_SECOND = 1_024;

    /**
     * How long after it has heard, by one gateway, that a session has ended, an agent refuses what is asked for it by another: a
     * link that is alive has nothing on its way for longer. What came of that would have nobody who ends it, for as long as it may be held.
     */
    static final Duration LATE = Duration.ofSeconds(10);

    private final Judge judge;
    private final RateLimit endings;
    private int asked;
    private long wentOn;

    /** Those that are up, to all gateways, and whose peers know how flows go on over them. */
    private final List<FlowMultiplexer> links = new ArrayList<>();

    private final Map<SessionId, Session> sessions = new HashMap<>();

    /** When it was heard that a session has ended, in that order; of the last {@link #ENDINGS}. */
    private final Map<SessionId, Long> endedNanos = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<SessionId, Long> eldest) {
            return size() > ENDINGS;
        }
    };

    /** @param mostHeld flows that may be held without a path: each has a socket */
    public AnsweredFlows(EventLoop loop, int mostHeld, Judge judge) {
        this(loop, mostHeld, judge, keptBudgetOfProcess());
    }

    AnsweredFlows(EventLoop loop, int mostHeld, Judge judge, KeptBudget kept) {
        super(loop, mostHeld, kept);
        this.judge = judge;
        this.endings = new RateLimit(ENDINGS, ENDINGS_PER_SECOND, loop.ticker().nanoTime());
    }

    @Override
    void linkUp(FlowMultiplexer up) {
        if (up.isOutlived()) {
            links.add(up);
        }
    }

    @Override
    void linkDown(FlowMultiplexer down) {
        links.remove(down);
    }

    /** Flows that could be resumed, pending ones among them. */
    public int count() {
        return sessions.values().stream().mapToInt(s -> s.flows.size()).sum();
    }

    /** How often one has gone on over another path, since the start. */
    public long wentOnCount() {
        return wentOn;
    }

    /** Links that are up, over which flows may go on. */
    int linkCount() {
        return links.size();
    }

    /** Sessions that have such. */
    int sessionCount() {
        return sessions.size();
    }

    /**
     * OPEN has come.
     *
     * @return whether it asks for a flow that nobody knows, to be answered; else it has been
     */
    boolean asked(IncomingFlow asked) {
        OpenRequest request = asked.request();
        FlowPath path = request.path();
        SessionId id = path == null ? null : path.session();
        if (path == null || id == null) {
            return true;
        }
        Session session = sessions.get(id);
        if (session != null && session.ended || hasEnded(id)) {
            asked.refuse(Reason.UNKNOWN, ""); // on its way when its client ended
            return false;
        }
        if (session != null) {
            session.seenNanos = loop.ticker().nanoTime();
            note(session, request);
            forgetBelow(session, Math.min(path.oldest(), path.number()));
        }
        Object known = session == null ? null : session.flows.get(path.number());
        if (known instanceof LinkFlow flow) {
            goOn(flow, asked, path);
            return false;
        }
        if (known instanceof IncomingFlow pending) {
            FlowPath before = pending.request().path();
            if (before != null && path.epoch() <= before.epoch()) {
                asked.refuse(Reason.MOVED, "");
                return false;
            }
            pending.giveUp(Reason.MOVED);
        } else if (path.resume() != null && request.destination().isStream()) {
            asked.refuse(Reason.UNKNOWN, "");
            return false;
        }
        Session its = sessions.computeIfAbsent(id, s -> new Session());
        note(its, request);
        its.flows.put(path.number(), asked);
        return true;
    }

    /** A renewed token takes the place of the one before, for all flows of its session. */
    private static void note(Session session, OpenRequest request) {
        String holder = request.holder();
        if (holder != null && !holder.equals(session.holder)) {
            session.holder = holder;
        }
    }

    /** What its opener does not have any more nobody comes back for. */
    private void forgetBelow(Session session, long oldest) {
        session.oldest = Math.max(session.oldest, oldest);
        if (!session.forgets && isFirstForgotten(session)) {
            session.forgets = true;
            inSlices(() -> forgetFirst(session), () -> session.forgets = false);
        }
    }

    private static boolean isFirstForgotten(Session session) {
        return !session.flows.isEmpty() && session.flows.firstKey() < session.oldest;
    }

    /** @return whether there may be more */
    private boolean forgetFirst(Session session) {
        if (isFirstForgotten(session)
                && session.flows.firstEntry().getValue() instanceof LinkFlow flow
                && isHeld(flow)) { // else it is ending
            letGo(flow, Reason.UNKNOWN, "its opener has forgotten it");
            return true;
        }
        return false;
    }

    /**
     * A session has ended with its client: so do its flows, though the path of some may look alive.
     *
     * @return false when it is told so often that nobody listens
     */
    boolean ended(SessionId id) {
        if (!endings.takes(loop.ticker().nanoTime())) {
            return false;
        }
        noteEnded(id);
        Session session = sessions.get(id);
        if (session != null && !session.ended) {
            session.ended = true;
            endAll(id, session);
        }
        return true;
    }

    private void endAll(SessionId id, Session session) {
        inSlices(() -> endFirst(session), () -> {
            if (session.flows.isEmpty()) {
                sessions.remove(id, session);
            } else {
                endAll(id, session); // without the one that failed
            }
        });
    }

    /** @return whether there may be more */
    private boolean endFirst(Session session) {
        Map.Entry<Long, Object> first = session.flows.pollFirstEntry();
        if (first != null && first.getValue() instanceof LinkFlow flow) {
            letGo(flow, Reason.UNKNOWN, "its client has started again");
        } else if (first != null) {
            ((IncomingFlow) first.getValue()).giveUp(Reason.UNKNOWN);
        }
        return first != null;
    }

    private void noteEnded(SessionId id) {
        long now = loop.ticker().nanoTime();
        Iterator<Long> eldest = endedNanos.values().iterator();
        while (eldest.hasNext() && now - eldest.next() >= LATE.toNanos()) {
            eldest.remove();
        }
        endedNanos.remove(id); // so that the order is that of time
        endedNanos.put(id, now);
    }

    private boolean hasEnded(SessionId id) {
        Long at = endedNanos.get(id);
        return at != null && loop.ticker().nanoTime() - at < LATE.toNanos();
    }

    private void goOn(LinkFlow flow, IncomingFlow asked, FlowPath path) {
        OpenRequest request = asked.request();
        if (path.epoch() <= flow.epoch()) {
            asked.refuse(Reason.MOVED, "");
        } else if (!request.destination().equals(flow.request().destination())) {
            asked.refuse(Reason.UNKNOWN, "");
        } else if (!judge.mayGoOn(flow, request)) {
            asked.refuse(Reason.PROHIBITED, "");
            flow.giveUp(Reason.PROHIBITED, Reason.PROHIBITED.words());
        } else if (!flow.goOn(asked.link(), asked.linkId(), request, path)) {
            asked.refuse(Reason.PROTOCOL_ERROR, "");
            flow.giveUp(Reason.PROTOCOL_ERROR, "its opener goes on from where it cannot");
        } else {
            wentOn++;
            asked.link().wentOn(flow);
        }
    }

    void accepted(IncomingFlow asked, LinkFlow flow) {
        FlowPath path = asked.request().path();
        Session session = session(path);
        if (path != null && session != null && session.flows.replace(path.number(), asked, flow)) {
            flow.belongsTo(this, path.number(), path.epoch());
        }
    }

    void refused(IncomingFlow asked) {
        remove(asked.request().path(), asked);
    }

    @Override
    void gone(LinkFlow flow) {
        remove(flow.request().path(), flow);
    }

    private @Nullable Session session(@Nullable FlowPath path) {
        SessionId id = path == null ? null : path.session();
        return id == null ? null : sessions.get(id);
    }

    private void remove(@Nullable FlowPath path, Object flow) {
        Session session = session(path);
        if (path != null && session != null && session.flows.remove(path.number(), flow) && session.flows.isEmpty()) {
            sessions.remove(path.session());
        }
    }

    @Override
    void waits(LinkFlow flow) {
        Session session = session(flow.request().path());
        if (session != null && flow.number() < session.oldest) {
            letGo(flow, Reason.UNKNOWN, "its opener has forgotten it");
        }
    }

    /**
     * Asks each gateway whether they may still be: it tells nobody of its own accord what has become of rights, for it may be another
     * than the one that they were opened through, and knows nothing of them. Of several any may say that they are over.
     */
    @Override
    void stillHeld(List<LinkFlow> held) {
        for (int i = Math.min(held.size(), MAX_QUESTIONS); i > 0; i--) {
            LinkFlow flow = held.get(asked++ % held.size());
            for (FlowMultiplexer link : links) {
                if (link.canOpen()) {
                    ask(link, flow);
                }
            }
        }
        asked %= held.size();
    }

    private void ask(FlowMultiplexer over, LinkFlow flow) {
        FlowPath path = flow.request().path();
        Session session = session(path);
        InetAddress address = flow.leadsTo();
        if (path != null && path.session() != null && session != null && session.holder != null && address != null) {
            ByteBuf b = over.link().alloc().directBuffer(128);
            new HeldFlow(
                            path.session(),
                            path.number(),
                            session.holder,
                            address,
                            flow.request().destination())
                    .encode(b);
            over.link().writer().control(Frame.HELD, 0, 0, b);
        }
    }

    /** A flow that was asked about may not be any more; one that has a path again meanwhile was judged when it got it. */
    void over(SessionId id, long number, Reason reason) {
        Session session = sessions.get(id);
        if (session != null && session.flows.get(number) instanceof LinkFlow flow && isHeld(flow)) {
            letGo(flow, reason, "it is not allowed any more");
        }
    }

    @Override
    boolean isForsaken(LinkFlow flow, long sinceNanos) {
        Session session = session(flow.request().path());
        return session != null && session.seenNanos - sinceNanos >= FORSAKEN.toNanos();
    }

    @Override
    boolean holds(LinkFlow flow, Reason refusal, boolean answered) {
        return false; // an answerer asks for nothing
    }
}
