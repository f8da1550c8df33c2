package dev.culvert.gateway.fabric;

import dev.culvert.gateway.access.ClientRights;
import dev.culvert.gateway.access.ClientUsage;
import dev.culvert.gateway.access.ClientUsages;
import dev.culvert.gateway.access.Entitlement;
import dev.culvert.gateway.access.Judgement;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.access.Restrictions;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.gateway.presence.PresentClient;
import dev.culvert.policy.BitRate;
import dev.culvert.policy.ClientLimits;
import dev.culvert.token.HolderName;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.OpenRequest.Restriction;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client's: authorises each OPEN against the client's grants and joins it to an agent. */
final class ClientRole implements Role, PresentClient, PolicyInForce.Listener {
    private static final Logger log = LoggerFactory.getLogger(ClientRole.class);

    /** Most flows on one link: the ends' own cap. */
    static final int MAX_FLOWS = FlowMultiplexer.MAX_FLOWS;

    /** Agents that come or go within this are told of together: after a restart thousands come at once. */
    private static final long ANNOUNCE_DELAY_MILLIS = 50;

    /** It is told so often at most, of the newest: its programs lay routes then. */
    private static final long ANNOUNCE_EACH_MILLIS = 1_000;

    /** New questions about names, each of which goes through all rules: so many at once, so many a second. */
    private static final int QUESTIONS = 256;

    private static final int QUESTIONS_PER_SECOND = 64;

    /** How long flows are judged again in one turn of the loop, which has frames to switch meanwhile. */
    private static final long REJUDGE_SLICE_NANOS = 1_000_000;

    /** Flows that may wait to be resumed at once: they take nothing from the rate at which a client may open new ones. */
    static final int MAX_RESUMING = 1_024;

    /** All that a link can have at once, and then so many a second. */
    private static final int RESUMPTIONS_PER_SECOND = 1_024;

    private final LinkSide side;
    private final Entitlement entitlement;
    private final InstanceChoice choice;
    private final Services services;
    private final Presence<AgentRole> presence;
    private final ClientUsages usages;
    private final LinkSession session;

    /** Of its token, for agents to ask with. */
    private final @Nullable String mark;

    private final FlowHalf.Resuming resuming = new FlowHalf.Resuming();
    private final RateLimit resumptions;

    /** By which flows of datagrams go to the same instance. */
    private int affinity;

    private final RateLimit questions = new RateLimit(QUESTIONS, QUESTIONS_PER_SECOND);
    private final AtomicBoolean announcing = new AtomicBoolean();
    private volatile ClientRights rights;
    private @Nullable ClientUsage usage;
    private @Nullable Rejudging rejudging;
    private boolean announcementWaits;
    private boolean heard; // its announcement
    private long announcedNanos;

    /**
     * @param entitlement what it may do, and who says when that changes
     * @param choice which instances take its flows
     */
    ClientRole(
            LinkSide side,
            Entitlement entitlement,
            InstanceChoice choice,
            Services services,
            Presence<AgentRole> presence,
            ClientUsages usages,
            Sessions sessions) {
        this.side = side;
        this.entitlement = entitlement;
        this.choice = choice;
        this.services = services;
        this.presence = presence;
        this.usages = usages;
        this.session = new LinkSession(side, sessions, presence);
        this.mark = entitlement.mark();
        this.resumptions = new RateLimit(MAX_FLOWS, RESUMPTIONS_PER_SECOND, services.nanos());
        this.affinity = (int) side.holder().link();
        this.rights = entitlement.rights();
        this.announcedNanos = services.nanos() - TimeUnit.MILLISECONDS.toNanos(ANNOUNCE_EACH_MILLIS);
    }

    @Override
    public String name() {
        return side.name();
    }

    @Override
    public String holderKey() {
        return side.holderKey();
    }

    @Override
    public ClientRights rights() {
        return rights;
    }

    @Override
    public String toString() {
        return side.toString();
    }

    @Override
    public void up() {
        usage = usages.take(name());
        presence.add(this);
        entitlement.add(this); // before it is read
        readPolicy();
        announce();
    }

    @Override
    public void down() {
        presence.remove(this);
        entitlement.remove(this);
        rejudging = null;
        session.left();
    }

    @Override
    public void gone() {
        usages.giveBack(name());
    }

