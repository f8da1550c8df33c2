package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.host.HostConfig;
import dev.culvert.tun.host.HostKeeper;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.system.GoldenFile;
import dev.culvert.tun.undo.UndoJournal;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is done to a Windows, and undone, in more than ten situations: calls and what they are given, as they are kept beside this test; done by a
 * model of a PC, which is afterwards what it was before.
 */
@NullUnmarked
final class WindowsSituationsTest {
    private static final InetAddress GATEWAY = ip("203.0.113.9");
    private static final InetAddress GATEWAY6 = ip("2001:db8:ffff::9");

    private static final String LOOPBACK = "Loopback Pseudo-Interface 1";
    private static final String WIRELESS = "Wi-Fi";
    private static final String CABLE = "Ethernet 2";

    @TempDir
    Path directory;

    private final FakePc pc = new FakePc();
    private final WindowsHost host =
            new WindowsHost(pc, step -> WindowsResolver.undo(step, pc, pc, "C:\\Windows\\System32"));
    private final StringBuilder story = new StringBuilder();
    private UndoJournal journal;
    private HostConfig config = HostConfig.of("culvert0", 1400, 5000, List.of(ip("100.127.255.1"), ip("fd63::1")));

    private ResolverConfig names =
            new ResolverConfig("culvert0", List.of(ip("100.127.255.53")), List.of("corp.example"), List.of(), false);

    @BeforeEach
    void aLaptopOnAWirelessNetwork() throws Exception {
        pc.link(LOOPBACK, 24, 1, 75);
        pc.address(LOOPBACK, "127.0.0.1", 8);
        pc.address(LOOPBACK, "::1", 128);
        pc.link(WIRELESS, 71, 4, 35);
        pc.address(WIRELESS, "192.168.7.20", 24);
        pc.address(WIRELESS, "fe80::1c", 64);
        pc.address(WIRELESS, "2001:db8:7::20", 64);
        pc.route("0.0.0.0/0", WIRELESS, "192.168.7.1");
        pc.route("::/0", WIRELESS, "fe80::1");
        pc.link(CABLE, 6, 6, 25);
        pc.connected(CABLE, false);
        adapter(12);
        open();
    }

    private void adapter(int index) {
        pc.link("culvert0", 53, index, 5);
    }

    @AfterEach
    void close() throws Exception {
        journal.close();
    }

    private static InetAddress ip(String text) {
        return IpPrefix.parse(text).network();
    }

    private static Set<IpPrefix> networks(String... texts) {
        Set<IpPrefix> set = new LinkedHashSet<>();
        for (String text : texts) {
            set.add(IpPrefix.parse(text));
        }
        return set;
    }

    private void open() throws Exception {
        journal = UndoJournal.open(directory.resolve("undo.journal"), host);
    }

    private void tell(String what) {
        story.append("# ").append(what).append('\n');
        pc.done.forEach(line -> story.append(line).append('\n'));
        pc.done.clear();
    }

    private HostKeeper.Outcome up(String what) throws Exception {
        HostKeeper.Outcome outcome = new HostKeeper(host, journal).keep(config);
        resolver().keep(names);
        tell(what);
        outcome.problems()
                .values()
                .forEach(problem -> story.append("problem: ").append(problem).append('\n'));
        // What is as it shall be is left alone.
        assertThat(new HostKeeper(host, journal).keep(config).changes()).isZero();
        assertThat(resolver().keep(names).changed()).isFalse();
        assertThat(pc.done).isEmpty();
        return outcome;
    }

    private WindowsResolver resolver() {
        return new WindowsResolver(journal, pc, pc, "C:\\Windows\\System32");
    }

    private void split() {
        config = config.withRoutes(networks("10.1.0.0/16", "10.2.3.4/32", "fd20::/64"), Set.of(), Set.of())
                .withExcluded(Set.of(GATEWAY));
    }

    private void full() {
        config = config.withRoutes(networks("0.0.0.0/0", "::/0"), Set.of(), Set.of())
                .withExcluded(new LinkedHashSet<>(List.of(GATEWAY, GATEWAY6)));
        names = new ResolverConfig("culvert0", names.servers(), names.domains(), List.of(), true);
    }

    /** All is undone by the journal, and then the adapter goes with its program. */
    private void undone(String golden, String before) throws Exception {
        assertThat(journal.replay()).isEmpty();
        tell("undone");
        pc.vanish("culvert0");
        assertThat(pc.state()).isEqualTo(before);
        assertThat(journal.pending()).isEmpty();
        GoldenFile.matches(WindowsSituationsTest.class, "windows-" + golden, story.toString());
    }

    private String without() {
        pc.vanish("culvert0");
        String state = pc.state();
        adapter(12);
        return state;
    }

    private HostState.Route route(InetAddress to) throws Exception {
        return host.read().route(to, r -> false);
    }

