package dev.culvert.gateway;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.policy.BitRate;
import dev.culvert.policy.ClientLimits;
import dev.culvert.policy.PolicySnapshot;
import dev.culvert.token.ClientToken;
import dev.culvert.token.HolderName;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.FlowMultiplexer;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.OpenRequest;
import dev.culvert.tunnel.OpenRequest.Restriction;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client's link: authorises each OPEN against the client's grants and joins it to an agent. */
final class ClientLink extends SwitchedLink {
    private static final Logger log = LoggerFactory.getLogger(ClientLink.class);

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

    final int affinity;
    private final ClientToken clientToken;
    private volatile ClientRights rights;
    private @Nullable ClientUsage usage;
    private @Nullable Rejudging rejudging;
    private final RateLimit questions = new RateLimit(QUESTIONS, QUESTIONS_PER_SECOND);
    private final AtomicBoolean announcing = new AtomicBoolean();
    private boolean announcementWaits;
    private long announcedNanos = System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(ANNOUNCE_EACH_MILLIS);

    ClientLink(LinkRegistry registry, ClientToken token, AuditRecord.Holder holder) {
        super(registry, token, holder);
        this.rights = new ClientRights(TokenGrants.of(token, registry.sensitive()), null);
        this.clientToken = token;
        this.affinity = (int) holder.link();
    }

    /** What it may do now. From any thread. */
    ClientRights rights() {
        return rights;
    }

    @Override
    String kind() {
        return "client";
    }

    @Override
    boolean accepts() {
        return false;
    }

    @Override
    void up() {
        usage = registry.usageOf(this);
        registry.add(this); // before the policy is read: whoever changes it from now on says so here
        readPolicy();
        announce();
    }

    @Override
    void down(String why) {
        registry.remove(this);
        rejudging = null;
    }

    @Override
    void gone() {
        registry.giveBackUsage(this);
    }

    private void readPolicy() {
        PolicySnapshot policy = registry.policy();
        ClientLimits before = rights.limits();
        rights = rights.under(clientToken, registry.sensitive(), policy == null ? null : policy.client(name));
        ClientLimits limits = rights.limits();
        if ((!Objects.equals(before.up(), limits.up()) || !Objects.equals(before.down(), limits.down()))
                && registry.lines.takes(holderKey, PeerLines.Kind.LINKS)) {
            log.info("{} has a bandwidth of {} up, {} down", this, text(limits.up()), text(limits.down()));
        }
        if (usage != null) {
            long now = loop().ticker().nanoTime();
            limit(usage.up(limits, now), usage.down(limits, now));
        }
    }

    private static String text(@Nullable BitRate rate) {
        return rate == null ? "any" : rate.toString();
    }

