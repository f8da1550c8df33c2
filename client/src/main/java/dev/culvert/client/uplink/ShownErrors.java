package dev.culvert.client.uplink;

import dev.culvert.address.PrefixMap;
import dev.culvert.tunnel.frame.DatagramError;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetAddress;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Shows who complains of a flow's datagrams, a router or the host itself, under the addresses by which its network is seen here: its
 * own would be another's, or nobody's. Event loop only.
 */
final class ShownErrors extends ChannelInboundHandlerAdapter {
    private final String agent;
    private final @Nullable PrefixMap own;
    private final @Nullable InetAddress target;
    private final Supplier<RouteTable> routes;

    /**
     * @param agent of the flow
     * @param own by which the flow was opened, which goes on when nothing else does by it; null for none
     * @param target as the application called it; null when it has a name
     * @param routes as they are now
     */
    ShownErrors(String agent, @Nullable PrefixMap own, @Nullable InetAddress target, Supplier<RouteTable> routes) {
        this.agent = agent;
        this.own = own;
        this.target = target;
        this.routes = routes;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ctx.fireChannelRead(msg instanceof DatagramError error ? shown(error) : msg);
    }

    private DatagramError shown(DatagramError error) {
        InetAddress offender = error.offender();
        if (offender == null) {
            return error;
        }
        PrefixMap map = own != null && own.real().contains(offender)
                ? own
                : routes.get().mapOf(agent, offender);
        return map == null || isReachedAsItIs(map)
                ? error
                : new DatagramError(
                        error.port(), error.type(), error.code(), error.mtu(), map.toShown(offender), error.content());
    }

    /** Who reaches a network under its own addresses, too, hears of these when these are what was asked for. */
    private boolean isReachedAsItIs(PrefixMap map) {
        return own == null && target != null && map.real().contains(target);
    }
}
