package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;

/** Two programs that have a flow with each other. */
@NullUnmarked
final class Application {
    /** Ports of applications begin here. */
    static final int PORT = 1_000;

    /** Where policies forbid nothing, and where they may. */
    private static final InetAddress[] HOSTS = {address(0), address(1)};

    final Simulation world;
    final int number;
    final SimulatedClient client;
    final Program caller;
    Program callee;

    /** Callees that its caller never heard of, as their OPENED was lost: another one was called instead. */
    final List<Program> strays = new ArrayList<>();

    private final boolean stream;
    final boolean mayBeForbidden;

    Application(Simulation world, SimulatedClient client, int number, boolean stream, boolean mayBeForbidden) {
        this.world = world;
        this.client = client;
        this.number = number;
        this.stream = stream;
        this.mayBeForbidden = mayBeForbidden;
        caller = program(0);
        callee = program(1);
    }

    private Program program(int direction) {
        return stream ? new StreamProgram(this, direction) : new DatagramProgram(this, direction);
    }

    private static InetAddress address(int net) {
        try {
            return InetAddress.getByAddress(new byte[] {10, 0, (byte) net, 1});
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    /** What there is at a port of the hosts. */
    static Destination destination(int number, boolean stream, boolean mayBeForbidden) {
        return Destination.of(stream ? Destination.TCP : Destination.UDP, HOSTS[mayBeForbidden ? 1 : 0], PORT + number);
    }

    OpenRequest request() {
        return OpenRequest.ofClient(
                destination(number, stream, mayBeForbidden), "office", new InetSocketAddress(HOSTS[0], 5_000 + number));
    }

    boolean isStream() {
        return stream;
    }

    /** The agent answers. */
    void answer(IncomingFlow asked, SimulatedAgent agent) {
        FlowPath path = asked.request().path();
        int epoch = path == null ? 0 : path.epoch();
        if (callee.channel != null) {
            // One of version 1 knows no flow again; that the path before has ended may still be on its way to it.
            boolean here = agent.version >= 2 && callee.at == agent && !callee.closed;
            // Another instance was asked before, and has not heard yet that nobody waits for it.
            boolean late = agent != callee.at && epoch < callee.epoch;
            if (stream && !late && (callee.received > 0 || caller.received > 0) || here) {
                world.fails(new AssertionError("answered twice: " + this));
            }
            strays.add(callee);
            callee = program(1);
        }
        LinkFlow answered = asked.accept(callee, true);
        if (answered != null) {
            answered.leadsTo(asked.request().destination().address());
            callee.at = agent;
            callee.epoch = epoch;
            callee.channel = answered;
            callee.closed = false;
        }
    }

    /** The agent that has the callee was killed. */
    void killed(SimulatedAgent agent) {
        strays.forEach(s -> s.dead |= s.at == agent);
        callee.dead |= callee.at == agent;
    }

    /** The client's process is no more. */
    void killed(SimulatedClient client) {
        caller.dead |= client == this.client;
    }

    /** Whether its caller is no more, and too many have come since for anybody to tell of that: what an agent has for it is held. */
    boolean isForgotten() {
        return caller.dead && world.clients.stream().noneMatch(c -> c.tellsOf(client));
    }

    /** Whether an agent still has something for a caller that is no more, of whose end its successor tells. */
    boolean isHaunted() {
        return caller.dead
                && !isForgotten()
                && callees().anyMatch(c -> c.channel != null && !c.dead && c.channel.isOpen());
    }

    /** Whether it was never begun, because there was no agent or no link just then. */
    boolean isRefused() {
        return callee.channel == null && caller.reset == Reason.NO_AGENT;
    }

    /** Whether it was given up before anything was exchanged: both have seen a reset. */
    boolean isGivenUp() {
        return caller.received == 0
                && callee.received == 0
                && caller.reset == Reason.UNKNOWN
                && callees().allMatch(c -> c.reset != null);
    }

    /** Nothing more happens: but one whose caller's end was lost with a link waits to be found forsaken. */
    boolean isOver() {
        return caller.isOver()
                && callees()
                        .allMatch(c -> c.channel == null || c.isOver() || mayBeForsaken() && !c.channel.isAttached());
    }

    /** Whether it need not end in order. */
    boolean mayEndOtherwise() {
        Scenario s = world.scenario;
        return caller.aborted
                || caller.dead
                || callees().anyMatch(c -> c.dead || c.aborted)
                || mayBeForbidden && world.forbids
                || s.keptBytes() > 0
                || s.mostHeld() > 0
                || s.clientVersion() < 2
                || s.agentVersion() < 2;
    }

    /** Whether a callee may wait for a caller that does not come back. */
    private boolean mayBeForsaken() {
        return !stream || !caller.isClean() || !strays.isEmpty() || mayEndOtherwise();
    }

    /** Both have ended in order: the caller, and one that has answered it. */
    boolean isClean() {
        return caller.isClean()
                && callees().anyMatch(Program::isClean)
                && callees().allMatch(Program::ends);
    }

    Stream<Program> callees() {
        return Stream.concat(strays.stream(), Stream.of(callee));
    }

    /** Both have ended, and each by itself, in order, or by a reset that it has seen. */
    boolean isSeenToEnd() {
        return caller.ends() && callees().allMatch(Program::ends);
    }

    @Override
    public String toString() {
        return (stream ? "stream " : "datagrams ") + number + " of " + client.name + " (" + caller + ", " + callee
                + (strays.isEmpty() ? "" : ", strays " + strays) + ")";
    }
}
