package dev.culvert.tun.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.NetNamespace;
import dev.culvert.tun.linux.LinuxHost;
import dev.culvert.tun.undo.UndoJournal;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real links, addresses and routes, in a namespace of the test's own: a netlink socket stays where it was opened. */
@Tag("netns")
final class HostKeeperNetnsTest {
    private static final String GATEWAY = "203.0.113.9";
    private static final String GATEWAY_6 = "2001:db8::9";

    @TempDir
    Path directory;

    private NetNamespace ns;
    private LinuxHost host;
    private UndoJournal journal;
    private HostKeeper keeper;
    private HostConfig config;

    @BeforeEach
    void open() throws Exception {
        ns = new NetNamespace();
        ns.exec("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1");
        // Link-local addresses would come, and leave the tentative state, in their own time.
        ns.exec("ip", "link", "set", "lan0", "addrgenmode", "none");
        ns.exec("ip", "link", "set", "lan1", "addrgenmode", "none", "up");
        ns.exec("ip", "addr", "add", "192.168.7.2/24", "dev", "lan0");
        ns.exec("ip", "-6", "addr", "add", "fd07::2/64", "dev", "lan0", "nodad");
        ns.exec("ip", "link", "set", "lan0", "up");
        ns.exec("ip", "route", "add", "default", "via", "192.168.7.1");
        ns.exec("ip", "-6", "route", "add", "default", "via", "fd07::1", "dev", "lan0");
        ns.exec("ip", "tuntap", "add", "dev", "cvt0", "mode", "tun");
        ns.exec("ip", "link", "set", "cvt0", "addrgenmode", "none");
        host = ns.call(LinuxHost::open);
        journal = UndoJournal.open(directory.resolve("state/undo.journal"), host);
        keeper = new HostKeeper(host, journal);
        config = HostConfig.of("cvt0", 1400, 777, List.of(address("100.127.255.1"), address("fd63::1")));
    }

    @AfterEach
    void close() throws Exception {
        journal.close();
        host.close();
        ns.close();
    }

    private String state() throws Exception {
        return ns.exec("ip", "addr").replaceAll("(state|qdisc) \\S+", "")
                + ns.exec("ip", "route", "show", "table", "all")
                + ns.exec("ip", "-6", "route", "show", "table", "all")
                + ns.exec("ip", "rule")
                + ns.exec("ip", "-6", "rule");
    }

    private static InetAddress address(String text) throws Exception {
        return InetAddress.getByName(text);
    }

    private static Set<IpPrefix> prefixes(String... texts) {
        Set<IpPrefix> set = new LinkedHashSet<>();
        for (String text : texts) {
            set.add(IpPrefix.parse(text));
        }
        return set;
    }

    private HostConfig full() throws Exception {
        return config.withRoutes(prefixes("0.0.0.0/0", "::/0"), Set.of(), Set.of())
                .withExcluded(Set.of(address(GATEWAY), address(GATEWAY_6)));
    }

    private String way(String to) throws Exception {
        return ns.exec("ip", "-o", "route", "get", to);
    }

    @Test
    void laysEverythingAndLeavesTheHostAsItWas() throws Exception {
        String before = state();
        HostKeeper.Outcome outcome = keeper.keep(full());
        assertThat(outcome.problems()).isEmpty();
        assertThat(outcome.routed()).isEqualTo(prefixes("0.0.0.0/0", "::/0"));
        assertThat(ns.exec("ip", "link", "show", "cvt0")).contains("mtu 1400", "qlen 777", ",UP");
        assertThat(way("8.8.8.8")).contains("dev cvt0");
        assertThat(way("2001:db8::8")).contains("dev cvt0");
        assertThat(way(GATEWAY)).contains("via 192.168.7.1 dev lan0");
        assertThat(way(GATEWAY_6)).contains("via fd07::1 dev lan0");
        assertThat(keeper.keep(full()).changes()).isZero();
        assertThat(journal.replay()).isEmpty();
        assertThat(state()).isEqualTo(before);
    }

    /** What the next hop is behind is not always known to the routes: hosting providers have it so. */
    @Test
    void worksWithADefaultGatewayThatIsOnLinkByDecree() throws Exception {
        ns.exec("ip", "addr", "flush", "dev", "lan0");
        ns.exec("ip", "addr", "add", "198.51.100.7/32", "dev", "lan0");
        ns.exec("ip", "-6", "addr", "add", "2001:db8:7::7/128", "dev", "lan0", "nodad");
        ns.exec("ip", "route", "add", "default", "via", "172.31.1.1", "dev", "lan0", "onlink");
        ns.exec("ip", "-6", "route", "replace", "default", "via", "fe80::1", "dev", "lan0", "onlink");
        String before = state();
        assertThat(keeper.keep(full()).problems()).isEmpty();
        assertThat(way(GATEWAY)).contains("via 172.31.1.1 dev lan0");
        assertThat(way(GATEWAY_6)).contains("via fe80::1 dev lan0");
        assertThat(way("8.8.8.8")).contains("dev cvt0");
        assertThat(journal.replay()).isEmpty();
        assertThat(state()).isEqualTo(before);
    }

