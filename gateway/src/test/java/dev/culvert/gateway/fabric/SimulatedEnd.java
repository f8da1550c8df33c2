package dev.culvert.gateway.fabric;

import dev.culvert.address.IpPrefix;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.frame.Drain;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;

/** A client or an agent in a simulation: one process, which outlives its links. */
@NullUnmarked
abstract class SimulatedEnd implements FlowListener {
    static final String ROUTE = "10.0.0.0/8";

    final Simulation world;

    /** Of the link protocol. */
    final int version;

    /** Why its links went down. */
    final List<String> downs = new ArrayList<>();

    private final Map<FlowMultiplexer, Drain> drained = new HashMap<>();
    private @Nullable Duration spread;

    /** It is about to go, in order. */
    boolean stops;

    SimulatedEnd(Simulation world, int version) {
        this.world = world;
        this.version = version;
    }

    abstract FlowSession session();

    /** Connects where it has no link, and it is time to. */
    abstract void connectIfDue();

    @Override
    public final void onDrain(FlowMultiplexer from, Drain drain) {
        drained.put(from, drain);
    }

    /** A link has ended: by nobody's fault, and by a gateway that stops not without a word. */
    final void ended(FlowMultiplexer down, String why) {
        downs.add(why);
        Drain said = drained.remove(down);
        if (down.link().endsFlows() && !stops) {
            world.fails(new AssertionError("the link of " + this + " ended by a violation: " + why));
        }
        if (why.contains(SimulatedGateway.GOING)
                && (said == null || (said.spread() == null) != (down.link().version() < 2))) {
            world.fails(new AssertionError("the gateway of " + this + " went without a DRAIN: " + said));
        }
        spread = said == null ? null : said.spread();
    }

    /** When it connects again, if it has lost a link now: within the time that the gateway has named, if it has. */
    final long again() {
        long most = spread == null ? world.scenario.awayMillis() : spread.toMillis();
        spread = null;
        long away = world.calm ? 10 : world.random.nextLong(1 + most);
        return world.ticker.nanoTime() + TimeUnit.MILLISECONDS.toNanos(away);
    }

    static boolean isLinked(FlowMultiplexer link) {
        return link != null && link.isUp();
    }

    static ClientToken clientToken(String name) {
        return ClientToken.of(
                terms(name), List.of(Grant.parse("office:" + ROUTE), Grant.parse(HostileAgent.NAME + ":" + ROUTE)));
    }

    static AgentToken agentToken(String name) {
        return AgentToken.of(terms(name), List.of(IpPrefix.parse(ROUTE)));
    }

    private static TokenTerms terms(String name) {
        Instant now = SimulatedGateway.CLOCK.instant();
        return TokenTerms.of(name, List.of(URI.create("wss://gateway.example")), null, now, now.plusSeconds(600));
    }
}
