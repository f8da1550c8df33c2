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
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class RouteTableTest {
    private static final ReachableAgent OFFICE = agent("office", 1, "192.168.77.0/24", "fd77::/64");
    private static final ReachableAgent EXIT = agent("exit", 1, "0.0.0.0/0");

    /** Grants that are no limit. */
    private static final TokenGrants ALL = grants("*:0.0.0.0/0", "*:[::/0]");

    private static TokenGrants grants(String... texts) {
        return TokenGrants.of(Stream.of(texts).map(Grant::parse).toList(), SensitiveAddresses.standard());
    }

    private static RouteTable table(List<ReachableAgent> agents, List<Route> wanted, boolean full) {
        return table(agents, ALL, wanted, full);
    }

    private static RouteTable table(List<ReachableAgent> agents, TokenGrants grants, List<Route> wanted, boolean full) {
        return RouteTable.of(
                Announced.of(new Reachable("laptop", agents)), grants, new RouteTable.Wanted(wanted, true, full));
    }

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
        RouteTable table = table(List.of(OFFICE, EXIT), List.of(), false);
        assertThat(table.routes().keySet())
                .containsExactlyInAnyOrder(IpPrefix.parse("192.168.77.0/24"), IpPrefix.parse("fd77::/64"));
        assertThat(table.problems()).isEmpty();
        assertThat(table.agentFor(address("192.168.77.9"))).isEqualTo("office");
        assertThat(table.agentFor(address("fd77::9"))).isEqualTo("office");
        assertThat(table.agentFor(address("192.168.78.9"))).isNull();
    }

    @Test
    void aDefaultRouteThatWaitsForFullDoesNotHideTheNetworksOfItsAgent() {
        RouteTable table = table(
                List.of(agent("plant", 1, "0.0.0.0/0", "192.168.88.0/24", "::/1", "fd88::/64")),
                grants("plant:192.168.88.0/24", "plant:[fd88::/64]", "plant:0.0.0.0/0", "plant:[::/0]"),
                List.of(),
                false);
        assertThat(table.routes())
                .isEqualTo(Map.of(IpPrefix.parse("192.168.88.0/24"), "plant", IpPrefix.parse("fd88::/64"), "plant"));
    }

    /** Who has nothing but a default route would else see no route, and no reason. */
    @Test
    void aDefaultRouteAloneIsSaidToWaitForFull() throws Exception {
        List<ReachableAgent> exits = List.of(agent("exit", 1, "0.0.0.0/0", "::/0"));
        RouteTable table = table(exits, grants("*:0.0.0.0/0", "*:[::/0]"), List.of(), false);
        assertThat(table.routes()).isEmpty();
        assertThat(table.problems())
                .containsExactly("not routed: 0.0.0.0/0, ::/0: everything is routed with --full only");
        assertThat(table(exits, grants("*:0.0.0.0/0"), List.of(), true).problems())
                .noneMatch(p -> p.contains("--full only"));
    }

    @Test
    void fullTakesTheDefaultRouteAndTheMoreSpecificStillWins() throws Exception {
        RouteTable table = table(List.of(OFFICE, EXIT), List.of(), true);
        assertThat(table.agentFor(address("203.0.113.1"))).isEqualTo("exit");
        assertThat(table.agentFor(address("192.168.77.9"))).isEqualTo("office");
        assertThat(table.agentFor(address("2001:db8::1"))).isNull();
    }

    @Test
    void fullWithoutADefaultRouteSaysWhatIsMissing() {
        assertThat(table(List.of(OFFICE), List.of(), true).problems())
                .singleElement()
                .asString()
                .startsWith("--full: no agent announces a default route")
                .contains("--routes 0.0.0.0/0");
        // Before any agent has been announced there is nothing to complain of yet.
        assertThat(table(List.of(), List.of(), true).problems()).isEmpty();
    }

    @Test
    void routeTakesOnlyWhatIsNamedFromWhoeverCoversItBest() throws Exception {
        RouteTable table = table(
                List.of(EXIT, OFFICE), List.of(wanted("192.168.77.8/29", null), wanted("203.0.113.0/24", null)), false);
        assertThat(table.routes())
                .containsOnly(
                        java.util.Map.entry(IpPrefix.parse("192.168.77.8/29"), "office"),
                        java.util.Map.entry(IpPrefix.parse("203.0.113.0/24"), "exit"));
        assertThat(table.agentFor(address("192.168.77.1"))).isNull();
    }

    @Test
    void routeMayNameAnAgentThatAnnouncesSomethingElse() throws Exception {
        RouteTable table = table(List.of(OFFICE, EXIT), List.of(wanted("192.168.77.0/24", "exit")), false);
        assertThat(table.agentFor(address("192.168.77.9"))).isEqualTo("exit");
    }

    @Test
    void routeThatNobodyAnnouncesIsAProblem() {
        RouteTable table = table(List.of(OFFICE), List.of(wanted("10.0.0.0/8", null)), false);
        assertThat(table.routes()).isEmpty();
        assertThat(table.problems()).singleElement().asString().startsWith("--route 10.0.0.0/8: no agent announces it");
    }

    @Test
    void ofTwoThatAnnounceAPrefixTheConnectedOneWinsThenTheFirstByName() throws Exception {
        ReachableAgent down = agent("a", 0, "10.0.0.0/8");
        ReachableAgent up = agent("b", 2, "10.0.0.0/8");
        ReachableAgent also = agent("c", 1, "10.0.0.0/8");
        for (List<ReachableAgent> order : List.of(List.of(down, up, also), List.of(also, down, up))) {
            assertThat(table(order, List.of(), false).agentFor(address("10.1.2.3")))
                    .isEqualTo("b");
        }
        assertThat(table(List.of(down), List.of(), false).agentFor(address("10.1.2.3")))
                .as("an agent that is away keeps its routes: its return must not need new ones")
                .isEqualTo("a");
    }

    @Test
    void aRouteThatIsNoneIsAProblemAndHarmsNoOther() throws Exception {
        RouteTable table = table(List.of(agent("x", 1, "10.0.0.0/33", "10.0.0.0/8")), List.of(), false);
        assertThat(table.problems()).hasSize(1);
        assertThat(table.agentFor(address("10.1.2.3"))).isEqualTo("x");
    }

    // ---- the gateway proposes, the token decides ----

    @Test
    void whatTheTokenDoesNotGrantIsNotRoutedWhoeverAnnouncesIt() throws Exception {
        RouteTable table = table(
                List.of(agent(
                        "office",
                        1,
                        "10.99.0.0/24",
                        "0.0.0.0/1",
                        "128.0.0.0/1",
                        "::/1",
                        "192.168.1.0/24",
                        "169.254.169.254/32",
                        "127.0.0.0/8")),
                grants("office:10.99.0.0/24"),
                List.of(),
                false);
        assertThat(table.routes()).containsOnlyKeys(IpPrefix.parse("10.99.0.0/24"));
        assertThat(table.agentFor(address("169.254.169.254"))).isNull();
        assertThat(table.problems())
                .singleElement()
                .asString()
                .contains("the gateway announced")
                .contains("127.0.0.0/8, 128.0.0.0/1, 169.254.169.254/32 and 2 more")
                .contains("does not grant");
    }

    @Test
    void aGrantThroughOneAgentIsNoneThroughAnother() throws Exception {
        RouteTable table = table(
                List.of(agent("office", 1, "192.168.77.0/24"), agent("plant", 1, "192.168.77.0/25")),
                grants("office:192.168.77.0/24"),
                List.of(wanted("192.168.77.0/24", null)),
                false);
        assertThat(table.agentFor(address("192.168.77.1"))).isEqualTo("office");
    }

    @Test
    void aWideGrantOpensNoSensitiveRangeAndCutsItOutOfWhatHoldsOne() throws Exception {
        for (String wide : List.of("169.254.0.0/15", "169.0.0.0/8")) {
            RouteTable table = table(
                    List.of(agent("x", 1, wide, "169.254.169.254/32", "127.0.0.0/8")),
                    grants("x:0.0.0.0/0"),
                    List.of(),
                    false);
            assertThat(table.agentFor(address("169.254.169.254"))).as(wide).isNull();
            assertThat(table.agentFor(address("169.254.0.1"))).as(wide).isNull();
            assertThat(table.agentFor(address("169.255.0.1"))).as(wide).isEqualTo("x");
            assertThat(table.agentFor(address("127.0.0.1"))).isNull();
        }
        RouteTable meant = table(
                List.of(agent("x", 1, "169.254.0.0/15", "169.254.169.254/32")),
                grants("x:0.0.0.0/0", "x:169.254.169.254"),
                List.of(),
                false);
        assertThat(meant.agentFor(address("169.254.169.254"))).isEqualTo("x");
        assertThat(meant.agentFor(address("169.254.169.253"))).isNull();
    }

    @Test
    void withoutFullNothingIsTooWideAndFullTakesIt() throws Exception {
        List<ReachableAgent> wide = List.of(agent("x", 1, "8.0.0.0/7", "2000::/15", "10.0.0.0/8", "2400::/16"));
        RouteTable table = table(wide, List.of(), false);
        assertThat(table.routes()).containsOnlyKeys(IpPrefix.parse("10.0.0.0/8"), IpPrefix.parse("2400::/16"));
        assertThat(table.problems())
                .singleElement()
                .asString()
                .contains("8.0.0.0/7, 2000::/15")
                .contains("--full");
        assertThat(table(wide, List.of(), true).agentFor(address("8.8.8.8"))).isEqualTo("x");
        RouteTable asked = table(List.of(EXIT), List.of(wanted("0.0.0.0/0", null)), false);
        assertThat(asked.routes()).isEmpty();
        assertThat(asked.problems()).singleElement().asString().contains("--full");
    }

    @Test
    void manyNetworksOfTheAllowedWidthDoNotMakeUpADefaultRoute() throws Exception {
        String[] eights = IntStream.range(1, 224).mapToObj(i -> i + ".0.0.0/8").toArray(String[]::new);
        List<ReachableAgent> agents = List.of(agent("x", 1, eights), agent("office", 1, "192.168.77.0/24"));
        RouteTable table = table(agents, List.of(), false);
        assertThat(table.routes().keySet().stream()
                        .mapToDouble(p -> Math.pow(2, RouteTable.WIDEST_4 - p.length()))
                        .sum())
                .isLessThanOrEqualTo(RouteTable.MAX_WIDEST);
        assertThat(table.agentFor(address("192.168.77.1"))).isEqualTo("office");
        assertThat(table.problems()).anyMatch(p -> p.contains("name what you want with --route"));
        assertThat(table(agents, List.of(), true).agentFor(address("201.1.1.1")))
                .isEqualTo("x");
        assertThat(table(agents, List.of(wanted("201.0.0.0/8", null)), false).agentFor(address("201.1.1.1")))
                .isEqualTo("x");
    }

    @Test
    void thereIsABoundOnTheirNumber() {
        List<ReachableAgent> agents = IntStream.range(0, 6)
                .mapToObj(a -> agent(
                        "a" + a,
                        1,
                        IntStream.range(0, 1_500)
                                .mapToObj(i -> "10." + (a * 10 + i / 256) + "." + i % 256 + ".0/24")
                                .toArray(String[]::new)))
                .toList();
        RouteTable table = table(agents, List.of(wanted("10.1.0.0/16", null)), true);
        assertThat(table.routes()).hasSize(RouteTable.MAX_ROUTES);
        assertThat(table.routes()).containsKey(IpPrefix.parse("10.1.255.0/24"));
        assertThat(table.problems()).anyMatch(p -> p.contains("at most " + RouteTable.MAX_ROUTES));
        assertThat(table.problems()).hasSizeLessThan(5);
    }

    // ---- what is wanted, as far as it is there ----

    @Test
    void aPartOfWhatIsWantedIsRoutedWhenOnlyThatIsThere() throws Exception {
        List<ReachableAgent> oneHost = List.of(agent("office", 1, "192.168.77.2/32"));
        RouteTable table =
                table(oneHost, grants("office:192.168.77.0/24"), List.of(wanted("192.168.77.0/24", null)), false);
        assertThat(table.routes()).containsOnly(Map.entry(IpPrefix.parse("192.168.77.2/32"), "office"));
        assertThat(table.problems()).isEmpty();
        assertThat(table.asked()).containsExactly(IpPrefix.parse("192.168.77.2/32"));
        assertThat(table(oneHost, ALL, List.of(wanted("192.168.77.0/24", "office")), false)
                        .routes())
                .isEqualTo(table.routes());
        assertThat(table(
                                List.of(OFFICE),
                                grants("office:192.168.77.2"),
                                List.of(wanted("192.168.77.0/24", null)),
                                false)
                        .routes())
                .isEqualTo(table.routes());
    }

    @Test
    void whyNothingOfWhatIsWantedIsThereIsSaid() {
        assertThat(problem("office:192.168.77.0/24", "10.0.0.0/8", null)).contains("no agent announces it");
        assertThat(problem("office:192.168.77.2", "192.168.77.128/25", null))
                .contains("this token grants nothing of it");
        assertThat(problem("office:192.168.77.0/24", "192.168.77.0/24", "ofice"))
                .contains("this token grants nothing through an agent 'ofice'");
        assertThat(problem("*:192.168.77.0/24", "192.168.77.0/24", "ofice"))
                .contains("no agent 'ofice'")
                .contains("has connected to the gateway yet");
        RouteTable byToken = RouteTable.of(
                Announced.of(new Reachable("laptop", List.of(OFFICE))),
                ALL,
                new RouteTable.Wanted(List.of(wanted("10.0.0.0/8", null)), false, false));
        assertThat(byToken.problems()).singleElement().asString().startsWith("the token's route 10.0.0.0/8: no agent");
        assertThat(byToken.asked()).isEmpty();
    }

    private static String problem(String grant, String prefix, @Nullable String agent) {
        RouteTable table = table(List.of(OFFICE), grants(grant), List.of(wanted(prefix, agent)), false);
        assertThat(table.routes()).isEmpty();
        return table.problems().stream()
                .filter(p -> p.startsWith("--route"))
                .findFirst()
                .orElse("");
    }

    // ---- any announcement ----

    private static final List<String> NASTY = List.of(
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "::/1",
            "8000::/1",
            "127.0.0.0/8",
            "127.0.0.1/32",
            "169.254.169.254/32",
            "169.254.0.0/15",
            "224.0.0.0/3",
            "fe80::/9",
            "fe80::1/128",
            "::/96",
            "64:ff9b::/96",
            "2002::/16",
            "fd00::/8",
            "fd00:ec2::254/128",
            "100.64.0.0/10",
            "10.0.0.0/8",
            "10.0.0.0/7",
            "::/128",
            "fd77::/64");

    private static String prefix(Random random) {
        if (random.nextInt(3) == 0) {
            return NASTY.get(random.nextInt(NASTY.size()));
        }
        byte[] bytes = new byte[random.nextBoolean() ? 4 : 16];
        random.nextBytes(bytes);
        if (random.nextBoolean()) {
            bytes[0] = 10;
        }
        int length = random.nextInt(bytes.length * 8 + 1);
        for (int bit = length; bit < bytes.length * 8; bit++) {
            bytes[bit / 8] &= (byte) ~(0x80 >> bit % 8);
        }
        try {
            return InetAddress.getByAddress(bytes).getHostAddress() + "/" + length;
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String grant(Random random) {
        String prefix = prefix(random);
        String agent = random.nextInt(4) == 0 ? "*" : "a" + random.nextInt(3);
        return prefix.contains(":") ? agent + ":[" + prefix + "]" : agent + ":" + prefix;
    }

    @Test
    void forAnyAnnouncementWhatIsRoutedIsAnnouncedAndGranted() throws Exception {
        for (int seed = 0; seed < 3_000; seed++) {
            Random random = new Random(seed);
            List<ReachableAgent> agents = new ArrayList<>();
            for (int a = random.nextInt(4); a >= 0; a--) {
                agents.add(agent(
                        "a" + a,
                        random.nextInt(2),
                        Stream.generate(() -> prefix(random))
                                .limit(random.nextInt(8))
                                .toArray(String[]::new)));
            }
            TokenGrants grants = grants(Stream.generate(() -> grant(random))
                    .limit(1 + random.nextInt(6))
                    .toArray(String[]::new));
            List<Route> wanted = Stream.generate(() -> wanted(
                            IpPrefix.parse(prefix(random)).toString(),
                            random.nextBoolean() ? null : "a" + random.nextInt(3)))
                    .limit(random.nextInt(3))
                    .toList();
            boolean full = random.nextBoolean();
            RouteTable table = table(agents, grants, wanted, full);
            for (Map.Entry<IpPrefix, String> route : table.routes().entrySet()) {
                IpPrefix prefix = route.getKey();
                String as = "seed " + seed + ": " + route;
                assertThat(grants.prefixesFor(route.getValue())).as(as).anyMatch(g -> g.covers(prefix));
                assertThat(agents)
                        .as(as)
                        .anyMatch(a -> a.name().equals(route.getValue())
                                && a.routes().stream()
                                        .anyMatch(r -> IpPrefix.parse(r).covers(prefix)));
                if (!full) {
                    assertThat(prefix.length()).as(as).isGreaterThanOrEqualTo(prefix.isIpv6() ? 16 : 8);
                    assertThat(wanted.isEmpty()
                                    || wanted.stream().anyMatch(w -> w.prefix().covers(prefix)))
                            .as(as)
                            .isTrue();
                }
                for (String s : NASTY) {
                    InetAddress address = IpPrefix.parse(s).network();
                    if (prefix.length() > 0 && prefix.contains(address) && SensitiveAddresses.isSensitive(address)) {
                        assertThat(grants.prefixesFor(route.getValue()))
                                .as(as)
                                .anyMatch(g -> SensitiveAddresses.standard().permits(g, address));
                    }
                }
            }
        }
    }
}
