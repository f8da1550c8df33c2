package dev.culvert.client;

import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.FlowException;
import dev.culvert.tunnel.FlowMultiplexer;
import dev.culvert.tunnel.LinkFlow;
import dev.culvert.tunnel.OpenRequest;
import dev.culvert.tunnel.Reason;
import io.netty.channel.ChannelHandler;
import java.net.InetSocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The link of the moment and the routes of the moment, as the splices see them. Event loop only. */
final class LinkView {
    /**
     * While the link has been gone for less than this, new flows meet silence, and the application's kernel asks again;
     * later they are told that the network is unreachable.
     */
    static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Heap of a flow with all that belongs to it, from the stack to the link: 2.9 KB of TCP (measured), and some to spare. */
    static final int FLOW_BYTES = 4 << 10;

    /** Flows that fit half of the heap: 32,768 in the 256 MiB of the launcher. Beyond that new ones meet silence. */
    static final int MAX_FLOWS =
            (int) Math.min(FlowMultiplexer.MAX_FLOWS, Runtime.getRuntime().maxMemory() / 2 / FLOW_BYTES);

    private @Nullable FlowMultiplexer link;
    private RouteTable routes = RouteTable.EMPTY;
    private long downSinceNanos;

    void up(FlowMultiplexer link) {
        this.link = link;
    }

    void down(long nowNanos) {
        link = null;
        downSinceNanos = nowNanos;
    }

    void routes(RouteTable routes) {
        this.routes = routes;
    }

    RouteTable routes() {
        return routes;
    }

    @Nullable
    FlowMultiplexer link() {
        return link;
    }

    /**
     * Opens a flow through the agent that the destination's address is routed to.
     *
     * @throws FlowException saying why there is none
     */
    LinkFlow open(Destination destination, InetSocketAddress source, long nowNanos, ChannelHandler handler)
            throws FlowException {
        FlowMultiplexer l = link;
        if (l == null || !l.isUp()) {
            throw new FlowException(
                    nowNanos - downSinceNanos < PATIENCE.toNanos() ? Reason.LINK_LOST : Reason.NETWORK_UNREACHABLE,
                    "no link to the gateway");
        }
        String agent = destination.address() == null ? null : routes.agentFor(destination.address());
        if (agent == null) {
            throw new FlowException(Reason.NETWORK_UNREACHABLE, "no agent serves " + destination);
        }
        if (!l.canOpen() || l.flowCount() >= MAX_FLOWS) {
            throw new FlowException(Reason.OVERLOADED, "too many flows");
        }
        return l.open(OpenRequest.ofClient(destination, agent, source), handler, destination.isStream());
    }
}
