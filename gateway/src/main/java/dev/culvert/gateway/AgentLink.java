package dev.culvert.gateway;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.AgentToken;
import dev.culvert.token.IpPrefix;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.OpenRequest;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An agent instance's link: takes the flows that clients were allowed to open. */
final class AgentLink extends SwitchedLink {
    private static final Logger log = LoggerFactory.getLogger(AgentLink.class);

    /** Routes in one announcement: as many as a token can hold. Each is compared with each that the token holds. */
    static final int MAX_ROUTES = 1_024;

    /** Announcements on one link: an instance announces once, and again when its routes change. */
    static final int MAX_ANNOUNCEMENTS = 1_000;

    /** It goes into logs. */
    private static final Pattern INSTANCE = Pattern.compile("[A-Za-z0-9._-]{1,64}");

    private final List<IpPrefix> granted;
    private volatile List<IpPrefix> routes = List.of();
    private volatile boolean draining;
    private volatile @Nullable String instance;
    private int announcements;
    private int nextId;

    AgentLink(LinkRegistry registry, AgentToken token, AuditRecord.Holder holder) {
        super(registry, token, holder);
        this.granted = token.routes();
    }

    /** Prefixes that it announced and its token holds. From any thread. */
    List<IpPrefix> routes() {
        return routes;
    }

    /** Whether it announced a prefix that holds the address. From any thread. */
    boolean serves(InetAddress address) {
        for (IpPrefix prefix : routes) {
            if (prefix.contains(address)) {
                return true;
            }
        }
        return false;
    }

    /** Which of the agent's processes it is; null before it has announced itself. From any thread. */
    @Nullable
    String instance() {
        return instance;
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
    boolean accepts() {
        return true;
    }

    @Override
    boolean mayUsePort(FlowHalf half, int port) {
        return true; // an answer from another port of the host that was asked
    }

    @Override
    void up() {
        // It is not offered to clients before it has announced what it serves.
    }

    @Override
    void down(String why) {
        if (announcements > 0) {
            registry.remove(this);
        }
    }

    @Override
    void draining() {
        if (!draining) {
            draining = true;
            log.info("{} is draining", this);
            registry.changed(name);
        }
    }

    @Override
    void announced(ByteBuf payload) throws ProtocolException {
        if (++announcements > MAX_ANNOUNCEMENTS) {
            throw new ProtocolException("more than " + MAX_ANNOUNCEMENTS + " ANNOUNCE frames on one link");
        }
        Announcement.Agent said = Announcement.decode(payload, Announcement.Agent.class);
        if (!INSTANCE.matcher(said.instance()).matches()) {
            throw new ProtocolException("ANNOUNCE whose instance is not 1 to 64 letters, digits, '.', '_' or '-'");
        }
        if (said.routes().size() > MAX_ROUTES) {
            throw new ProtocolException("ANNOUNCE with " + said.routes().size() + " routes, most is " + MAX_ROUTES);
        }
        List<IpPrefix> served = new ArrayList<>();
        int ignored = 0;
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
                ignored++;
            }
        }
        if (announcements > 1 && served.equals(routes)) {
            return;
        }
        instance = said.instance();
        routes = List.copyOf(served);
        if (ignored > 0) {
            log.warn("{} announces {} routes that its token does not hold; ignored", this, ignored);
        }
        log.info("{} serves {} (instance {})", this, served, said.instance());
        if (announcements > 1) {
            registry.changed(name);
        } else {
            registry.add(this);
        }
    }

    @Override
    void opened(int flowId, ByteBuf payload) throws ProtocolException {
        throw new ProtocolException("OPEN from an agent: agents answer flows, clients open them");
    }

    /** Passes an authorised OPEN on; on this link's loop, before any other frame of the flow. */
    void open(FlowHalf half, FlowHalf clientHalf, OpenRequest request) {
        if (!isUp() || flowCount >= ClientLink.MAX_FLOWS || !takesControl()) {
            half.close();
            ClientLink client = (ClientLink) clientHalf.owner;
            Reason reason = isUp() ? Reason.OVERLOADED : Reason.NO_AGENT;
            client.run(() -> client.agentCannot(clientHalf, half, reason));
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
