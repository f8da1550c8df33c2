package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.token.Grant;
import dev.culvert.token.Route;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.frame.Announcement.Reachable;
import dev.culvert.tunnel.frame.Announcement.ReachableAgent;
import dev.culvert.tunnel.frame.Announcement.ReachableMap;
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

    private static ReachableAgent mapped(String name, String network, String as) {
        return new ReachableAgent(name, 1, List.of(network), List.of(), List.of(new ReachableMap(network, as)));
    }

    @Test
    void whatTheGatewaySaysIsShownSoUnlessTheUserSaysOtherwise() {
        List<ReachableAgent> agents = List.of(
                mapped("office", "192.168.1.0/24", "10.77.0.0/24"), mapped("plant", "192.168.1.0/24", "10.78.0.0/24"));
        RouteTable table = table(agents);
        assertThat(table.routes().keySet())
                .containsExactlyInAnyOrder(IpPrefix.parse("10.77.0.0/24"), IpPrefix.parse("10.78.0.0/24"));
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
        assertThat(way(table, "10.78.0.5")).isEqualTo("plant 192.168.1.5");
        assertThat(table.problems()).isEmpty();
        table = table(agents, "10.78.0.0/28");
        assertThat(way(table, "10.78.0.5")).isEqualTo("plant 192.168.1.5");
        assertThat(way(table, "10.78.0.55")).isEqualTo("none");
        table = table(agents, "192.168.1.0/24=plant", "10.77.0.0/24");
        assertThat(way(table, "192.168.1.5")).isEqualTo("plant 192.168.1.5");
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
        table = table(agents, "10.99.0.0/24=office:192.168.1.0/24", "10.78.0.0/24");
        assertThat(way(table, "10.99.0.5")).isEqualTo("office 192.168.1.5");
        assertThat(way(table, "10.77.0.5")).isEqualTo("none");
        assertThat(way(table, "10.78.0.5")).isEqualTo("plant 192.168.1.5");
    }

    /** Else a gateway could lead a bank's addresses to an agent that the token grants something else. */
    @Test
    void aGatewayCannotShowAnythingUnderAddressesOfTheInternet() {
        RouteTable table = table(List.of(mapped("office", "192.168.1.0/24", "203.0.113.0/24")));
        assertThat(way(table, "203.0.113.5")).isEqualTo("none");
        assertThat(way(table, "192.168.1.5")).isEqualTo("office 192.168.1.5");
        assertThat(table.problems())
                .singleElement()
                .asString()
                .startsWith(
                        "of what the gateway announced 1 entries are left out, the first because 203.0.113.0/24 is not"
                                + " private");
    }

    @Test
    void mapsOfAGatewayThatContradictEachOtherAreLeftOut() {
        RouteTable table = table(List.of(
                mapped("office", "192.168.1.0/24", "10.77.0.0/24"), mapped("plant", "192.168.1.0/24", "10.77.0.0/24")));
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
        assertThat(table.problems()).singleElement().asString().contains("two maps overlap");
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

    private static final String MAP = "10.77.0.0/24=office:192.168.1.0/24";

    /** However wide the route is that names the other, and whichever of the two is named first. */
    @Test
    void whoIsNamedForAWiderNetworkCutsNothingOutOfAMap() {
        for (String piece : List.of("10.77.0.128/25", "10.77.0.0/24")) {
            List<ReachableAgent> agents = List.of(OFFICE, agent("lab", piece, "10.78.0.0/24"));
            for (RouteTable table :
                    List.of(table(agents, MAP, "10.0.0.0/8=lab"), table(agents, "10.0.0.0/8=lab", MAP))) {
                assertThat(way(table, "10.77.0.200")).isEqualTo("office 192.168.1.200");
                assertThat(way(table, "10.77.0.1")).isEqualTo("office 192.168.1.1");
                assertThat(way(table, "10.78.0.1")).isEqualTo("lab 10.78.0.1");
                assertThat(table.asked())
                        .containsExactlyInAnyOrderElementsOf(table.routes().keySet());
            }
        }
        RouteTable table = table(List.of(OFFICE, agent("lab", "10.77.0.128/25")), MAP, "10.0.0.0/8=lab");
        assertThat(table.problems())
                .singleElement()
                .asString()
                .startsWith("not routed: 10.77.0.128/25: these addresses stand for another network here; '--route ");
        table = table(
                List.of(OFFICE, agent("lab", "10.0.0.0/8")),
                "*:192.168.1.0/24 lab:10.77.0.5/32",
                false,
                MAP,
                "10.0.0.0/8=lab");
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
    }

    /** An address must not mean another host for as long as its agent is away. */
    @Test
    void whatAMapShowsLeadsNowhereWhileItsAgentIsNotThere() {
        List<ReachableAgent> others =
                List.of(agent("lab", "10.77.0.128/25", "10.77.0.0/16"), agent("exit", "0.0.0.0/0"));
        RouteTable table = table(others, "*:0.0.0.0/0", true, MAP);
        assertThat(way(table, "10.77.0.200")).isEqualTo("none");
        assertThat(way(table, "10.77.0.1")).isEqualTo("none");
        assertThat(way(table, "10.77.1.1")).isEqualTo("lab 10.77.1.1");
        assertThat(way(table, "10.78.0.1")).isEqualTo("exit 10.78.0.1");
        assertThat(table.routes().keySet())
                .containsExactlyInAnyOrder(IpPrefix.parse("10.77.0.0/16"), IpPrefix.parse("0.0.0.0/0"));
        table = table(Stream.concat(Stream.of(OFFICE), others.stream()).toList(), "*:0.0.0.0/0", true, MAP);
        assertThat(way(table, "10.77.0.200")).isEqualTo("office 192.168.1.200");
    }

    @Test
    void theRestOfAMapThatIsGrantedInPartLeadsNowhere() {
        RouteTable table =
                table(List.of(OFFICE, agent("exit", "0.0.0.0/0")), "office:192.168.1.0/28 exit:0.0.0.0/0", true, MAP);
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
        assertThat(way(table, "10.77.0.200")).isEqualTo("none");
        assertThat(way(table, "10.77.1.5")).isEqualTo("exit 10.77.1.5");
    }

    @Test
    void aWiderNetworkOfTheSameFirstAddressHasItsOwnWay() {
        RouteTable table = table(List.of(OFFICE, agent("hq", "10.77.0.0/16")), "10.77.0.0/16=hq", MAP);
        IpPrefix wide = IpPrefix.parse("10.77.0.0/16");
        assertThat(table.wayOf(wide).textOf(wide)).isEqualTo("10.77.0.0/16 via hq");
        IpPrefix shown = IpPrefix.parse("10.77.0.0/24");
        assertThat(table.wayOf(shown).textOf(shown)).isEqualTo("10.77.0.0/24 via office (there 192.168.1.0/24)");
        assertThat(table.wayOf(IpPrefix.parse("10.77.0.0/20"))).isNull();
        table = table(List.of(agent("hq", "10.77.0.0/16")), "10.77.0.0/16=hq", MAP);
        assertThat(table.wayOf(shown)).isNull();
    }

    @Test
    void mapsThatTogetherShowAllOfANetworkHideItsOwnAddresses() {
        String[] halves = {"10.77.0.0/25=office:192.168.1.0/25", "10.99.0.128/25=office:192.168.1.128/25"};
        RouteTable table = table(List.of(OFFICE, agent("exit", "0.0.0.0/0")), "*:0.0.0.0/0", true, halves);
        assertThat(way(table, "10.77.0.5")).isEqualTo("office 192.168.1.5");
        assertThat(way(table, "10.99.0.130")).isEqualTo("office 192.168.1.130");
        assertThat(way(table, "192.168.1.5")).isEqualTo("exit 192.168.1.5");
        table = table(List.of(OFFICE), "*:0.0.0.0/0", true, halves[0]);
        assertThat(way(table, "192.168.1.130"))
                .as("of which nothing else is shown")
                .isEqualTo("office 192.168.1.130");
    }
}
