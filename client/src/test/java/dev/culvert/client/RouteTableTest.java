package dev.culvert.client;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.token.IpPrefix;
import dev.culvert.token.Route;
import dev.culvert.tunnel.Announcement.ReachableAgent;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class RouteTableTest {
    private static final ReachableAgent OFFICE = agent("office", 1, "192.168.77.0/24", "fd77::/64");
    private static final ReachableAgent EXIT = agent("exit", 1, "0.0.0.0/0");

    private static ReachableAgent agent(String name, int instances, String... routes) {
        return new ReachableAgent(name, instances, List.of(routes));
    }

    private static Route wanted(String prefix, @Nullable String agent) {
        return new Route(IpPrefix.parse(prefix), agent);
    }

    private static InetAddress address(String text) throws UnknownHostException {
        return InetAddress.getByName(text);
    }

    @Test
    void takesAllThatIsAnnouncedButTheDefaultRoute() throws Exception {
        RouteTable table = RouteTable.of(List.of(OFFICE, EXIT), List.of(), false);
        assertThat(table.routes().keySet())
                .containsExactlyInAnyOrder(IpPrefix.parse("192.168.77.0/24"), IpPrefix.parse("fd77::/64"));
        assertThat(table.problems()).isEmpty();
        assertThat(table.agentFor(address("192.168.77.9"))).isEqualTo("office");
        assertThat(table.agentFor(address("fd77::9"))).isEqualTo("office");
        assertThat(table.agentFor(address("192.168.78.9"))).isNull();
    }

    @Test
    void fullTakesTheDefaultRouteAndTheMoreSpecificStillWins() throws Exception {
        RouteTable table = RouteTable.of(List.of(OFFICE, EXIT), List.of(), true);
        assertThat(table.agentFor(address("203.0.113.1"))).isEqualTo("exit");
        assertThat(table.agentFor(address("192.168.77.9"))).isEqualTo("office");
        assertThat(table.agentFor(address("2001:db8::1"))).isNull();
    }

    @Test
    void fullWithoutADefaultRouteSaysWhatIsMissing() {
        assertThat(RouteTable.of(List.of(OFFICE), List.of(), true).problems())
                .singleElement()
                .asString()
                .startsWith("--full: no agent announces a default route")
                .contains("--routes 0.0.0.0/0");
        // Before any agent has been announced there is nothing to complain of yet.
        assertThat(RouteTable.of(List.of(), List.of(), true).problems()).isEmpty();
    }

    @Test
    void routeTakesOnlyWhatIsNamedFromWhoeverCoversItBest() throws Exception {
        RouteTable table = RouteTable.of(
                List.of(EXIT, OFFICE), List.of(wanted("192.168.77.8/29", null), wanted("203.0.113.0/24", null)), false);
        assertThat(table.routes())
                .containsOnly(
                        java.util.Map.entry(IpPrefix.parse("192.168.77.8/29"), "office"),
                        java.util.Map.entry(IpPrefix.parse("203.0.113.0/24"), "exit"));
        assertThat(table.agentFor(address("192.168.77.1"))).isNull();
    }

    @Test
    void routeMayNameAnAgentThatAnnouncesSomethingElse() throws Exception {
        RouteTable table = RouteTable.of(List.of(OFFICE, EXIT), List.of(wanted("192.168.77.0/24", "exit")), false);
        assertThat(table.agentFor(address("192.168.77.9"))).isEqualTo("exit");
    }

    @Test
    void routeThatNobodyAnnouncesIsAProblem() {
        RouteTable table = RouteTable.of(List.of(OFFICE), List.of(wanted("10.0.0.0/8", null)), false);
        assertThat(table.routes()).isEmpty();
        assertThat(table.problems()).singleElement().asString().startsWith("--route 10.0.0.0/8: no agent announces it");
    }

    @Test
    void ofTwoThatAnnounceAPrefixTheConnectedOneWinsThenTheFirstByName() throws Exception {
        ReachableAgent down = agent("a", 0, "10.0.0.0/8");
        ReachableAgent up = agent("b", 2, "10.0.0.0/8");
        ReachableAgent also = agent("c", 1, "10.0.0.0/8");
        for (List<ReachableAgent> order : List.of(List.of(down, up, also), List.of(also, down, up))) {
            assertThat(RouteTable.of(order, List.of(), false).agentFor(address("10.1.2.3")))
                    .isEqualTo("b");
        }
        assertThat(RouteTable.of(List.of(down), List.of(), false).agentFor(address("10.1.2.3")))
                .as("an agent that is away keeps its routes: its return must not need new ones")
                .isEqualTo("a");
    }

    @Test
    void aRouteThatIsNoneIsAProblemAndHarmsNoOther() throws Exception {
        RouteTable table = RouteTable.of(List.of(agent("x", 1, "10.0.0.0/33", "10.0.0.0/8")), List.of(), false);
        assertThat(table.problems()).hasSize(1);
        assertThat(table.agentFor(address("10.1.2.3"))).isEqualTo("x");
    }
}
