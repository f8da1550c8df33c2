package dev.culvert.gateway;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.ClientToken;
import dev.culvert.token.HolderName;
import dev.culvert.token.IpPrefix;
import dev.culvert.token.TokenGrants;
import dev.culvert.token.Transport;
import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.OpenRequest;
import dev.culvert.tunnel.OpenRequest.AllowedPrefix;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client's link: authorises each OPEN against the client's grants and joins it to an agent. */
final class ClientLink extends SwitchedLink {
    private static final Logger log = LoggerFactory.getLogger(ClientLink.class);

    /** Most flows of one client: a port scan of one host, and the client's own cap. */
    static final int MAX_FLOWS = 131_072;

    /** Agents that come or go within this are told of together: after a restart thousands come at once. */
    private static final long ANNOUNCE_DELAY_MILLIS = 50;

    private final TokenGrants granted;
    final int affinity;
    private boolean announcing;

    ClientLink(LinkRegistry registry, ClientToken token, AuditRecord.Holder holder) {
        super(registry, token, holder);
        this.granted = TokenGrants.of(token, registry.sensitive);
        this.affinity = (int) holder.link();
    }

    TokenGrants granted() {
        return granted;
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
        registry.add(this);
        announce();
    }

    @Override
    void down(String why) {
        registry.remove(this);
    }

    @Override
    void announced(ByteBuf payload) {
        // A client has nothing to announce yet; a later version's announcement is none of ours.
    }

    /** Tells the client soon which agents it may use. From any thread. */
    void announceSoon() {
        run(() -> {
            if (!announcing && isUp()) {
                announcing = true;
                loop().schedule(
                                () -> {
                                    announcing = false;
                                    announce();
                                },
                                ANNOUNCE_DELAY_MILLIS,
                                TimeUnit.MILLISECONDS);
            }
        });
    }

    /** What is told is read now, on this link's loop: so the last that is told is the newest. */
    private void announce() {
        if (isUp()) {
            link().writer().control(Frame.ANNOUNCE, 0, 0, Unpooled.wrappedBuffer(registry.announcementFor(this)));
        }
    }

    @Override
    void opened(int flowId, ByteBuf payload) throws ProtocolException {
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
            refuse(flowId, Reason.OVERLOADED, MAX_FLOWS + " flows of this client");
            return;
        }
        List<AllowedPrefix> allowed = null;
        if (!permitted(agentName, d)) {
            allowed = allowedByAddress(agentName, d);
            if (allowed == null) {
                registry.counters.denied.increment();
                record.denied(null);
                log.debug("{} denied: {} through '{}'", this, d, agentName);
                refuse(flowId, Reason.PROHIBITED, "no grant for " + d + " through '" + agentName + "'");
                return;
            }
        }
        record.allowed("token");
        AgentLink agent = registry.pick(agentName, this, d, request.source());
        if (agent == null) {
            record.refused(Reason.NO_AGENT);
            refuse(flowId, Reason.NO_AGENT, "agent '" + agentName + "' is not connected");
            return;
        }
        record.takenBy(agent.holder, agent.instance());
        FlowHalf half = new FlowHalf(this, d, record);
        add(half, flowId);
        FlowHalf agentHalf = new FlowHalf(agent, d, record);
        agentHalf.peer = half;
        agentHalf.credit = request.credit();
        half.peer = agentHalf;
        OpenRequest forwarded = new OpenRequest(
                d, null, name + '#' + affinity, request.source(), request.credit(), link().minRttMicros(), allowed);
        if (!agent.run(() -> agent.open(agentHalf, half, forwarded))) {
            agentHalf.close(); // its loop has ended
            agentCannot(half, agentHalf, Reason.NO_AGENT);
        }
    }

    private boolean permitted(String agent, Destination d) {
        InetAddress address = d.address();
        String host = d.name();
        return address != null
                ? granted.permits(agent, transport(d), address, d.port())
                : host != null && granted.permitsName(agent, transport(d), host, d.port());
    }

    /**
     * The flow was authorised for one port, so each other one is asked about, by the grants that name the address or the
     * host. (What a name resolves to is known to the agent only: no other port for names that no grant names.)
     */
    @Override
    boolean mayUsePort(FlowHalf half, int port) {
        Destination d = half.destination;
        FlowHalf peer = half.peer;
        return d.protocol() == Destination.UDP
                && port != 0
                && peer != null
                && permitted(peer.owner.name, new Destination(d.protocol(), d.address(), d.name(), port));
    }

    /** For a name that no grant names: the granted addresses, to which the agent must find it resolved; null for none. */
    private @Nullable List<AllowedPrefix> allowedByAddress(String agent, Destination d) {
        if (d.name() == null) {
            return null;
        }
        List<IpPrefix> prefixes = granted.prefixesFor(agent, transport(d), d.port());
        return prefixes.isEmpty() || prefixes.size() > OpenRequest.MAX_ALLOWED
                ? null
                : prefixes.stream()
                        .map(p -> new AllowedPrefix(p.network(), p.length()))
                        .toList();
    }

    static Transport transport(Destination d) {
        return switch (d.protocol()) {
            case Destination.TCP -> Transport.TCP;
            case Destination.UDP -> Transport.UDP;
            default -> Transport.ICMP;
        };
    }

    private void refuse(int flowId, Reason reason, String text) {
        ByteBuf b = Unpooled.buffer();
        b.writeByte(reason.code()).writeCharSequence(text, StandardCharsets.UTF_8);
        last(Frame.REFUSED, flowId, b);
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
