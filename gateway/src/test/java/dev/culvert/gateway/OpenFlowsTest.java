package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.fabric.OpenFlow;
import dev.culvert.tunnel.fixture.TestFlow;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Flows that are open, as people are shown them, with links on several loops. */
@NullUnmarked
final class OpenFlowsTest {
    @TempDir
    Path dir;

    private static List<OpenFlow> open(TestNetwork net, int most) throws Exception {
        return net.gateway.fabric().openFlows(most).get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
    }

    @Test
    void areShownWithWhatBothSidesHaveSent() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 3)) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            assertThat(open(net, 10)).isEmpty();
            TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 80), "office"));
            flow.send("hello");
            assertThat(flow.next()).isEqualTo("hello");
            OpenFlow seen = open(net, 10).get(0);
            assertThat(seen.client()).isEqualTo("laptop");
            assertThat(seen.agent()).isEqualTo("office");
            assertThat(seen.host()).isEqualTo("10.0.0.9");
            assertThat(seen.port()).isEqualTo(80);
            assertThat(seen.isOpen()).isTrue();
            assertThat(seen.bytesUp()).isEqualTo(5);
            assertThat(seen.bytesDown()).isEqualTo(5);
        }
    }

    @Test
    void whoHasManyLeavesRoomForOthers() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer many = net.client("many", 1, "*:10.0.0.0/24");
            Peer few = net.client("few", 1, "*:10.0.0.0/24");
            for (int i = 0; i < 20; i++) {
                many.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 80 + i), "office"))
                        .refused();
            }
            for (int i = 0; i < 3; i++) {
                few.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 80 + i), "office"))
                        .refused();
            }
            List<OpenFlow> seen = open(net, 10);
            assertThat(seen).hasSize(10);
            assertThat(seen.stream().filter(flow -> flow.client().equals("few")))
                    .hasSize(3);
            assertThat(open(net, 1_000)).hasSize(23);
        }
    }
}