    private void readPolicy() {
        ClientLimits before = rights.limits();
        rights = entitlement.now(rights);
        ClientLimits limits = rights.limits();
        if ((!Objects.equals(before.up(), limits.up()) || !Objects.equals(before.down(), limits.down()))
                && services.lines().takes(holderKey(), PeerLines.Kind.LINKS)) {
            log.info("{} has a bandwidth of {} up, {} down", side, text(limits.up()), text(limits.down()));
        }
        if (usage != null) {
            long nanos = side.loop().ticker().nanoTime();
            side.limit(usage.up(limits, nanos), usage.down(limits, nanos));
        }
    }

    private static String text(@Nullable BitRate rate) {
        return rate == null ? "any" : rate.toString();
    }

    /** Judges every flow again, and tells the client what it may reach now. */
    @Override
    public void policyChanged() {
        side.run(() -> {
            if (side.isUp()) {
                readPolicy();
                Rejudging next = new Rejudging(side.flows());
                rejudging = next;
                next.run();
                announceSoon();
            }
        });
    }

    /** Goes through the flows that were open when the policy changed, a slice of time in each turn of the loop. */
    private final class Rejudging implements Runnable {
        private final FlowHalf[] flows;
        private int next;
        private @Nullable Restriction lastNow;
        private @Nullable Restriction lastBefore;
        private boolean lastCovers;
        private int ended;

        Rejudging(FlowHalf[] flows) {
            this.flows = flows;
        }

        @Override
        public void run() {
            long start = services.nanos();
            while (rejudging == this && next < flows.length) {
                FlowHalf half = flows[next++];
                if (!half.closed) {
                    judge(half);
                }
                if (services.nanos() - start > REJUDGE_SLICE_NANOS) {
                    EventLoops.nextTurn(side.loop(), this);
                    return;
                }
            }
            if (rejudging == this) {
                rejudging = null;
            }
            if (ended > 0) {
                log.info("{}: {} of its flows are no longer allowed", side, ended);
            }
        }

        private void judge(FlowHalf half) {
            FlowHalf peer = half.peer;
            Judgement before = half.judgement;
            if (peer == null || before == null) {
                return;
            }
            Judgement now = rights.judge(peer.owner.name(), half.destination, null);
            if (now.allowed() && covers(now.restriction(), before.restriction())) {
                half.judgement = now.with(before.restriction()); // what the agent was told
            } else {
                ended++;
                prohibit(half, peer, now);
            }
        }

        /** Thousands of flows share a few restrictions, and to compare two long ones takes a while. */
        private boolean covers(@Nullable Restriction now, @Nullable Restriction before) {
            if (now == null) {
                return true;
            }
            if (now != lastNow || before != lastBefore) {
                lastCovers = Restrictions.covers(now, before);
                lastNow = now;
                lastBefore = before;
            }
            return lastCovers;
        }
    }

    private void prohibit(FlowHalf half, FlowHalf peer, Judgement why) {
        services.counters().denied.increment();
        log.debug(
                "{} no longer allowed: {} through '{}', by {}", side, half.destination, peer.owner.name(), why.rule());
        if (half.opened) {
            side.resetBoth(half, Reason.PROHIBITED);
            return;
        }
        half.record.endedBy(FlowRecord.GATEWAY, Reason.PROHIBITED);
        side.end(half);
        side.refuse(half.id, Reason.PROHIBITED, half.destination + " is no longer allowed");
        side.toPeer(half, Reason.PROHIBITED);
    }

    @Override
    public void dialled(Destination destination, @Nullable Reason refused) {
        // It answers nothing.
    }

    @Override
    public void draining() {
        // A client that goes ends its flows itself.
    }

    @Override
    public void announced(ByteBuf payload) throws ProtocolException {
        if (!heard) { // it does not change
            heard = true;
            side.moves(Announcement.decode(payload, Announcement.Client.class).moves());
        }
    }

    @Override
    public void session(ByteBuf payload) throws ProtocolException {
        affinity = session.said(payload);
    }

    @Override
    public void held(ByteBuf payload) throws ProtocolException {
        throw new ProtocolException("HELD from a client: agents ask about what they hold, clients about paths for it");
    }

    @Override
    public void sessionsEnded(ByteBuf payload) throws ProtocolException {
        session.saidEnded(this, payload);
    }

    @Override
    public boolean mayHaveUsed(String agent) {
        return entitlement.mayHaveUsed(rights, agent);
    }

