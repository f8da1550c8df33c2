package dev.culvert.gateway.fabric;

import dev.culvert.address.PrefixTable;
import dev.culvert.gateway.access.ClientUsages;
import dev.culvert.gateway.access.Entitlement;
import dev.culvert.gateway.access.HeldRights;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.access.TokenEntitlement;
import dev.culvert.gateway.access.TokenMark;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.gateway.presence.PublicationListener;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Token;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.link.Carrier;
import dev.culvert.tunnel.link.FrameReceiver;
import io.netty.channel.EventLoop;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Predicate;

/** What links are woven into: makes the switch of each, which finds the others here. From any thread. */
public final class Fabric {
    private final Services services;
    private final Links links;
    private final PolicyInForce policy;
    private final PublicationListener published;
    private final Predicate<Token> revoked;
    private final HeldRights heldRights;
    private final Presence<AgentRole> presence;
    private final ClientUsages usages;
    private final Sessions sessions;
    private final Map<EventLoop, Inbox> inboxes = new ConcurrentHashMap<>();

    /**
     * @param links where every link is to be found
     * @param policy by which clients are judged beside their tokens
     * @param published hears what agents publish
     * @param revoked which tokens are revoked, as known now; asked from every loop
     * @param ended which clients' tokens are revoked, or of a key that was retired, likewise
     */
    public Fabric(
            Services services,
            Links links,
            PolicyInForce policy,
            PublicationListener published,
            Predicate<Token> revoked,
            Predicate<TokenMark> ended) {
        this.services = services;
        this.links = links;
        this.policy = policy;
        this.published = published;
        this.revoked = revoked;
        this.heldRights = new HeldRights(policy, ended);
        this.presence = new Presence<>(services.lines(), services.nanoTime());
        this.sessions = new Sessions(services.nanoTime());
        this.usages = new ClientUsages(services.counters().bandwidthWaits, services.nanoTime());
    }

    /** What a new link's frames are for. What its token says is compiled here, and not on the loop that moves frames. */
    public FrameReceiver link(Token token, AuditRecord.Holder holder) {
        LinkLife life = new LinkLife(services, token, holder, revoked);
        if (token instanceof ClientToken client) {
            return client(life, new TokenEntitlement(client, policy), InstanceChoice.NONE);
        }
        AgentToken agent = (AgentToken) token;
        PrefixTable<Boolean> granted = AgentRole.table(agent.routes());
        return frameSwitch(
                life,
                true,
                services.agentFlows(),
                side -> new AgentRole(side, agent, granted, services, presence, heldRights, published));
    }

    /**
     * The same for an end in the gateway itself, which opens flows as a client does.
     *
     * @param holder by which it is known
     * @param entitlement to what, in the place of a token and a policy
     * @param choice which instances take its flows
     */
    public FrameReceiver inner(AuditRecord.Holder holder, Entitlement entitlement, InstanceChoice choice) {
        return client(new LinkLife(services, null, holder, revoked), entitlement, choice);
    }

    private FrameSwitch client(LinkLife life, Entitlement entitlement, InstanceChoice choice) {
        return frameSwitch(
                life,
                false,
                services.clientFlows(),
                side -> new ClientRole(side, entitlement, choice, services, presence, usages, sessions));
    }

    private FrameSwitch frameSwitch(
            LinkLife life, boolean accepts, Quota<String> places, Function<LinkSide, Role> role) {
        return new FrameSwitch(
                links,
                services.counters(),
                life,
                carrier -> new LinkSide(carrier, services, life, accepts, places, inboxOf(carrier)),
                role);
    }

    /** What other threads have for the links of a loop. */
    private Inbox inboxOf(Carrier carrier) {
        return inboxes.computeIfAbsent(carrier.eventLoop(), Inbox::new);
    }

    /**
     * Flows that are open, as their loops find them.
     *
     * @param most so many, of which each client's link gets its share
     * @return completes on a loop, or never when that ends meanwhile
     */
    public CompletableFuture<List<OpenFlow>> openFlows(int most) {
        return FlowLook.at(links, most);
    }

    /** Which agents and clients are connected. */
    public Presence<?> presence() {
        return presence;
    }
}
