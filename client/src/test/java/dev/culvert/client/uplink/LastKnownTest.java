package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class LastKnownTest {
    private final LastKnown known = new LastKnown();

    private static Announced announced(Announced.Agent... agents) {
        Map<String, Announced.Agent> all = new LinkedHashMap<>();
        Arrays.stream(agents).forEach(a -> all.put(a.name(), a));
        return new Announced(all, false, List.of(), List.of());
    }

    private static Announced.Agent agent(String name, int instances, String... networks) {
        return new Announced.Agent(
                name, instances, Arrays.stream(networks).map(IpPrefix::parse).toList(), List.of());
    }

    @Test
    void whoIsNotBackYetKeepsItsNetworksWhileItIsWaitedFor() {
        Announced before = announced(agent("office", 1, "10.0.0.0/8"), agent("home", 2, "192.168.0.0/16"));
        assertThat(known.with(before, false)).isEqualTo(before);
        assertThat(known.with(announced(agent("home", 1, "192.168.0.0/16")), true)
                        .agents())
                .containsEntry("office", agent("office", 0, "10.0.0.0/8"))
                .containsEntry("home", agent("home", 1, "192.168.0.0/16"));
        assertThat(known.with(announced(agent("office", 0)), true).agents())
                .as("nor is who is known and has said nothing yet")
                .containsEntry("office", agent("office", 0, "10.0.0.0/8"));
        assertThat(known.with(announced(), false).agents()).isEmpty();
        assertThat(known.with(announced(), true).agents()).as("forgotten").isEmpty();
    }

    @Test
    void whoIsConnectedSaysWhatThereIs() {
        known.with(announced(agent("office", 1, "10.0.0.0/8")), false);
        assertThat(known.with(announced(agent("office", 1)), true).agents())
                .containsEntry("office", agent("office", 1));
    }
}
