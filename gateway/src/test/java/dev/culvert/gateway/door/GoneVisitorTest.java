package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.address.Transport;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.tunnel.flow.IncomingFlow;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A target that neither answers nor refuses, and visitors who do not wait for it. */
@NullUnmarked
final class GoneVisitorTest {
    @TempDir
    Path dir;

    private final Queue<IncomingFlow> asked = new ConcurrentLinkedQueue<>();
    private final Queue<IncomingFlow> abandoned = new ConcurrentLinkedQueue<>();
    private TestNetwork net;

    @AfterEach
    void stop() {
        net.close();
    }

    private void hold(IncomingFlow flow) {
        flow.onAbandoned(() -> abandoned.add(flow));
        asked.add(flow);
    }

    /** The next one counts as if nobody were there, so nothing may be left of this one: at the agent, or at the target. */
    @Test
    void aFlowThatIsBeingOpenedIsGivenUpWithItsVisitor() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        net = new TestNetwork(dir, true, 2);
        net.publishingAgent(
                "office",
                this::hold,
                List.of("10.0.0.0/24"),
                List.of(":" + port + "/tcp"),
                List.of("tcp:" + port + "=10.0.0.9:7"));
        await().until(() -> net.publications().table().port(Transport.TCP, port) != null);
        try (Socket first = connected(port)) {
            await().until(() -> asked.size() == 1);
            IncomingFlow its = asked.element();
            Socket second = connected(port);
            await().until(() -> asked.size() == 2);
            second.setSoLinger(true, 0); // a reset
            second.close();
            await().until(() -> !abandoned.isEmpty());
            // What ends by its deadline ends in the order in which it came.
            assertThat(abandoned.element()).as("the second's flow").isNotSameAs(its);
            assertThat(first.isClosed()).isFalse();
        }
    }

    /** Ports are open a moment after the table has them. */
    private static Socket connected(int port) {
        Socket[] made = new Socket[1];
        await().ignoreExceptions().until(() -> {
            made[0] = new Socket("127.0.0.1", port);
            return true;
        });
        return made[0];
    }
}