    @Test
    void firstUp() throws Exception {
        String before = without();
        split();
        names = new ResolverConfig(
                "culvert0",
                List.of(ip("100.127.255.53"), ip("fd63::53")),
                List.of("corp.example", "lab.example"),
                List.of("corp.example"),
                false);
        HostKeeper.Outcome outcome = up("up");
        assertThat(outcome.problems()).isEmpty();
        assertThat(outcome.routed()).isEqualTo(config.routes());
        undone("first-up", before);
    }

    @Test
    void secondUpAfterACrash() throws Exception {
        String before = without();
        full();
        up("up, and killed");
        journal.close();
        pc.vanish("culvert0");
        assertThat(pc.state()).isNotEqualTo(before);
        open();
        assertThat(journal.replay()).isEmpty();
        tell("what the next finds in the journal");
        assertThat(pc.state()).isEqualTo(before);
        adapter(13);
        up("up again");
        undone("second-up", before);
    }

    /** Another program has the crashed one's name by now: its address, of whatever value, its settings and its routes stay. */
    @Test
    void theNameOfACrashedOneIsAnothersNow() throws Exception {
        split();
        up("up, and killed");
        journal.close();
        pc.vanish("culvert0");
        adapter(14);
        pc.address("culvert0", "10.99.0.2", 32);
        pc.route("10.1.0.0/16", "culvert0", null);
        String before = pc.state();
        open();
        assertThat(journal.replay()).isEmpty();
        assertThat(pc.state())
                .isEqualTo(before.lines()
                        .filter(line -> !line.startsWith(NameRules.LOCAL))
                        .map(line -> line + "\n")
                        .reduce("", String::concat));
    }

    @Test
    void networkChanged() throws Exception {
        full();
        up("up");
        pc.leave(WIRELESS);
        pc.connected(WIRELESS, false);
        up("the network has gone");
        assertThat(route(GATEWAY).kind()).isEqualTo(HostState.Kind.REJECT);
        pc.connected(CABLE, true);
        pc.address(CABLE, "172.20.10.3", 28);
        pc.route("0.0.0.0/0", CABLE, "172.20.10.1");
        up("another has come, by a cable, without IPv6");
        pc.delete("0.0.0.0/0", CABLE);
        pc.route("0.0.0.0/0", CABLE, "172.20.10.2");
        up("its router is another");
        assertThat(route(GATEWAY).via()).isEqualTo(ip("172.20.10.2"));
        FakePc then = new FakePc();
        then.link(LOOPBACK, 24, 1, 75);
        then.address(LOOPBACK, "127.0.0.1", 8);
        then.address(LOOPBACK, "::1", 128);
        then.link(WIRELESS, 71, 4, 35);
        then.connected(WIRELESS, false);
        then.link(CABLE, 6, 6, 25);
        then.address(CABLE, "172.20.10.3", 28);
        then.route("0.0.0.0/0", CABLE, "172.20.10.2");
        undone("network-changed", then.state());
    }

    /** By a user or a policy, off every interface. */
    @Test
    void ipv6IsOff() throws Exception {
        String before;
        for (String link : List.of(LOOPBACK, WIRELESS, CABLE)) {
            pc.without(link, true);
        }
        before = without();
        pc.without("culvert0", true);
        full();
        up("up");
        undone("ipv6-off", before);
    }

    @Test
    void aRouteExists() throws Exception {
        pc.route("10.1.0.0/16", WIRELESS, "192.168.7.2");
        String before = without();
        split();
        HostKeeper.Outcome outcome = up("up");
        assertThat(outcome.routed()).isEqualTo(networks("10.2.3.4/32", "fd20::/64"));
        undone("route-exists", before);
    }

    /** Two ways out: the one whose route and interface together have the lowest metric counts, and the gateway's route follows it. */
    @Test
    void twoNetworks() throws Exception {
        pc.connected(CABLE, true);
        pc.address(CABLE, "172.20.10.3", 28);
        pc.route("0.0.0.0/0", CABLE, "172.20.10.1");
        String before = without();
        full();
        up("up, with a cable and without");
        assertThat(route(GATEWAY)).matches(r -> r.link() == 6 && r.via().equals(ip("172.20.10.1")));
        pc.connected(CABLE, false);
        up("the cable is pulled out");
        assertThat(route(GATEWAY)).matches(r -> r.link() == 4 && r.via().equals(ip("192.168.7.1")));
        pc.connected(CABLE, true);
        up("and put in again");
        undone("two-networks", before);
    }

    @Test
    void fullTunnel() throws Exception {
        String before = without();
        full();
        HostKeeper.Outcome outcome = up("up");
        assertThat(outcome.routed()).isEqualTo(config.routes());
        assertThat(route(GATEWAY)).matches(r -> r.via() != null && r.link() == 4);
        assertThat(route(ip("8.8.8.8"))).matches(r -> r.link() == 12);
        undone("full-tunnel", before);
    }