    @Override
    public List<SessionId> ended(String agent) {
        return session.ended(agent);
    }

    @Override
    public String answerer() {
        return "";
    }

    @Override
    public void announceSoon() {
        if (announcing.compareAndSet(false, true)) {
            side.run(() -> {
                long sinceLast = TimeUnit.NANOSECONDS.toMillis(services.nanos() - announcedNanos);
                long wait = Math.max(ANNOUNCE_DELAY_MILLIS, ANNOUNCE_EACH_MILLIS - sinceLast);
                side.loop().schedule(this::announce, wait, TimeUnit.MILLISECONDS);
            });
        }
    }

    /**
     * What is told is read when it can be written, on this link's loop: so the last that is told is the newest, and nothing
     * waits for a client that does not read.
     */
    private void announce() {
        announcing.set(false);
        if (announcementWaits || !side.isUp()) {
            return;
        }
        announcementWaits = true;
        side.writer().late(() -> {
            announcementWaits = false;
            announcedNanos = services.nanos();
            side.writer().control(Frame.ANNOUNCE, 0, 0, Unpooled.wrappedBuffer(presence.announcementFor(this)));
        });
    }

    @Override
    public void opened(int flags, int flowId, ByteBuf payload) throws ProtocolException {
        if ((flowId & Frame.SERVER_OPENED) != 0 || flowId == 0) {
            throw new ProtocolException(
                    "OPEN with flow id " + Integer.toUnsignedString(flowId) + ", which is not a client's to choose");
        }
        if (side.half(flowId) != null) {
            throw new ProtocolException("OPEN of flow " + flowId + ", which exists");
        }
        OpenRequest request = OpenRequest.decode(payload);
        if (request.credit() > FlowHalf.MAX_CREDIT) {
            throw new ProtocolException("OPEN grants " + request.credit() + " bytes, most is " + FlowHalf.MAX_CREDIT);
        }
        String agentName = request.agent();
        if (agentName == null || !HolderName.isValid(agentName)) {
            throw new ProtocolException("OPEN that names no agent");
        }
        FlowPath path = side.carrier().version() < 2 ? null : request.path();
        if (path != null && !session.isSaid()) {
            throw new ProtocolException("OPEN of a session's flow before SESSION");
        }
        if (path != null && (path.oldest() < 0 || path.oldest() > path.number())) {
            throw new ProtocolException("OPEN of flow number " + path.number() + ", the oldest being " + path.oldest());
        }
        FlowPath.Resume resume = path == null ? null : path.resume();
        String chosen = resume == null ? choice.of(flowId) : resume.answerer();
        AgentRole named = chosen == null ? null : presence.named(agentName, chosen);
        services.counters().opens.increment();
        Destination d = request.destination();
        FlowRecord record = new FlowRecord(
                services, side.holder(), agentName, d, request.source(), path == null ? null : path.number());
        if (side.flowCount() >= MAX_FLOWS) {
            record.refused(Reason.OVERLOADED);
            side.refuse(flowId, Reason.OVERLOADED, MAX_FLOWS + " flows on this link");
            return;
        }
        boolean goesOn = resume != null && named != null && d.isStream();
        if (resume != null && (resuming.flows >= MAX_RESUMING || goesOn && !resumptions.takes(services.nanos()))) {
            limited(flowId, record, d, agentName, "too many flows wait to be resumed");
            return;
        }
        String countsFor = entitlement.countsFor(name(), agentName, d);
        String limit = goesOn ? null : asks(countsFor);
        if (limit != null) { // before it is judged: who is denied is to be slowed most of all
            limited(flowId, record, d, agentName, limit);
            return;
        }
        Judgement judgement = rights.judge(agentName, d, questions);
        if (!judgement.allowed() && judgement != Judgement.NOT_NOW && entitlement.isNewerThan(rights)) {
            readPolicy();
            judgement = rights.judge(agentName, d, questions);
        }
        if (judgement == Judgement.NOT_NOW) {
            services.counters().limited.increment();
            record.refused(Reason.OVERLOADED);
            side.refuse(flowId, Reason.OVERLOADED, judgement.rule());
            return;
        }
        if (!judgement.allowed()) {
            services.counters().denied.increment();
            record.denied(judgement.rule());
            log.debug("{} denied: {} through '{}', by {}", side, d, agentName, judgement.rule());
            side.refuse(flowId, Reason.PROHIBITED, "no grant for " + d + " through '" + agentName + "'");
            return;
        }
        record.allowed(judgement.rule());
        AgentRole agent = named != null || chosen != null && d.isStream()
                ? named
                : presence.pick(agentName, affinity, d, request.source());
        if (agent == null) {
            boolean ended = resume != null && d.isStream() && presence.isReplaced(agentName, resume.answerer());
            Reason reason = ended ? Reason.UNKNOWN : Reason.NO_AGENT;
            record.refused(reason);
            side.refuse(
                    flowId,
                    reason,
                    ended
                            ? "agent '" + agentName + "' has started again, and the flow ended with the process before"
                            : "agent '" + agentName + "' is not connected");
            return;
        }
        int allowed = rights.limits().flows();
        if (!services.clientFlows().takeShare(countsFor, 1, allowed)) {
            long flows = services.clientFlows().of(countsFor);
            limited(
                    flowId,
                    record,
                    d,
                    agentName,
                    flows < allowed
                            ? flows + " flows of this client, and no room for more"
                            : "the policy allows this client " + allowed + " flows at once");
            return;
        }
        if (resume != null && d.isStream() && agent.side().carrier().version() < 2) {
            services.clientFlows().give(countsFor, 1);
            record.refused(Reason.UNKNOWN);
            side.refuse(flowId, Reason.UNKNOWN, "agent '" + agentName + "' is of an older version now");
            return;
        }
        boolean resumable = path != null && agent.side().carrier().version() >= 2;
        FlowPath forwardedPath = resumable ? session.forwarded(path, agentName) : null;
        String id = forwardedPath == null ? null : forwardedPath.id();
        record.takenBy(agent.side().holder(), agent.instance(), id);
        log.atDebug()
                .addKeyValue("flow", id)
                .addKeyValue("link", side.holder().link())
                .log("{} flow {} to {} through {}, by {}", side, id, d, agent, judgement.rule());
        FlowHalf half = new FlowHalf(side, d, record);
        half.judgement = judgement;
        half.countsFor = countsFor;
        half.resumable = resumable;
        if (resume != null) {
            resuming.flows++;
            half.resuming = resuming;
        }
        side.add(half, flowId);
        FlowHalf agentHalf = half.towards(agent.side());
        agentHalf.openFlags = flags & Frame.FLAG_PROBES;
        agentHalf.credit = request.credit();
        agentHalf.dials = resume == null || !d.isStream();
        OpenRequest forwarded = request.forwarded(
                name() + '#' + side.holder().link(),
                side.carrier().minRttMicros(),
                judgement.restriction(),
                forwardedPath,
                resumable ? mark : null);
        AgentRole to = agent;
        if (!side.tell(to.side(), () -> to.open(agentHalf, half, forwarded))) {
            agentHalf.close(); // its loop has ended
            side.takeFailure(half, agentHalf, Reason.NO_AGENT);
        }
    }