    /** Judges every flow again, and tells the client what it may reach now. From any thread. */
    void policyChanged() {
        run(() -> {
            if (isUp()) {
                readPolicy();
                Rejudging next = new Rejudging(flows());
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
            long start = System.nanoTime();
            while (rejudging == this && next < flows.length) {
                FlowHalf half = flows[next++];
                if (!half.closed) {
                    judge(half);
                }
                if (System.nanoTime() - start > REJUDGE_SLICE_NANOS) {
                    EventLoops.nextTurn(loop(), this);
                    return;
                }
            }
            if (rejudging == this) {
                rejudging = null;
            }
            if (ended > 0) {
                log.info("{}: {} of its flows are no longer allowed", ClientLink.this, ended);
            }
        }

        private void judge(FlowHalf half) {
            FlowHalf peer = half.peer;
            Judgement before = half.judgement;
            if (peer == null || before == null) {
                return;
            }
            Judgement now = rights.judge(peer.owner.name, half.destination, null);
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
        registry.counters.denied.increment();
        log.debug("{} no longer allowed: {} through '{}', by {}", this, half.destination, peer.owner.name, why.rule());
        if (half.opened) {
            resetBoth(half, Reason.PROHIBITED);
            return;
        }
        half.record.endedBy(FlowRecord.GATEWAY, Reason.PROHIBITED);
        end(half);
        refuse(half.id, Reason.PROHIBITED, half.destination + " is no longer allowed");
        toPeer(half, Reason.PROHIBITED);
    }

    @Override
    void forgotten(FlowHalf half) {
        registry.clientFlows.give(name, 1);
    }

    @Override
    void announced(ByteBuf payload) {
        // A client has nothing to announce yet; a later version's announcement is none of ours.
    }

    /** Tells the client soon which agents it may use. From any thread. */
    void announceSoon() {
        if (announcing.compareAndSet(false, true)) {
            run(() -> {
                long sinceLast = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - announcedNanos);
                long wait = Math.max(ANNOUNCE_DELAY_MILLIS, ANNOUNCE_EACH_MILLIS - sinceLast);
                loop().schedule(this::announce, wait, TimeUnit.MILLISECONDS);
            });
        }
    }

    /**
     * What is told is read when it can be written, on this link's loop: so the last that is told is the newest, and nothing
     * waits for a client that does not read.
     */
    private void announce() {
        announcing.set(false);
        if (announcementWaits || !isUp()) {
            return;
        }
        announcementWaits = true;
        writer().late(() -> {
            announcementWaits = false;
            announcedNanos = System.nanoTime();
            writer().control(Frame.ANNOUNCE, 0, 0, Unpooled.wrappedBuffer(registry.announcementFor(this)));
        });
    }

    @Override
    void opened(int flags, int flowId, ByteBuf payload) throws ProtocolException {
        if ((flowId & Frame.SERVER_OPENED) != 0 || flowId == 0) {
            throw new ProtocolException(
                    "OPEN with flow id " + Integer.toUnsignedString(flowId) + ", which is not a client's to choose");
        }
        if (has(flowId)) {
            throw new ProtocolException("OPEN of flow " + flowId + ", which exists");
        }
        OpenRequest request = OpenRequest.decode(payload);
        if (request.credit() > MAX_FLOW_CREDIT) {
            throw new ProtocolException("OPEN grants " + request.credit() + " bytes, most is " + MAX_FLOW_CREDIT);
        }
        String agentName = request.agent();
        if (agentName == null || !HolderName.isValid(agentName)) {
            throw new ProtocolException("OPEN that names no agent");
        }
        registry.counters.opens.increment();
        Destination d = request.destination();
        FlowRecord record = new FlowRecord(registry.audit, holder, agentName, d, request.source());
        if (flowCount >= MAX_FLOWS) {
            record.refused(Reason.OVERLOADED);
            refuse(flowId, Reason.OVERLOADED, MAX_FLOWS + " flows on this link");
            return;
        }
        String limit = usage == null ? null : usage.asks(rights.limits(), System.nanoTime());
        if (limit != null) { // before it is judged: who is denied is to be slowed most of all
            limited(flowId, record, d, agentName, limit);
            return;
        }
        Judgement judgement = rights.judge(agentName, d, questions);
        if (judgement == Judgement.NOT_NOW) {
            registry.counters.limited.increment();
            record.refused(Reason.OVERLOADED);
            refuse(flowId, Reason.OVERLOADED, judgement.rule());
            return;
        }
        if (!judgement.allowed()) {
            registry.counters.denied.increment();
            record.denied(judgement.rule());
            log.debug("{} denied: {} through '{}', by {}", this, d, agentName, judgement.rule());
            refuse(flowId, Reason.PROHIBITED, "no grant for " + d + " through '" + agentName + "'");
            return;
        }
        record.allowed(judgement.rule());
        AgentLink agent = registry.pick(agentName, this, d, request.source());
        if (agent == null) {
            record.refused(Reason.NO_AGENT);
            refuse(flowId, Reason.NO_AGENT, "agent '" + agentName + "' is not connected");
            return;
        }
        int allowed = rights.limits().flows();
        if (!registry.clientFlows.takeShare(name, 1, allowed)) {
            long flows = registry.clientFlows.of(name);
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
        record.takenBy(agent.holder, agent.instance());
        FlowHalf half = new FlowHalf(this, d, record);
        half.judgement = judgement;
        add(half, flowId);
        FlowHalf agentHalf = new FlowHalf(agent, d, record);
        agentHalf.peer = half;
        agentHalf.openFlags = flags & Frame.FLAG_PROBES;
        agentHalf.credit = request.credit();
        half.peer = agentHalf;
        OpenRequest forwarded =
                request.forwarded(name + '#' + affinity, link().minRttMicros(), judgement.restriction());
        if (!tell(agent, () -> agent.open(agentHalf, half, forwarded))) {
            agentHalf.close(); // its loop has ended
            agentCannot(half, agentHalf, Reason.NO_AGENT);
        }
    }

    private void limited(int flowId, FlowRecord record, Destination d, String agentName, String limit) {
        registry.counters.limited.increment();
        record.refused(Reason.OVERLOADED);
        if (registry.lines.takes(holderKey, PeerLines.Kind.LIMITS)) {
            log.info("{} refused {} through '{}': {}", this, d, agentName, limit);
        }
        refuse(flowId, Reason.OVERLOADED, limit);
    }

    /**
     * The flow was authorised for one port, so each other one is asked about. Of a name the answer must hold for every
     * address that it may have been resolved to.
     */
    @Override
    boolean mayUsePort(FlowHalf half, int port) {
        Destination d = half.destination;
        FlowHalf peer = half.peer;
        Judgement opened = half.judgement;
        if (d.protocol() != Destination.UDP || port == 0 || peer == null || opened == null) {
            return false;
        }
        Judgement other =
                rights.judge(peer.owner.name, new Destination(d.protocol(), d.address(), d.name(), port), questions);
        return other.allowed() && Restrictions.covers(other.restriction(), opened.restriction());
    }

    private void refuse(int flowId, Reason reason, String text) {
        byte[] words = text.getBytes(StandardCharsets.UTF_8);
        ByteBuf b = Unpooled.buffer(1 + words.length).writeByte(reason.code()).writeBytes(words);
        writer().control(Frame.REFUSED, 0, flowId, b);
    }

    /** The agent could not take the flow after all; on this link's loop. */
    void agentCannot(FlowHalf half, FlowHalf agentHalf, Reason reason) {
        if (half.closed || half.peer != agentHalf) {
            return;
        }
        half.record.endedBy(FlowRecord.GATEWAY, reason);
        end(half);
        if (isUp()) {
            refuse(
                    half.id,
                    reason,
                    reason == Reason.NO_AGENT
                            ? "agent '" + agentHalf.owner.name + "' has just disconnected"
                            : "agent '" + agentHalf.owner.name + "' has too much to do");
        }
    }
}
