package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An agent that is asked for very many flows, by a gateway that is the test. */
@NullUnmarked
class ManyFlowsTest {
    private static final int PATIENCE = TestGateway.PATIENCE;
    private static final InetAddress LAN = InetAddress.getLoopbackAddress();
    private static final int PAGE = 64 << 10;

    private TestGateway gateway;
    private FlowMultiplexer mux;
    private TestGateway.Wire wire;
    private int lastId = Frame.SERVER_OPENED;

    @BeforeEach
    void start() throws Exception {
        gateway = new TestGateway();
        mux = new FlowMultiplexer(gateway.agent.attachments.get(0));
        wire = gateway.connect(mux);
    }

    @AfterEach
    void stop() throws Exception {
        wire.close();
        gateway.close();
    }

    private int flows() throws Exception {
        return gateway.agent.loop.submit(mux::flowCount).get(PATIENCE, TimeUnit.SECONDS);
    }

    private void open(String client, int protocol, int port) throws IOException {
        wire.open(
                ++lastId,
                new OpenRequest(
                        Destination.of(protocol, LAN, port),
                        "office",
                        client,
                        new InetSocketAddress("10.9.0.2", 4_000),
                        0,
                        1_000,
                        null));
    }

    /** The agent's next frame of these types, from its header on. */
    private ByteBuffer next(int... types) throws IOException {
        while (true) {
            ByteBuffer frame = wire.next();
            for (int type : types) {
                if (frame.get(0) == type) {
                    return frame;
                }
            }
        }
    }

    /** The first credit of a new flow. */
    private int opened() throws IOException {
        ByteBuffer answer = next(Frame.OPENED, Frame.REFUSED);
        assertThat(answer.get(0)).isEqualTo((byte) Frame.OPENED);
        return answer.getInt(Frame.HEADER_LENGTH);
    }

    @Test
    void whatMayWaitForHostsThatDoNotReadIsAShareOfTheMemoryForBuffers() throws Exception {
        int many = 1_500;
        try (ServerSocket silent = new ServerSocket(0, many + 100, LAN)) {
            int port = silent.getLocalPort();
            long granted = 0;
            for (int i = 0; i < many; i++) {
                open("laptop#1", Destination.TCP, port);
                int credit = opened();
                granted += credit;
                for (int left = credit; left > 0; left -= 16_000) {
                    wire.frame(Frame.DATA, 0, lastId, new byte[Math.min(left, 16_000)]);
                }
            }
            assertThat(granted)
                    .isLessThan(PlatformDependent.maxDirectMemory() / 16)
                    .isLessThan((long) many * PAGE / 2);
            open("other#2", Destination.TCP, port);
            assertThat(opened()).as("another client's").isEqualTo(PAGE);

            while (lastId != Frame.SERVER_OPENED) {
                wire.frame(Frame.RESET, 0, lastId--, new byte[] {1});
            }
            Awaitility.await().atMost(Duration.ofSeconds(PATIENCE)).until(() -> flows() == 0);
            lastId = Frame.SERVER_OPENED + 2 * many;
            open("laptop#1", Destination.TCP, port);
            assertThat(opened()).as("when all is over").isEqualTo(PAGE);
        }
    }
}