    private @Nullable String asks(String countsFor) {
        ClientUsage own = usage;
        return own == null
                ? null
                : countsFor.equals(name())
                        ? own.asks(rights.limits(), services.nanos())
                        : usages.asks(countsFor, rights.limits(), services.nanos());
    }

    private void limited(int flowId, FlowRecord record, Destination d, String agentName, String limit) {
        services.counters().limited.increment();
        record.refused(Reason.OVERLOADED);
        if (services.lines().takes(holderKey(), PeerLines.Kind.LIMITS)) {
            log.info("{} refused {} through '{}': {}", side, d, agentName, limit);
        }
        side.refuse(flowId, Reason.OVERLOADED, limit);
    }

    /**
     * The flow was authorised for one port, so each other one is asked about. Of a name the answer must hold for every
     * address that it may have been resolved to.
     */
    @Override
    public boolean mayUsePort(FlowHalf half, int port) {
        Destination d = half.destination;
        FlowHalf peer = half.peer;
        Judgement opened = half.judgement;
        if (d.protocol() != Destination.UDP || port == 0 || peer == null || opened == null) {
            return false;
        }
        Judgement other =
                rights.judge(peer.owner.name(), new Destination(d.protocol(), d.address(), d.name(), port), questions);
        return other.allowed() && Restrictions.covers(other.restriction(), opened.restriction());
    }
}
