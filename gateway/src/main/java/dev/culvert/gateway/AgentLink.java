package dev.culvert.gateway;

import dev.culvert.token.AgentToken;
import dev.culvert.token.IpPrefix;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.OpenRequest;
import dev.culvert.tunnel.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An agent instance's link: takes the flows that clients were allowed to open. */
final class AgentLink extends SwitchedLink {
    private static final Logger log = LoggerFactory.getLogger(AgentLink.class);

    private final List<IpPrefix> granted;
    private volatile List<IpPrefix> routes = List.of();
    private volatile boolean draining;
    private boolean announced;
    private int nextId;

    AgentLink(LinkRegistry registry, AgentToken token) {
        super(registry, token.name(), token.expires());
        this.granted = token.routes();
    }

    /** Prefixes that it announced and its token holds. From any thread. */
    List<IpPrefix> routes() {
        return routes;
    }

    /** It finishes its flows and takes no new ones. From any thread. */
    boolean isDraining() {
        return draining;
    }

    @Override
    String kind() {
        return "agent";
    }

    @Override
    void up() {
        // It is not offered to clients before it has announced what it serves.
    }

    @Override
    void down(String why) {
        if (announced) {
            registry.remove(this);
        }
    }

    @Override
    void draining() {
        draining = true;
        registry.changed();
    }

    @Override
    void announced(ByteBuf payload) throws ProtocolException {
        Announcement.Agent said = Announcement.decode(payload, Announcement.Agent.class);
        List<IpPrefix> served = new ArrayList<>();
        for (String text : said.routes()) {
            IpPrefix prefix;
            try {
                prefix = IpPrefix.parse(text);
            } catch (IllegalArgumentException e) {
                throw new ProtocolException("ANNOUNCE with a route that is none: " + e.getMessage());
            }
            if (granted.stream().anyMatch(g -> g.covers(prefix))) {
                served.add(prefix);
            } else {
                log.warn("{} announces {}, which its token does not hold; ignored", this, prefix);
            }
        }
        routes = List.copyOf(served);
        log.info("{} serves {} (instance {})", this, served, said.instance());
        if (announced) {
            registry.changed();
        } else {
            announced = true;
            registry.add(this);
        }
    }

    @Override
    void opened(int flowId, ByteBuf payload) throws ProtocolException {
        throw new ProtocolException("OPEN from an agent: agents answer flows, clients open them");
    }

    /** Passes an authorised OPEN on; on this link's loop, before any other frame of the flow. */
    void open(FlowHalf half, FlowHalf clientHalf, OpenRequest request) {
        if (!isUp() || flowCount >= ClientLink.MAX_FLOWS) {
            half.closed = true;
            ClientLink client = (ClientLink) clientHalf.owner;
            client.run(() -> client.agentGone(clientHalf));
            return;
        }
        do {
            nextId = (nextId + 1) & 0x7fff_ffff;
        } while (nextId == 0 || has(nextId | Frame.SERVER_OPENED));
        add(half, nextId | Frame.SERVER_OPENED);
        ByteBuf b = link().channel().alloc().directBuffer(128);
        request.encode(b);
        link().writer().control(Frame.OPEN, 0, half.id, b);
    }
}
