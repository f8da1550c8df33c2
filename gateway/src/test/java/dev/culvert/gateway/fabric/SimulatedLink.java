package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.fixture.Wire;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;

/** A link in a simulation, which carries what it is told to, when it is told to. */
@NullUnmarked
final class SimulatedLink {
    final SimulatedGateway gateway;
    final Wire near;
    final Wire far;

    /** Whatever is on its way, either way, never comes; and neither does the end of the connection. */
    boolean lost;

    /**
     * @param ends what the end does with its frames
     * @param gateways what the gateway does
     */
    @SuppressWarnings("deprecation") // Netty's own way to register a channel on a loop that is not a group
    SimulatedLink(Simulation world, SimulatedGateway gateway, FrameReceiver ends, FrameReceiver gateways, int version) {
        this.gateway = gateway;
        Wire[] pair = Wire.pair();
        near = pair[0];
        far = pair[1];
        for (Wire w : pair) {
            w.config().setAllocator(world.memory);
        }
        far.pipeline().addLast(new Link(Link.Role.WEBSOCKET_SERVER, true, LinkSettings.DEFAULT, gateways, version));
        near.pipeline().addLast(new Link(Link.Role.WEBSOCKET_CLIENT, true, LinkSettings.DEFAULT, ends, version));
        world.loop.register(far);
        world.loop.register(near);
        world.links.add(this);
    }

    /** Whether neither end has it open any more; then nothing is on its way. */
    boolean isOver() {
        boolean over = !near.isOpen() && !far.isOpen();
        if (over) {
            lose();
        }
        return over;
    }

    /** Carries some of what is on its way one way. */
    void carry(Random random) {
        Wire from = random.nextBoolean() ? near : far;
        int most = 1 + random.nextInt(random.nextBoolean() ? 200 : 60_000);
        if (lost) {
            lose();
        } else {
            from.carry(most);
            end();
        }
    }

    /** Carries all that is on its way. */
    void carryAll() {
        if (lost) {
            lose();
        } else {
            near.carry(Integer.MAX_VALUE);
            far.carry(Integer.MAX_VALUE);
            end();
        }
    }

    private void lose() {
        near.lose();
        far.lose();
    }

    private void end() {
        if (near.isOver()) {
            near.close();
        }
        if (far.isOver()) {
            far.close();
        }
    }

    @Override
    public String toString() {
        return "link with " + gateway;
    }

    /** Breaks it, for both ends at once. */
    void cut() {
        near.cut();
    }
}
