package dev.culvert.gateway.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.address.Transport;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Reason;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One port, two instances of an agent, over a real gateway: the target is away behind one, then behind both. */
@NullUnmarked
final class PublishedInstancesTest {
    /** The target behind an instance. */
    private static final class Target {
        final AtomicBoolean away = new AtomicBoolean();
        final AtomicInteger asked = new AtomicInteger();

        void serve(IncomingFlow flow) {
            asked.incrementAndGet();
            if (away.get()) {
                flow.refuse(Reason.CONNECTION_REFUSED, "nobody listens");
            } else {
                TestFlow.echo(flow);
            }
        }
    }

    @TempDir
    Path dir;

    private final Target one = new Target();
    private final Target two = new Target();
    private TestNetwork net;
    private Peer second;
    private int port;

    @BeforeEach
    void start() throws Exception {
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        net = new TestNetwork(dir, true, 2);
    }

    @AfterEach
    void stop() {
        net.close();
    }

    private void publish(String options) throws Exception {
        List<String> said = List.of("tcp:" + port + "=10.0.0.9:7" + options);
        List<String> rights = List.of(":" + port + "/tcp");
        net.publishingAgent("office", one::serve, List.of("10.0.0.0/24"), rights, said);
        second = net.publishingAgent("office", two::serve, List.of("10.0.0.0/24"), rights, said);
        await().until(() -> net.publications().table().port(Transport.TCP, port) != null);
        await().ignoreExceptions().until(this::isServed);
    }

    private boolean isServed() throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(TestNetwork.PATIENCE * 1_000);
            socket.getOutputStream().write("over".getBytes(StandardCharsets.US_ASCII));
            socket.shutdownOutput();
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).equals("over");
        } catch (java.net.SocketException e) {
            return false; // reset
        }
    }

    /** Nobody looks at the target: who meets the instance behind which it is away is led to the other. */
    @Test
    void visitorsAreLedToWhereTheTargetIs() throws Exception {
        publish("");
        one.away.set(true);
        for (int i = 0; i < 20; i++) {
            assertThat(isServed()).isTrue();
        }
        assertThat(one.asked.get()).as("asked, and passed over before long").isLessThan(10);
        two.away.set(true);
        assertThat(isServed()).isFalse();
        two.away.set(false);
        one.away.set(false);
        second.close();
        await().until(() -> net.agentsAtGateway() == 1);
        assertThat(isServed()).as("it is the only one").isTrue();
    }

    @Test
    void theUnwellIsAskedByNobodyButLooks() throws Exception {
        publish(",health=tcp,health-interval=1,health-fails=1,health-passes=1");
        two.away.set(true);
        await().until(() -> states().contains("unwell"));
        int before = two.asked.get();
        for (int i = 0; i < 20; i++) {
            assertThat(isServed()).isTrue();
        }
        assertThat(two.asked.get() - before).as("looks alone").isLessThan(20);
        one.away.set(true);
        await().until(() -> states().equals(List.of("unwell", "unwell")));
        assertThat(isServed()).isFalse();
        one.away.set(false);
        await().until(() -> states().contains("well"));
        assertThat(isServed()).isTrue();
    }

    private List<String> states() throws Exception {
        return net.shown(net.publications().table().all().get(0)).stream()
                .map(i -> i.state())
                .toList();
    }
}
