package dev.culvert.gateway.fabric;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.PublicationListener;
import dev.culvert.gateway.presence.PublishingAgent;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenTerms;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What links are woven into, without a door: the switches of links are given to whoever carries their frames. */
public final class TestFabric {
    public final Services services;
    public final Links links = new Links();
    public final PolicyInForce policy = new PolicyInForce(SensitiveAddresses.standard());
    public final Fabric fabric;

    /** Tokens that have been revoked, by their ids, as far as agents ask about what they hold. */
    final Set<String> ended = new HashSet<>();

    /** What present agents publish, as they say it. */
    final Map<PublishingAgent, List<String>> published = new ConcurrentHashMap<>();

    private final Clock clock;

    public TestFabric() {
        this(AuditLog.none(), Clock.systemUTC(), 1_000_000);
    }

    /** @param flows that there may be at once */
    public TestFabric(AuditLog audit, Clock clock, long flows) {
        this(audit, clock, System::nanoTime, flows);
    }

    /** @param nanoTime what the time is that passes */
    public TestFabric(AuditLog audit, Clock clock, LongSupplier nanoTime, long flows) {
        this.clock = clock;
        services = Services.of(audit, clock, nanoTime, flows);
        fabric = new Fabric(services, links, policy, listener(), token -> false, token -> ended.contains(token.id()));
    }

    private PublicationListener listener() {
        return new PublicationListener() {
            @Override
            public void announced(PublishingAgent agent, List<String> publications) {
                published.put(agent, publications);
            }

            @Override
            public void gone(PublishingAgent agent) {
                published.remove(agent);
            }
        };
    }

    /** A client's, whose token ends in ten minutes. */
    FrameSwitch client(String name, String grant) {
        return link(ClientToken.of(terms(name), List.of(Grant.parse(grant))), null);
    }

    /** An agent's, likewise. */
    FrameSwitch agent(String name, @Nullable String key, String route) {
        return link(AgentToken.of(terms(name), List.of(IpPrefix.parse(route))), key);
    }

    FrameSwitch link(Token token, @Nullable String key) {
        return (FrameSwitch) fabric.link(
                token,
                new AuditRecord.Holder(
                        links.nextNumber(), token.kind().toString(), token.name(), "token", key, "192.0.2.1"));
    }

    private TokenTerms terms(String name) {
        Instant now = clock.instant();
        return TokenTerms.of(name, List.of(URI.create("wss://gateway.example")), null, now, now.plusSeconds(600));
    }
}
