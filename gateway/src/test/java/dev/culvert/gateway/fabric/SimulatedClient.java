package dev.culvert.gateway.fabric;

import dev.culvert.token.ClientToken;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.OpenedFlows;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.NullUnmarked;

/** A client, which has a link with one gateway or another, and now and then a second beside one that is silent. */
@NullUnmarked
final class SimulatedClient extends SimulatedEnd {
    private static final Map<String, ClientToken> TOKENS = new ConcurrentHashMap<>();

    final String name;
    final OpenedFlows flows;

    private final List<SessionId> ended;

    /** What it calls its session. */
    final SessionId secret;

    FlowMultiplexer mux;

    /** Its latest. */
    SimulatedLink link;

    private long connectsAt;

    /** @param ended digests of the sessions of processes before it */
    SimulatedClient(Simulation world, String name, int version, List<SessionId> ended) {
        super(world, version);
        this.name = name;
        this.ended = List.copyOf(ended);
        this.secret = new SessionId(world.random.nextLong(), world.random.nextLong());
        this.flows = world.openedFlows(new ClientSession(secret, this.ended));
    }

    /** The process that takes its place, which knows of those before. */
    SimulatedClient successor() {
        List<SessionId> all = new ArrayList<>(ended);
        all.add(secret.digest());
        return new SimulatedClient(
                world, name, version, all.subList(Math.max(0, all.size() - ClientSession.MAX_ENDED), all.size()));
    }

    /** Whether it knows of the other, which was before it: not of as many as there may have been. */
    boolean tellsOf(SimulatedClient other) {
        return ended.contains(other.secret.digest());
    }

    /** Its links end in order. */
    void stop() {
        stops = true;
        if (isUp()) {
            mux.link().close(Link.CLOSE_GOING, "the client is stopping");
        }
        flows.close("it stops");
    }

    /**
     * The process is no more.
     *
     * @param silently the gateway does not hear of it
     */
    void kill(boolean silently) {
        stops = true;
        if (silently) {
            abandon();
        } else {
            cut();
        }
        world.loop.runNow();
        flows.close("killed");
    }

    @Override
    FlowSession session() {
        return flows;
    }

    boolean isUp() {
        return isLinked(mux);
    }

    @Override
    void connectIfDue() {
        if (!isUp() && world.ticker.nanoTime() - connectsAt >= 0) {
            connect();
        }
    }

    /** Connects with one of the gateways that there are. */
    void connect() {
        SimulatedGateway at = world.gateways.get(world.random.nextInt(world.gateways.size()));
        if (at.isUp()) {
            connect(at);
        } else {
            connectsAt = again();
        }
    }

    void connect(SimulatedGateway at) {
        mux = new FlowMultiplexer(this, flows);
        FrameSwitch gateways = at.fabric.link(TOKENS.computeIfAbsent(name, SimulatedEnd::clientToken), null);
        link = new SimulatedLink(
                world, at, new Tap(world, mux, name), new Tap(world, gateways, at + " from " + name), version);
    }

    /** Where its latest link is. */
    SimulatedGateway gateway() {
        return link == null ? null : link.gateway;
    }

    void cut() {
        if (link != null) {
            link.cut();
        }
    }

    /** It gives its link up, of which the gateway does not hear. */
    void abandon() {
        if (link != null) {
            link.lost = true;
            link.near.close();
        }
    }

    /** It has a second link beside the one that may be silent, and gives that up when it is there. */
    void connectBeside() {
        SimulatedLink before = link;
        if (before == null || !isUp()) {
            return;
        }
        connect();
        if (link != before) {
            world.givenUp.add(before);
        }
    }

    /** Opens what an application has. */
    void open(Application a) {
        a.caller.channel = mux.open(a.request(), a.caller, true);
        a.caller.channel.opened().addListener(f -> {
            if (!f.isSuccess()) {
                a.caller.reset = ((FlowException) f.cause()).reason();
                a.caller.closed = true;
            }
        });
    }

    @Override
    public void linkUp(FlowMultiplexer up) {
        // Flows that wait are asked for by themselves.
    }

    @Override
    public void onAnnounce(FlowMultiplexer up, ByteBuf payload) {
        flows.tryAgain();
    }

    @Override
    public void onOpen(IncomingFlow flow) {
        throw new AssertionError("a client was asked for a flow");
    }

    @Override
    public void linkDown(FlowMultiplexer down, String why) {
        ended(down, why);
        if (down == mux) {
            connectsAt = again();
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