    /** The kernel takes a next hop on the link only while no other route covers it, and those into the tunnel do. */
    @Test
    void putsBackTheWayThroughANextHopThatTheTunnelCovers() throws Exception {
        ns.exec("ip", "addr", "flush", "dev", "lan0");
        ns.exec("ip", "-6", "addr", "add", "fd66::7/128", "dev", "lan0", "nodad");
        ns.exec("ip", "-6", "route", "replace", "default", "via", "fd66:1::1", "dev", "lan0", "onlink");
        String before = state();
        assertThat(keeper.keep(full()).problems()).isEmpty();
        String laid = state();
        assertThat(way(GATEWAY_6)).contains("via fd66:1::1 dev lan0");
        for (String taken : new String[] {GATEWAY_6, "fd66:1::1"}) {
            ns.exec("ip", "-6", "route", "del", taken, "metric", "1024");
            assertThat(keeper.keep(full()).problems()).as(taken).isEmpty();
            assertThat(sorted(state())).as(taken).isEqualTo(sorted(laid));
        }
        assertThat(journal.replay()).isEmpty();
        assertThat(state()).isEqualTo(before);
    }

    @Test
    void putsBackWhatOthersTook() throws Exception {
        keeper.keep(full());
        String laid = state();
        ns.exec("ip", "link", "set", "cvt0", "down");
        assertThat(state()).doesNotContain("0.0.0.0/1 dev cvt0");
        assertThat(keeper.keep(full()).problems()).isEmpty();
        assertThat(sorted(state())).isEqualTo(sorted(laid));
        ns.exec("ip", "addr", "flush", "dev", "cvt0");
        ns.exec("ip", "route", "del", GATEWAY);
        assertThat(ns.exec("ip", "route", "show", GATEWAY)).startsWith("unreachable");
        ns.exec("ip", "-6", "route", "del", GATEWAY_6, "metric", "1024");
        keeper.keep(full());
        assertThat(sorted(state())).isEqualTo(sorted(laid));
        ns.exec("ip", "link", "set", "cvt0", "mtu", "1300");
        keeper.keep(full());
        assertThat(ns.exec("ip", "link", "show", "cvt0")).contains("mtu 1400");
    }

    private static List<String> sorted(String text) {
        return text.lines().sorted().toList();
    }

    @Test
    void theWayToTheGatewayFollowsTheUplink() throws Exception {
        ns.exec("ip", "link", "add", "w2", "type", "veth", "peer", "name", "w3");
        ns.exec("ip", "link", "set", "w3", "up");
        ns.exec("ip", "addr", "add", "192.168.9.2/24", "dev", "w2");
        ns.exec("ip", "link", "set", "w2", "up");
        Object ways = keeper.keep(full()).ways();
        ns.exec("ip", "link", "set", "lan0", "down");
        assertThat(keeper.keep(full()).ways()).containsValues("");
        // Nowhere rather than into the tunnel.
        assertThatThrownBy(() -> way(GATEWAY)).hasMessageContaining("No route to host");
        ns.exec("ip", "route", "add", "default", "via", "192.168.9.1", "dev", "w2");
        assertThat(keeper.keep(full()).ways()).isNotEqualTo(ways);
        assertThat(way(GATEWAY)).contains("via 192.168.9.1 dev w2");
        ns.exec("ip", "link", "set", "lan0", "up");
        ns.exec("ip", "route", "del", "default");
        ns.exec("ip", "route", "add", "default", "via", "192.168.7.1");
        assertThat(keeper.keep(full()).problems()).isEmpty();
        assertThat(way(GATEWAY)).contains("via 192.168.7.1 dev lan0");
        ns.exec("ip", "route", "replace", "default", "via", "192.168.7.254");
        keeper.keep(full());
        assertThat(way(GATEWAY)).contains("via 192.168.7.254 dev lan0");
    }

