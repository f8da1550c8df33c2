package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Announcement.Reachable;
import dev.culvert.tunnel.frame.Announcement.ReachableAgent;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class AgentNewsTest {
    private final AgentNews news = new AgentNews();

    private List<String> of(ReachableAgent... agents) {
        return news.of(Announced.of(new Reachable("laptop", List.of(agents))));
    }

    private static ReachableAgent agent(String name, int instances) {
        return new ReachableAgent(name, instances, List.of("192.168.77.0/24"));
    }

    @Test
    void onlyWhatChangesIsTold() {
        assertThat(of(agent("office", 1))).containsExactly("agent 'office' is connected, serving 192.168.77.0/24");
        assertThat(of(agent("office", 3))).isEmpty();
        assertThat(of(agent("office", 0))).containsExactly("agent 'office' is not connected");
        assertThat(of(agent("office", 0))).isEmpty();
        assertThat(news.agents()).containsEntry("office", 0);
    }

    @Test
    void nobodyThereIsToldOnceAndPolicyIsTheReasonWhenItIs() {
        assertThat(of()).containsExactly("no agent of this token has connected to the gateway yet");
        assertThat(of()).isEmpty();
        assertThat(of(agent("office", 1))).hasSize(1);
        assertThat(news.of(Announced.of(new Reachable("laptop", List.of(), true))))
                .singleElement()
                .asString()
                .contains("policy allows you nothing");
    }

    @Test
    void thatPolicyIsTheReasonIsToldThoughNobodyWasThereBefore() {
        assertThat(of()).hasSize(1);
        Announced barred = Announced.of(new Reachable("laptop", List.of(), true));
        assertThat(news.of(barred)).singleElement().asString().contains("policy allows you nothing");
        assertThat(news.of(barred)).isEmpty();
        assertThat(of()).containsExactly("no agent of this token has connected to the gateway yet");
        assertThat(of()).isEmpty();
    }

    @Test
    void howeverManyThereAreTheLinesAreFew() {
        ReachableAgent[] many =
                IntStream.range(0, 3_000).mapToObj(i -> agent("a" + i, 1)).toArray(ReachableAgent[]::new);
        Announced announced = Announced.of(new Reachable("laptop", List.of(many)));
        assertThat(announced.agents()).hasSize(Announced.MAX_AGENTS);
        assertThat(announced.problems()).singleElement().asString().contains("1976 entries");
        List<String> lines = news.of(announced);
        assertThat(lines).hasSize(AgentNews.MAX_LINES + 1);
        assertThat(lines.get(AgentNews.MAX_LINES))
                .contains(Announced.MAX_AGENTS - AgentNews.MAX_LINES + " more agents");
        String[] routes = Stream.iterate(0, i -> i + 1)
                .limit(2_000)
                .map(i -> "10." + i / 256 + "." + i % 256 + ".0/24")
                .toArray(String[]::new);
        Announced wide = Announced.of(new Reachable("laptop", List.of(new ReachableAgent("b", 1, List.of(routes)))));
        assertThat(Objects.requireNonNull(wide.agents().get("b")).networks()).hasSize(Announced.MAX_NETWORKS);
        assertThat(news.of(wide).get(0)).hasSizeLessThan(300).endsWith("and 1016 more");
    }

    @Test
    void whatIsNoNameAndWhatIsNoNetworkIsLeftOutInOneLine() {
        String[] empty = Stream.generate(() -> "").limit(20_000).toArray(String[]::new);
        Announced announced = Announced.of(new Reachable(
                "laptop",
                List.of(
                        agent("\u001b[2J", 1),
                        agent("x".repeat(255), 1),
                        agent("office", 1),
                        agent("office", 0),
                        new ReachableAgent("b", 1, List.of(empty)))));
        assertThat(announced.agents()).containsOnlyKeys("office", "b");
        assertThat(Objects.requireNonNull(announced.agents().get("office")).instances())
                .isEqualTo(1);
        assertThat(announced.problems())
                .singleElement()
                .asString()
                .contains("20003 entries")
                .contains("\\u001b[2J' is no agent's name");
    }

    @Test
    void problemsAreToldWhenTheyAreNew() {
        assertThat(news.problems(List.of("a", "b"))).containsExactly("a", "b");
        assertThat(news.problems(List.of("b", "c"))).containsExactly("c");
        assertThat(news.problems(List.of())).isEmpty();
        assertThat(news.problems(List.of("c"))).containsExactly("c");
    }
}
