package dev.culvert.gateway;

import dev.culvert.token.ClientToken;
import dev.culvert.token.IpPrefix;
import dev.culvert.token.Policy;
import dev.culvert.token.Transport;
import dev.culvert.tunnel.Announcement;
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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A client's link: authorises each OPEN against the client's grants and joins it to an agent. */
final class ClientLink extends SwitchedLink {
    private static final Logger log = LoggerFactory.getLogger(ClientLink.class);

    /** Most flows of one client: a port scan of one host, and the client's own cap. */
    static final int MAX_FLOWS = 131_072;

    private final Policy policy;
    final int affinity;

    ClientLink(LinkRegistry registry, ClientToken token, int affinity) {
        super(registry, token.name(), token.expires());
        this.policy = Policy.of(token, registry.sensitive);
        this.affinity = affinity;
    }

    Policy policy() {
        return policy;
    }

    @Override
    String kind() {
        return "client";
    }

    @Override
    void up() {
        registry.add(this);
    }

    @Override
    void down(String why) {
        registry.remove(this);
    }

    @Override
    void announced(ByteBuf payload) {
        // A client has nothing to announce yet; a later version's announcement is none of ours.
    }

    /** Tells the client which agents it may use; on its loop. */
    void announce(Announcement.Reachable reachable) {
        if (isUp()) {
            link().writer().control(Frame.ANNOUNCE, 0, 0, Unpooled.wrappedBuffer(Announcement.encode(reachable)));
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
        if (agentName == null) {
            throw new ProtocolException("OPEN that names no agent");
        }
        registry.counters.opens.increment();
        if (flowCount >= MAX_FLOWS) {
            refuse(flowId, Reason.OVERLOADED, MAX_FLOWS + " flows of this client");
            return;
        }
        Destination d = request.destination();
        List<AllowedPrefix> allowed = null;
        if (!permitted(agentName, d)) {
            allowed = allowedByAddress(agentName, d);
            if (allowed == null) {
                registry.counters.denied.increment();
                log.debug("{} denied: {} through '{}'", this, d, agentName);
                refuse(flowId, Reason.PROHIBITED, "no grant for " + d + " through '" + agentName + "'");
                return;
            }
        }
        AgentLink agent = registry.pick(agentName, this, request);
        if (agent == null) {
            refuse(flowId, Reason.NO_AGENT, "agent '" + agentName + "' is not connected");
            return;
        }
        FlowHalf half = new FlowHalf(this, d.isStream());
        add(half, flowId);
        FlowHalf agentHalf = new FlowHalf(agent, d.isStream());
        agentHalf.peer = half;
        agentHalf.credit = request.credit();
        half.peer = agentHalf;
        OpenRequest forwarded =
                new OpenRequest(d, null, name, request.source(), request.credit(), link().minRttMicros(), allowed);
        agent.run(() -> agent.open(agentHalf, half, forwarded));
    }

    private boolean permitted(String agent, Destination d) {
        InetAddress address = d.address();
        String host = d.name();
        return address != null
                ? policy.permits(agent, transport(d), address, d.port())
                : host != null && policy.permitsName(agent, transport(d), host, d.port());
    }

    /** For a name that no grant names: the granted addresses, to which the agent must find it resolved; null for none. */
    private @Nullable List<AllowedPrefix> allowedByAddress(String agent, Destination d) {
        if (d.name() == null) {
            return null;
        }
        List<IpPrefix> prefixes = policy.prefixesFor(agent, transport(d), d.port());
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
        link().writer().control(Frame.REFUSED, 0, flowId, b);
    }

    /** The agent could not take the flow after all; on this link's loop. */
    void agentGone(FlowHalf half) {
        if (!half.closed) {
            end(half);
            refuse(half.id, Reason.NO_AGENT, "the agent has just disconnected");
        }
    }
}
