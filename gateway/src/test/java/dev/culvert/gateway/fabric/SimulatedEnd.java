package dev.culvert.gateway.fabric;

import dev.culvert.address.IpPrefix;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/** A client or an agent in a simulation: one process, which outlives its links. */
@NullUnmarked
abstract class SimulatedEnd implements FlowListener {
    static final String ROUTE = "10.0.0.0/8";

    final Simulation world;

    /** Of the link protocol. */
    final int version;

    /** Why its links went down. */
    final List<String> downs = new ArrayList<>();

    SimulatedEnd(Simulation world, int version) {
        this.world = world;
        this.version = version;
    }

    abstract FlowSession session();

    /** Connects where it has no link, and it is time to. */
    abstract void connectIfDue();

    /** When it connects again, if it has lost a link now. */
    final long again() {
        long away = world.calm ? 10 : world.random.nextLong(1 + world.scenario.awayMillis());
        return world.ticker.nanoTime() + TimeUnit.MILLISECONDS.toNanos(away);
    }

    static boolean isLinked(FlowMultiplexer link) {
        return link != null && link.isUp();
    }

    static ClientToken clientToken(String name) {
        return ClientToken.of(terms(name), List.of(Grant.parse("office:" + ROUTE)));
    }

    static AgentToken agentToken(String name) {
        return AgentToken.of(terms(name), List.of(IpPrefix.parse(ROUTE)));
    }

    private static TokenTerms terms(String name) {
        Instant now = SimulatedGateway.CLOCK.instant();
        return TokenTerms.of(name, List.of(URI.create("wss://gateway.example")), null, now, now.plusSeconds(600));
    }
}
