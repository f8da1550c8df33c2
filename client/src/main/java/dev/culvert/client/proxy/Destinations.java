package dev.culvert.client.proxy;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import io.netty.channel.ChannelHandler;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/** Opens flows to what applications ask for. Event loop only. */
interface Destinations {
    /**
     * @param source the application; null when it has no address
     * @param handler added to the flow's pipeline
     * @throws FlowException saying why there is none
     */
    LinkFlow open(Destination destination, @Nullable InetSocketAddress source, ChannelHandler handler)
            throws FlowException;
}