    @Test
    void givesWayToNetworksOfTheHostAndComesWhenTheyGo() throws Exception {
        ns.exec("ip", "addr", "add", "10.99.0.2/24", "dev", "lan0", "noprefixroute");
        ns.exec("ip", "-6", "addr", "add", "fd99::2/64", "dev", "lan0", "nodad", "noprefixroute");
        ns.exec("ip", "route", "add", "10.99.0.0/24", "dev", "lan0", "proto", "kernel", "metric", "600");
        ns.exec("ip", "-6", "route", "add", "fd99::/64", "dev", "lan0", "proto", "ra", "metric", "100");
        String before = state();
        Set<IpPrefix> wanted = prefixes("10.99.0.0/24", "fd99::/64", "10.20.0.0/16");
        HostConfig named = config.withRoutes(wanted, wanted, Set.of());
        HostKeeper.Outcome outcome = keeper.keep(named);
        assertThat(outcome.routed()).isEqualTo(prefixes("10.20.0.0/16"));
        assertThat(outcome.problems().values()).hasSize(2).allMatch(p -> p.contains("already, through lan0"));
        assertThat(way("10.99.0.1")).contains("dev lan0");
        assertThat(way("fd99::1")).contains("dev lan0");
        ns.exec("ip", "route", "del", "10.99.0.0/24");
        ns.exec("ip", "-6", "route", "del", "fd99::/64");
        outcome = keeper.keep(named);
        assertThat(outcome.problems()).isEmpty();
        assertThat(outcome.routed()).isEqualTo(wanted);
        assertThat(way("10.99.0.1")).contains("dev cvt0");
        assertThat(way("fd99::1")).contains("dev cvt0");
        // And when the machine comes to a network of the same numbers, that counts.
        ns.exec("ip", "route", "add", "10.99.0.0/24", "dev", "lan0", "proto", "kernel", "metric", "600");
        ns.exec("ip", "-6", "route", "add", "fd99::/64", "dev", "lan0", "proto", "ra", "metric", "100");
        assertThat(keeper.keep(named).routed()).isEqualTo(prefixes("10.20.0.0/16"));
        assertThat(way("10.99.0.1")).contains("dev lan0");
        assertThat(journal.replay()).isEmpty();
        assertThat(sorted(state())).isEqualTo(sorted(before));
    }

    @Test
    void takesNoPartOfAConnectedNetworkUnlessNamed() throws Exception {
        Set<IpPrefix> wanted = prefixes("192.168.7.0/25", "fd07::/65", "192.168.0.0/16");
        HostKeeper.Outcome outcome = keeper.keep(config.withRoutes(wanted, Set.of(), Set.of()));
        assertThat(outcome.routed()).isEqualTo(prefixes("192.168.0.0/16"));
        assertThat(outcome.problems().values()).hasSize(2).allMatch(p -> p.contains("connected through lan0"));
        outcome = keeper.keep(config.withRoutes(wanted, wanted, Set.of()));
        assertThat(outcome.routed()).isEqualTo(wanted);
    }

    @Test
    void onlyIpv4WhereIpv6IsOff() throws Exception {
        ns.exec("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1");
        String before = state();
        HostKeeper.Outcome outcome =
                keeper.keep(config.withRoutes(prefixes("10.20.0.0/16", "fd20::/64"), Set.of(), prefixes("::/0")));
        assertThat(outcome.routed()).isEqualTo(prefixes("10.20.0.0/16"));
        assertThat(outcome.problems()).containsOnlyKeys(HostPlan.IPV6);
        assertThat(way("10.20.0.1")).contains("dev cvt0");
        ns.exec("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0");
        outcome = keeper.keep(config.withRoutes(prefixes("10.20.0.0/16", "fd20::/64"), Set.of(), Set.of()));
        assertThat(outcome.problems()).isEmpty();
        assertThat(way("fd20::1")).contains("dev cvt0");
        ns.exec("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1");
        assertThat(journal.replay()).isEmpty();
        assertThat(state()).isEqualTo(before);
    }

    /** RFC 7359: what the tunnel does not take must not leave beside it. */
    @Test
    void whatIsBlockedLeadsNowhereButToTheGateway() throws Exception {
        String before = state();
        HostConfig blocked = config.withRoutes(prefixes("0.0.0.0/0"), Set.of(), prefixes("::/0"))
                .withExcluded(Set.of(address(GATEWAY), address(GATEWAY_6)));
        assertThat(keeper.keep(blocked).problems()).isEmpty();
        assertThatThrownBy(() -> way("2001:db8::8")).hasMessageContaining("No route to host");
        assertThat(way(GATEWAY_6)).contains("via fd07::1 dev lan0");
        assertThat(way("fd07::77")).contains("dev lan0");
        assertThat(keeper.keep(blocked).changes()).isZero();
        keeper.keep(config);
        assertThat(way("2001:db8::8")).contains("dev lan0");
        assertThat(journal.replay()).isEmpty();
        assertThat(state()).isEqualTo(before);
    }

