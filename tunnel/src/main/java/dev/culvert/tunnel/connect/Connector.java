package dev.culvert.tunnel.connect;

import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.URI;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** Makes links to one gateway; a {@link LinkConnector}, or a test's. */
public interface Connector {
    URI gateway();

    Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver, Dialling dialling);

    /** Whether, after a refusal, it shows another token the next time, which has not been refused. */
    default boolean hasAnother() {
        return false;
    }

    /**
     * Its gateway hands over another token than the one that is shown to it. Does not wait.
     *
     * @return which token the holder has now, by its id; null when it is not the one that was offered
     */
    default CompletionStage<@Nullable String> offered(String token) {
        return CompletableFuture.completedFuture(null);
    }
}
