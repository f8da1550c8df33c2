package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.policy.publication.Publication;
import io.netty.channel.Channel;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.util.ArrayDeque;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class TargetTlsTest {
    private final ArrayDeque<Runnable> offLoop = new ArrayDeque<>();
    private final TargetTls tls = new TargetTls(offLoop::add);
    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final Publication wiki = Publication.parse("wiki.example=https://wiki.lan");

    @AfterEach
    void close() {
        channel.close();
        for (Object o = channel.readOutbound(); o != null; o = channel.readOutbound()) {
            ReferenceCountUtil.release(o);
        }
    }

    private Future<Channel> flow() {
        return channel.eventLoop().newSucceededFuture(channel);
    }

    /** What the system trusts takes long to read. */
    @Test
    void trustIsReadOffTheLoop() {
        Future<Channel> secured = tls.over(flow(), wiki, channel.eventLoop());
        channel.runPendingTasks();
        assertThat(channel.pipeline().get(SslHandler.class)).isNull();
        assertThat(offLoop).hasSize(1);
        offLoop.remove().run();
        channel.runPendingTasks();
        assertThat(channel.pipeline().get(SslHandler.class)).isNotNull();
        assertThat(secured.isDone()).isFalse();
    }

    @Test
    void trustIsReadOnce() {
        tls.over(flow(), wiki, channel.eventLoop());
        tls.over(flow(), Publication.parse("other.example=https://other.lan"), channel.eventLoop());
        assertThat(offLoop).hasSize(1);
        tls.over(flow(), Publication.parse("own.example=https://own.lan,tls-insecure"), channel.eventLoop());
        assertThat(offLoop).hasSize(2);
    }

    @Test
    void whoGivesUpMeanwhileLeavesNothing() {
        Future<Channel> secured = tls.over(flow(), wiki, channel.eventLoop());
        secured.cancel(false);
        channel.runPendingTasks();
        assertThat(channel.isOpen()).isFalse();
        offLoop.remove().run();
        channel.runPendingTasks();
        assertThat(channel.pipeline().get(SslHandler.class)).isNull();
    }

    @Test
    void whoGivesUpWithinTheHandshakeLeavesNothing() {
        Promise<Channel> flow = channel.eventLoop().newPromise();
        Future<Channel> secured = tls.over(flow, wiki, channel.eventLoop());
        offLoop.remove().run();
        flow.setSuccess(channel);
        channel.runPendingTasks();
        assertThat(channel.pipeline().get(SslHandler.class)).isNotNull();
        secured.cancel(false);
        channel.runPendingTasks();
        assertThat(channel.isOpen()).isFalse();
    }
}
