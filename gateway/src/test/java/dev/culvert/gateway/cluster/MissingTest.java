package dev.culvert.gateway.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.presence.OtherGateways;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Announcement;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Agents that are attached to another gateway only: when that is so, and what clients are told. */
@NullUnmarked
final class MissingTest {
    @TempDir
    Path dir;

    private long nanos;
    private final Missing missing = new Missing(0);

    private void pass(Duration time) {
        nanos += time.toNanos();
    }

    private static Neighbour neighbour(String url, String... agents) {
        return new Neighbour(
                new Member("two.test:443", url, null, Instant.EPOCH, null),
                new Attached(
                        Stream.of(agents)
                                .map(name -> new Attached.Agent(name, List.of(new Attached.Instance("i", 0))))
                                .toList(),
                        List.of(),
                        0));
    }

    private Set<String> look(Set<String> here, Neighbour... neighbours) {
        return missing.look(here, List.of(neighbours), nanos).missing();
    }

    @Test
    void isSoAfterAWhileAndUntilItIsBack() {
        pass(Missing.FIRST);
        assertThat(look(Set.of("a"), neighbour("wss://two.test", "a", "b"))).isEmpty();
        pass(Missing.PATIENCE.minusNanos(1));
        assertThat(look(Set.of("a"), neighbour("wss://two.test", "a", "b"))).isEmpty();
        pass(Duration.ofNanos(1));
        assertThat(look(Set.of("a"), neighbour("wss://two.test", "a", "b"))).containsExactly("b");
        assertThat(look(Set.of("a", "b"), neighbour("wss://two.test", "a", "b")))
                .isEmpty();
        assertThat(look(Set.of("a"), neighbour("wss://two.test", "a", "b")))
                .as("anew")
                .isEmpty();
        pass(Missing.PATIENCE);
        assertThat(look(Set.of("a"), neighbour("wss://two.test", "a")))
                .as("it is nowhere")
                .isEmpty();
    }

    @Test
    void nobodyIsMissingWhereTheyAreStillComingBack() {
        assertThat(look(Set.of(), neighbour("wss://two.test", "a"))).isEmpty();
        pass(Missing.FIRST.minusNanos(1));
        assertThat(look(Set.of(), neighbour("wss://two.test", "a"))).isEmpty();
        pass(Duration.ofNanos(1));
        assertThat(look(Set.of(), neighbour("wss://two.test", "a"))).containsExactly("a");
    }

    @Test
    void oneThatIsLostOrNamelessHasNothingForClients() {
        Neighbour lost = new Neighbour(new Member("x", "wss://x.test", null, Instant.EPOCH, Instant.EPOCH), null);
        pass(Missing.FIRST);
        look(Set.of(), neighbour(null, "a"), lost);
        pass(Missing.PATIENCE);
        assertThat(missing.look(Set.of(), List.of(neighbour(null, "a"), lost), nanos))
                .isEqualTo(new OtherGateways(Set.of(), List.of()));
    }

    private static OtherGateways others(Set<String> missing, Object... urlsAndAgents) {
        List<OtherGateways.Other> gateways = new java.util.ArrayList<>();
        for (int i = 0; i < urlsAndAgents.length; i += 2) {
            java.util.Map<String, Set<String>> agents = new java.util.HashMap<>();
            for (String agent : ((String) urlsAndAgents[i + 1]).split(" ")) { // NAME or NAME/INSTANCE
                String[] parts = (agent + "/i1").split("/");
                agents.computeIfAbsent(parts[0], n -> new java.util.HashSet<>()).add(parts[1]);
            }
            gateways.add(new OtherGateways.Other((String) urlsAndAgents[i], agents));
        }
        return new OtherGateways(missing, gateways);
    }

    private static List<String> told(TestNetwork.Peer client) throws Exception {
        Announcement.Reachable told = client.announcements.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        assertThat(told).isNotNull();
        return told.elsewhere();
    }

    /** By the gateway's announcements to a client, of what it may use and of nothing else. */
    @Test
    void clientsAreToldWhereThereIsMoreAndNothingLess() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            net.agent("here", TestFlow::echo, "10.0.0.0/24");
            TestNetwork.Peer client = net.connect(
                    net.clientToken(
                            "laptop",
                            Instant.now().plusSeconds(99),
                            "here:10.0.0.0/24",
                            "away:10.0.1.0/24",
                            "far:10.0.2.0/24"),
                    f -> {});
            assertThat(told(client)).isEmpty();
            net.presence()
                    .others(others(
                            Set.of("away", "far", "secret"),
                            "wss://less.test",
                            "away far",
                            "wss://more.test",
                            "here away/i2 far",
                            "wss://some.test",
                            "here far",
                            "wss://other.test",
                            "here secret",
                            "wss://instance.test",
                            "here/i9 away far"));
            assertThat(told(client))
                    .as("one has not what is here, one has nothing for this client, one has another instance")
                    .containsExactly("wss://more.test", "wss://some.test");
            net.agent("away", TestFlow::echo, "10.0.1.0/24");
            assertThat(told(client)).as("it is here now").containsExactly("wss://more.test");
            net.presence().others(others(Set.of()));
            assertThat(told(client)).isEmpty();
        }
    }
}