    /** Networks that overlap come under addresses of a map; what lies in the machine's own network is not taken from it. */
    @Test
    void overlappingMap() throws Exception {
        String before = without();
        config = config.withRoutes(networks("100.64.7.0/24", "192.168.7.128/25", "10.1.0.0/16"), Set.of(), Set.of());
        HostKeeper.Outcome outcome = up("up");
        assertThat(outcome.routed()).isEqualTo(networks("100.64.7.0/24", "10.1.0.0/16"));
        undone("overlapping-map", before);
    }

    /** The gateway is a neighbour: its own route has no next hop. */
    @Test
    void gatewayOnTheLink() throws Exception {
        String before = without();
        config = config.withRoutes(networks("0.0.0.0/0"), Set.of(), Set.of()).withExcluded(Set.of(ip("192.168.7.9")));
        up("up");
        undone("gateway-on-link", before);
    }

    /** Somebody has taken routes away, and a wanted network is another: it is made so again. */
    @Test
    void repair() throws Exception {
        String before = without();
        full();
        up("up");
        pc.delete("128.0.0.0/1", "culvert0");
        pc.delete("203.0.113.9/32", WIRELESS);
        pc.clear(NameRules.LOCAL);
        pc.done.clear();
        assertThat(route(GATEWAY).kind()).isEqualTo(HostState.Kind.REJECT);
        up("after another has taken away a half, the gateway's route and the rules about names");
        config = config.withRoutes(networks("0.0.0.0/0"), Set.of(), Set.of());
        names = new ResolverConfig("culvert0", names.servers(), List.of("lab.example"), List.of(), false);
        up("other networks are wanted");
        undone("repair", before);
    }

    /** Another program has a rule about one of the domains: that stays its. */
    @Test
    void aForeignRuleIsPresent() throws Exception {
        pc.value(NameRules.LOCAL + "\\{0DD}", NameRules.NAME, new RegistryValue.Texts(List.of(".Corp.example")));
        String before = without();
        split();
        names = new ResolverConfig(
                "culvert0", names.servers(), List.of("corp.example", "lab.example"), List.of(), false);
        up("up");
        undone("foreign-rule", before);
    }

    /** Where group policy has rules no others count: ours are beside them for as long as there are any. */
    @Test
    void groupPolicyHasRules() throws Exception {
        String without = without();
        pc.value(NameRules.POLICY + "\\{0DD}", NameRules.NAME, new RegistryValue.Texts(List.of(".ad.example")));
        split();
        up("up");
        pc.clear(NameRules.POLICY + "\\{0DD}");
        up("group policy has none any more");
        undone("group-policy", without);
    }

    @Test
    void down() throws Exception {
        String before = without();
        full();
        up("up");
        resolver().release();
        tell("names first, as the client ends");
        undone("down", before);
    }

    /** A rule has at most fifty names, and each domain is two. */
    @Test
    void manyDomainsAreSeveralRulesAndFewerAreLess() throws Exception {
        String before = without();
        List<String> domains = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            domains.add("d" + i + ".example");
        }
        names = new ResolverConfig("culvert0", names.servers(), domains, List.of(), false);
        resolver().keep(names);
        Set<String> all = new LinkedHashSet<>();
        for (String key : pc.keys(NameRules.LOCAL)) {
            RegistryValue.Texts rule = (RegistryValue.Texts) pc.value(NameRules.LOCAL + "\\" + key, NameRules.NAME);
            assertThat(rule.texts()).hasSizeLessThanOrEqualTo(50);
            all.addAll(rule.texts());
        }
        assertThat(all).hasSize(120).contains("d0.example", ".d0.example", "d59.example", ".d59.example");
        assertThat(pc.keys(NameRules.LOCAL)).hasSize(3).allMatch(NameRules::isOurs);
        names = new ResolverConfig("culvert0", names.servers(), domains.subList(0, 1), List.of(), false);
        resolver().keep(names);
        assertThat(pc.keys(NameRules.LOCAL)).hasSize(1);
        resolver().release();
        pc.vanish("culvert0");
        assertThat(pc.state()).isEqualTo(before);
    }

    @Test
    void whatWindowsRefusesIsAProblemInWords() throws Exception {
        split();
        pc.refuses.put("10.1.0.0/16", 5);
        HostKeeper.Outcome outcome = new HostKeeper(host, journal).keep(config);
        assertThat(outcome.problems().values())
                .containsExactly(
                        "cannot route 10.1.0.0/16 through culvert0: access is denied (Windows error 5); run this"
                                + " in a prompt that was opened as administrator");
        assertThat(outcome.routed()).isEqualTo(networks("10.2.3.4/32", "fd20::/64"));
    }

    @Test
    void whatWindowsDoesNotTakeBackStaysInTheJournal() throws Exception {
        split();
        up("up");
        pc.refuses.put("DeleteIpForwardEntry2", 5);
        assertThat(journal.replay())
                .extracting(failure -> failure.step() + ": " + failure.reason())
                .contains("route 10.1.0.0/16 through culvert0: access is denied (Windows error 5); run this in a prompt"
                        + " that was opened as administrator");
        pc.refuses.clear();
        assertThat(journal.replay()).isEmpty();
    }
}
