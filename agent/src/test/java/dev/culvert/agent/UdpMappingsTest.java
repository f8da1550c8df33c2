package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoopGroup;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What UDP flows take, and give back: real sockets on a loop, on which a link in memory is too. */
@NullUnmarked
class UdpMappingsTest {
    private static final int PATIENCE = 60;
    private static final int MEMORY = 1 << 20;

    private final EventLoopGroup loops = EventLoops.create(1, "test");
    private SocketBudget budget;
    private UdpMappings mappings;
    private FlowMultiplexer mux;
    private RawPeer gateway;
    private int lastId = Frame.SERVER_OPENED;

    @BeforeEach
    void start() throws Exception {
        onLoop(() -> {
            budget = new SocketBudget(100, MEMORY);
            mappings = new UdpMappings(loops.next(), budget);
            mux = new FlowMultiplexer(
                    flow -> mappings.open(flow, flow.request().destination().address()));
            gateway = new RawPeer(Link.Role.WEBSOCKET_CLIENT, true, mux);
            return null;
        });
    }

    @AfterEach
    void stop() {
        loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly(PATIENCE, TimeUnit.SECONDS);
    }

    private <T> T onLoop(Callable<T> what) throws Exception {
        return loops.submit(what).get(PATIENCE, TimeUnit.SECONDS);
    }

    private void open(InetAddress to, int port) {
        ByteBuf b = Unpooled.buffer();
        InetSocketAddress source = new InetSocketAddress("10.9.0.2", 4_000);
        new OpenRequest(Destination.of(Destination.UDP, to, port), "office", "laptop#1", source, 0, 0, null).encode(b);
        gateway.sendFrame(Frame.OPEN, 0, ++lastId, ByteBufUtil.getBytes(b));
    }

    private void end() {
        gateway.link.close(1000, "the end");
        while (mux.flowCount() > 0) { // they end in slices; a closed EmbeddedChannel forgets what was scheduled
            gateway.settle();
        }
        gateway.close();
    }

    /** Whether all that flows of a client may have is there to be had. */
    private boolean allIsGivenBack() {
        return budget.count(SocketBudget.Kind.UDP) == 0 && budget.takeMemory(Taker.of("laptop", "it"), MEMORY / 2);
    }

    @Test
    void aFlowThatTakesAnothersPlaceGivesBackWhatThatHad() throws Exception {
        assertThat(onLoop(() -> {
                    for (int i = 0; i < 1_000; i++) {
                        open(InetAddress.getLoopbackAddress(), 9);
                    }
                    gateway.settle();
                    return mux.flowCount();
                }))
                .isEqualTo(1);
        assertThat(onLoop(() -> {
                    end();
                    return allIsGivenBack();
                }))
                .isTrue();
    }

    @Test
    void flowsToOneHostAndToManyAreAllForgotten() throws Exception {
        assertThat(onLoop(() -> {
                    for (int i = 0; i < 200; i++) {
                        open(InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) (i % 50)}), 1 + i);
                    }
                    return mux.flowCount();
                }))
                .isEqualTo(200);
        assertThat(onLoop(() -> {
                    for (int i = 1; i <= 200; i += 3) {
                        gateway.sendFrame(Frame.RESET, 0, Frame.SERVER_OPENED + i, (byte) 1);
                    }
                    gateway.settle();
                    return mux.flowCount();
                }))
                .isEqualTo(133);
        assertThat(onLoop(() -> {
                    end();
                    return allIsGivenBack();
                }))
                .isTrue();
    }
}
