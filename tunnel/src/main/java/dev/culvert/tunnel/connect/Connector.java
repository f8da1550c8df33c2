package dev.culvert.tunnel.connect;

import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.URI;

/** Makes links to one gateway; a {@link LinkConnector}, or a test's. */
public interface Connector {
    URI gateway();

    Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver, Dialling dialling);
}
