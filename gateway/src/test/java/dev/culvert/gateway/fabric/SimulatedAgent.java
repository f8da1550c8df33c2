package dev.culvert.gateway.fabric;

import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;

/** An instance of the agent, which would have a link with each gateway. */
@NullUnmarked
final class SimulatedAgent extends SimulatedEnd {
    static final String NAME = "office";
    static final String KEY = "key";
    private static final AgentToken TOKEN = agentToken(NAME);

    /** Its link with one gateway. */
    final class Place {
        final SimulatedGateway gateway;
        FlowMultiplexer mux;
        SimulatedLink link;
        long connectsAt;

        Place(SimulatedGateway gateway) {
            this.gateway = gateway;
        }
    }

    final String instance;
    final AnsweredFlows flows;
    final List<Place> places = new ArrayList<>();
    private final List<String> replaces;
    private final List<IncomingFlow> pending = new ArrayList<>();
    private boolean killed;

    /** @param replaces instances that have ended */
    SimulatedAgent(Simulation world, String instance, int version, AnsweredFlows flows, List<String> replaces) {
        super(world, version);
        this.instance = instance;
        this.flows = flows;
        this.replaces = List.copyOf(replaces);
        world.gateways.forEach(g -> places.add(new Place(g)));
    }

    @Override
    FlowSession session() {
        return flows;
    }

    /** Whether it has a link with each gateway. */
    boolean isUp() {
        return places.stream().allMatch(p -> isLinked(p.mux));
    }

    boolean isAt(SimulatedGateway gateway) {
        return places.stream().anyMatch(p -> p.gateway == gateway && isLinked(p.mux));
    }

    @Override
    void connectIfDue() {
        for (Place p : places) {
            if (!isLinked(p.mux) && world.ticker.nanoTime() - p.connectsAt >= 0) {
                if (p.gateway.isUp()) {
                    connect(p);
                } else {
                    p.connectsAt = again();
                }
            }
        }
    }

    private void connect(Place p) {
        p.mux = new FlowMultiplexer(this, flows);
        FrameSwitch gateways = p.gateway.fabric.link(TOKEN, KEY);
        p.link = new SimulatedLink(
                world,
                p.gateway,
                new Tap(world, p.mux, instance),
                new Tap(world, gateways, p.gateway + " from " + instance),
                version);
    }

    /** The process is no more: whatever it had is gone, and nobody says a word. */
    void kill() {
        killed = true;
        places.stream().filter(p -> p.link != null).forEach(p -> p.link.cut());
        world.loop.runNow();
        flows.close("killed");
        pending.clear();
    }

    /** It answers one that waits. */
    void answer() {
        if (!pending.isEmpty()) {
            IncomingFlow flow = pending.remove(world.random.nextInt(pending.size()));
            if (flow.isPending()) { // else its path is gone, or another one has taken it
                world.answer(flow, this);
            }
        }
    }

    void answerAll() {
        while (!pending.isEmpty()) {
            answer();
        }
    }

    @Override
    public void linkUp(FlowMultiplexer up) {
        up.announce(new Announcement.Agent(instance, "1", List.of(ROUTE), true, replaces));
    }

    @Override
    public void onAnnounce(FlowMultiplexer up, ByteBuf payload) {
        throw new AssertionError("an agent was told what it may reach");
    }

    @Override
    public void onOpen(IncomingFlow flow) {
        pending.add(flow);
    }

    @Override
    public void linkDown(FlowMultiplexer down, String why) {
        ended(down, why);
        if (!killed) {
            places.stream().filter(p -> p.mux == down).forEach(p -> p.connectsAt = again());
        }
    }

    @Override
    public String toString() {
        return instance;
    }
}
