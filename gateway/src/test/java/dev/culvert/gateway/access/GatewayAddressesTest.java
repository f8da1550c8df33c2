package dev.culvert.gateway.access;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.tunnel.fixture.TestFlow;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Addresses that the gateway's machine gets while it runs are its own too. */
@NullUnmarked
final class GatewayAddressesTest {
    private static InetAddress address(String text) throws Exception {
        return InetAddress.getByName(text);
    }

    @Test
    void theyAreReadAgainNowAndThen() throws Exception {
        AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 100);
        AtomicReference<List<InetAddress>> now = new AtomicReference<>(List.of(address("192.0.2.1")));
        GatewayAddresses own = new GatewayAddresses(now::get, nanos::get);
        now.set(List.of(address("192.0.2.1"), address("192.0.2.2")));
        assertThat(own.refresh()).as("not all the time").isFalse();
        nanos.addAndGet(Duration.ofSeconds(5).toNanos());
        assertThat(own.refresh()).isTrue();
        assertThat(own.known()).hasSize(2);
        nanos.addAndGet(Duration.ofSeconds(5).toNanos());
        assertThat(own.refresh()).as("the same").isFalse();
        now.set(null);
        nanos.addAndGet(Duration.ofSeconds(5).toNanos());
        assertThat(own.refresh()).as("not known is not none").isFalse();
        assertThat(own.known()).hasSize(2);
    }

    @Test
    void whatIsOpenIsJudgedByThem(@TempDir Path dir) throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            TestNetwork.Peer client = net.client("laptop", 1, "*:10.0.0.0/16");
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.7", 1), "office"))
                            .refused())
                    .isNull();
            net.policyInForce().sensitive(SensitiveAddresses.with(List.of(address("10.0.0.7"))));
            org.awaitility.Awaitility.await().until(() -> client.flows() == 0);
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.7", 1), "office"))
                            .refused())
                    .isNotNull();
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.8", 1), "office"))
                            .refused())
                    .isNull();
        }
    }
}
