package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.token.Grant;
import dev.culvert.token.Route;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.frame.Announcement.Reachable;
import dev.culvert.tunnel.frame.Announcement.ReachableAgent;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Networks that are shown under other addresses than their own. */
@NullUnmarked
final class MappedRoutesTest {
    private static final ReachableAgent OFFICE = agent("office", "192.168.1.0/24", "fd00:1::/64");
    private static final ReachableAgent PLANT = agent("plant", "192.168.1.0/24");

    private static ReachableAgent agent(String name, String... routes) {
        return new ReachableAgent(name, 1, List.of(routes));
    }

    private static RouteTable table(List<ReachableAgent> agents, String grants, boolean full, String... routes) {
        TokenGrants granted =
                TokenGrants.of(Stream.of(grants.split(" ")).map(Grant::parse).toList(), SensitiveAddresses.standard());
        List<Route> wanted = Stream.of(routes).map(Route::parse).toList();
        return RouteTable.of(
                Announced.of(new Reachable("laptop", agents)), granted, new RouteTable.Wanted(wanted, true, full));
    }

    private static RouteTable table(List<ReachableAgent> agents, String... routes) {
        return table(agents, "*:0.0.0.0/0 *:[::/0]", false, routes);
    }

    private static InetAddress address(String text) {
        return IpPrefix.parse(text).network();
    }

    private static String way(RouteTable table, String seen) {
        RouteTable.Way way = table.wayTo(address(seen));
        return way == null
                ? "none"
                : way.agent() + " " + way.there(address(seen)).getHostAddress();
    }

    @Test
    void twoAgentsWithOneNetworkAreReachedAtOnceUnderOtherAddresses() {
        RouteTable table = table(
                List.of(OFFICE, PLANT),
                "10.77.0.0/24=office:192.168.1.0/24",
                "10.78.0.0/24=plant:192.168.1.0/24",
                "fd77::/64=office:fd00:1::/64");
        assertThat(table.problems()).isEmpty();
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
        assertThat(way(table, "10.78.0.5")).isEqualTo("plant 192.168.1.5");
        assertThat(way(table, "fd77::5")).isEqualTo("office fd00:1:0:0:0:0:0:5");
        assertThat(way(table, "192.168.1.5")).as("that is the one at home").isEqualTo("none");
        assertThat(table.asked())
                .containsExactlyInAnyOrderElementsOf(table.routes().keySet());
        IpPrefix shown = IpPrefix.parse("10.77.0.0/24");
        assertThat(table.wayTo(shown.network()).textOf(shown))
                .isEqualTo("10.77.0.0/24 via office (there 192.168.1.0/24)");
    }

    @Test
    void whatAnAgentSaysIsShownByItsOwnMap() {
        RouteTable table = table(
                List.of(OFFICE, PLANT), "10.77.0.0/24=office:192.168.1.0/24", "10.78.0.0/24=plant:192.168.1.0/24");
        assertThat(table.mapOf("office", address("192.168.1.1")).toShown(address("192.168.1.1")))
                .isEqualTo(address("10.77.0.1"));
        assertThat(table.mapOf("plant", address("192.168.1.1")).toShown(address("192.168.1.1")))
                .isEqualTo(address("10.78.0.1"));
        assertThat(table.mapOf("office", address("192.168.2.1"))).isNull();
        assertThat(table.mapOf("other", address("192.168.1.1"))).isNull();
        assertThat(table.hasMaps("office")).isTrue();
        assertThat(table.hasMaps("other")).isFalse();
    }

    /** Grants speak of the network's own addresses: a map opens nothing. */
    @Test
    void onlyWhatIsGrantedOfItIsShown() {
        RouteTable table = table(
                List.of(OFFICE, PLANT),
                "office:192.168.1.0/28 office:192.168.1.77/32 plant:10.78.0.0/24",
                false,
                "10.77.0.0/24=office:192.168.1.0/24",
                "10.78.0.0/24=plant:192.168.1.0/24");
        assertThat(table.routes())
                .isEqualTo(Map.of(IpPrefix.parse("10.77.0.0/28"), "office", IpPrefix.parse("10.77.0.77/32"), "office"));
        assertThat(way(table, "10.77.0.77")).isEqualTo("office 192.168.1.77");
        assertThat(table.problems())
                .anyMatch(p ->
                        p.equals("--route 10.78.0.0/24=plant:192.168.1.0/24: this token grants nothing of it through"
                                + " agent 'plant'; 'client list' shows what there is"));
    }

    @Test
    void ofAWiderNetworkThePartIsShown() {
        RouteTable table = table(List.of(agent("office", "192.168.0.0/16")), "10.77.0.0/24=office:192.168.1.0/24");
        assertThat(table.routes()).isEqualTo(Map.of(IpPrefix.parse("10.77.0.0/24"), "office"));
        assertThat(way(table, "10.77.0.9")).isEqualTo("office 192.168.1.9");
    }

    @Test
    void whatTheAgentDoesNotAnnounceIsSaid() {
        RouteTable table = table(List.of(OFFICE), "10.77.0.0/24=office:192.168.9.0/24");
        assertThat(table.routes()).isEmpty();
        assertThat(table.problems())
                .singleElement()
                .asString()
                .startsWith("--route 10.77.0.0/24=office:192.168.9.0/24: no agent announces it");
    }

    /** The agent's own loopback, where a grant names it, under an address that is not this machine's. */
    @Test
    void aSensitiveAddressThatIsGrantedCanBeShown() {
        RouteTable table = table(
                List.of(agent("office", "127.0.0.1/32")), "office:127.0.0.1/32", false, "10.99.0.1=office:127.0.0.1");
        assertThat(way(table, "10.99.0.1")).isEqualTo("office 127.0.0.1");
        RouteTable wide = table(List.of(agent("office", "100.100.100.0/24")), "10.77.0.0/24=office:100.100.100.0/24");
        assertThat(way(wide, "10.77.0.199")).isEqualTo("office 100.100.100.199");
        assertThat(way(wide, "10.77.0.200")).as("a cloud's metadata").isEqualTo("none");
    }

    @Test
    void itsOwnAddressesAreRoutedTooWhereTheyAreAskedFor() {
        RouteTable table = table(List.of(OFFICE, PLANT), "10.77.0.0/24=office:192.168.1.0/24", "192.168.1.0/24=office");
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
        assertThat(way(table, "192.168.1.5")).isEqualTo("office 192.168.1.5");
    }

    @Test
    void aMapIsWhole() {
        RouteTable table = table(
                List.of(OFFICE, agent("exit", "0.0.0.0/0"), agent("lab", "10.0.0.0/8", "10.77.0.128/25")),
                "*:0.0.0.0/0",
                true,
                "10.77.0.0/24=office:192.168.1.0/24");
        assertThat(way(table, "10.77.0.200")).isEqualTo("office 192.168.1.200");
        assertThat(way(table, "10.78.0.1")).isEqualTo("lab 10.78.0.1");
        assertThat(way(table, "203.0.113.1")).isEqualTo("exit 203.0.113.1");
        table = table(
                List.of(OFFICE, agent("lab", "10.77.0.128/25")),
                "*:0.0.0.0/0",
                true,
                "10.77.0.0/24=office:192.168.1.0/24");
        assertThat(way(table, "10.77.0.200")).isEqualTo("office 192.168.1.200");
        assertThat(table.problems())
                .anyMatch(p -> p.startsWith(
                        "not routed: 10.77.0.128/25: these addresses stand for another network here; '--route "));
    }
}