    @Test
    void addsAndUndoesAThousandRoutes() throws Exception {
        ns.exec("ip", "route", "add", "10.50.3.0/24", "dev", "lan0");
        String before = state();
        Set<IpPrefix> networks = new LinkedHashSet<>();
        for (int i = 0; i < 1000; i++) {
            networks.add(IpPrefix.parse("10." + (50 + i / 250) + "." + i % 250 + ".0/24"));
        }
        HostKeeper.Outcome outcome = keeper.keep(config.withRoutes(networks, Set.of(), Set.of()));
        assertThat(outcome.routed()).hasSize(999).doesNotContain(IpPrefix.parse("10.50.3.0/24"));
        assertThat(ns.exec("ip", "route", "show", "proto", "203").lines()).hasSize(999);
        assertThat(journal.replay()).isEmpty();
        assertThat(state()).isEqualTo(before);
    }

    @Test
    void saysSoWhenARuleSendsItElsewhere() throws Exception {
        ns.exec("ip", "route", "add", "default", "dev", "lan0", "table", "77");
        ns.exec("ip", "rule", "add", "not", "fwmark", "7", "lookup", "77", "priority", "100");
        HostKeeper.Outcome outcome = keeper.keep(config.withRoutes(prefixes("10.20.0.0/16"), Set.of(), Set.of()));
        assertThat(outcome.routed()).isEmpty();
        assertThat(outcome.problems().values()).singleElement().asString().contains("ip rule");
    }

    @Test
    void theInterfaceMayBeGone() throws Exception {
        String before = ns.exec("ip", "route") + ns.exec("ip", "-6", "route");
        keeper.keep(full());
        ns.exec("ip", "tuntap", "del", "dev", "cvt0", "mode", "tun");
        assertThat(keeper.keep(full()).present()).isFalse();
        assertThat(journal.replay()).isEmpty();
        assertThat(ns.exec("ip", "route") + ns.exec("ip", "-6", "route")).isEqualTo(before);
    }

    @Test
    void repairsWhatAKilledProcessLeft() throws Exception {
        String before = state();
        journal.close();
        Path file = directory.resolve("state/undo.journal");
        Process child = new ProcessBuilder(ns.inside(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        KilledClient.class.getName(),
                        file.toString()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        assertThat(child.inputReader().readLine()).isEqualTo("changed");
        String during = state();
        assertThat(during).contains("10.9.0.1/32", "128.0.0.0/1 dev cvt0", GATEWAY, "unreachable 8000::/1");
        journal = UndoJournal.open(file, host);
        assertThat(journal.ownerAlive()).isTrue();
        assertThatThrownBy(journal::replay).hasMessageContaining("still runs").hasMessageContaining(file.toString());
        assertThat(state()).isEqualTo(during);
        child.destroyForcibly().waitFor();

        assertThat(journal.ownerAlive()).isFalse();
        assertThat(journal.replay()).isEmpty();
        assertThat(state()).isEqualTo(before);
    }

    /** Some machines reject packets to such addresses by a route. It must not pass for the default route of IPv4. */
    @Test
    void aRouteOfIpv4MappedAddressesIsNoneOfIpv4() throws Exception {
        List<HostState.Route> before = host.read().routes();
        ns.exec("ip", "-6", "route", "add", "unreachable", "::ffff:0:0/96");
        assertThat(ns.exec("ip", "-6", "route")).contains("::ffff:0.0.0.0/96");
        assertThat(host.read().routes()).containsExactlyInAnyOrderElementsOf(before);
    }

    @Test
    void theWatchTellsOfWhatHappens() throws Exception {
        AtomicInteger told = new AtomicInteger();
        HostWatch watch = ns.call(() -> HostWatch.start(LinuxHost.events(), told::incrementAndGet));
        try {
            for (List<String> command : List.of(
                    List.of("ip", "link", "set", "cvt0", "up"),
                    List.of("ip", "addr", "add", "10.1.1.1/24", "dev", "lan0"),
                    List.of("ip", "route", "add", "10.2.0.0/24", "dev", "lan0"),
                    List.of("ip", "-6", "route", "add", "fd55::/64", "dev", "lan0"),
                    List.of("ip", "-6", "rule", "add", "fwmark", "9", "lookup", "9"))) {
                await().atMost(Duration.ofSeconds(20)).until(() -> told.get() > 0);
                ns.exec(new ArrayList<>(command).toArray(String[]::new));
                int before = told.get();
                await(command.toString()).atMost(Duration.ofSeconds(20)).until(() -> told.get() > before);
            }
        } finally {
            watch.close();
        }
    }
}
