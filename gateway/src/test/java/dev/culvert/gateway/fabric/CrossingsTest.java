package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Raw;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Between two event loops of the gateway. */
@NullUnmarked
final class CrossingsTest {
    @TempDir
    Path dir;

    /** What one loop has for another, which does not come to it, waits in the sender's socket. */
    @Test
    void aLinkIsNotReadWhileAnotherLoopIsBehind() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            Raw agent = net.rawAgent("office", "10.0.0.0/24");
            LinkSide agentLink = (LinkSide) net.links().all().get(0);
            Raw client = null;
            LinkSide clientLink = agentLink;
            for (int i = 0; clientLink.loop() == agentLink.loop(); i++) {
                String name = "laptop-" + i;
                client = net.raw(net.clientToken(name, Instant.now().plusSeconds(3600), "*:10.0.0.0/24"));
                await().until(() ->
                        net.links().all().stream().anyMatch(l -> l.name().equals(name)));
                clientLink = (LinkSide) net.links().all().stream()
                        .filter(l -> l.name().equals(name))
                        .findAny()
                        .orElseThrow();
            }
            ByteBuf open = Unpooled.buffer();
            new OpenRequest(TestNetwork.udp("10.0.0.1", 9), "office", null, null, 0, 0, null).encode(open);
            client.send(Frame.OPEN, 0, 1, open);
            int id = agent.next(Frame.OPEN).flowId();
            agent.send(Frame.OPENED, 0, id, Unpooled.buffer().writeZero(8));
            client.next(Frame.OPENED);

            Link link = (Link) agentLink.carrier();
            CountDownLatch behind = new CountDownLatch(1);
            clientLink.loop().execute(() -> {
                try {
                    behind.await(TestNetwork.PATIENCE, TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            int frames = 60_000;
            for (int i = 0; i < frames; i++) {
                agent.send(Frame.DATAGRAM, 0, id, Unpooled.EMPTY_BUFFER);
            }
            await().until(() -> !link.channel().config().isAutoRead());
            assertThat(agentLink.crossings().bytes()).isBetween(Crossings.MAX_BYTES, 4 * Crossings.MAX_BYTES);
            assertThat(link.framesIn()).isLessThan(frames);

            behind.countDown();
            await().until(() -> link.framesIn() >= frames);
            await().until(() -> link.channel().config().isAutoRead());
            agent.send(Frame.DATAGRAM, 0, id, Unpooled.buffer().writeByte(7));
            byte[] got = {};
            while (got.length == 0) {
                got = client.next(Frame.DATAGRAM).payload();
            }
            assertThat(got).containsExactly(7);
            await().until(() -> agentLink.crossings().bytes() == 0);
        }
    }
}
