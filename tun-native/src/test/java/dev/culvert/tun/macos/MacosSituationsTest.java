package dev.culvert.tun.macos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.host.HostConfig;
import dev.culvert.tun.host.HostKeeper;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.system.GoldenFile;
import dev.culvert.tun.system.SystemAction;
import dev.culvert.tun.system.SystemActions;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
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
 * What is done to a Mac, and undone, in ten situations: command lines and files, as they are kept beside this test; done by a model of a
 * Mac, which is afterwards what it was before.
 */
@NullUnmarked
final class MacosSituationsTest {
    private static final InetAddress GATEWAY = ip("203.0.113.9");
    private static final InetAddress GATEWAY6 = ip("2001:db8:ffff::9");

    @TempDir
    Path directory;

    private final FakeMac mac = new FakeMac();
    private final MacosHost host = new MacosHost(mac, mac);
    private final StringBuilder story = new StringBuilder();
    private UndoJournal journal;
    private HostConfig config = HostConfig.of("utun9", 1400, 5000, List.of(ip("100.127.255.1"), ip("fd63::1")));
    private ResolverConfig names =
            new ResolverConfig("utun9", List.of(ip("100.127.255.53")), List.of("corp.example"), List.of(), false);

    @BeforeEach
    void aLaptopOnAWirelessNetwork() throws Exception {
        mac.link("lo0", 1, true);
        mac.address("lo0", "127.0.0.1", 8);
        mac.address("lo0", "::1", 128);
        mac.link("en0", 4, true);
        mac.address("en0", "192.168.7.20", 24);
        mac.address("en0", "fe80::1c", 64);
        mac.address("en0", "2001:db8:7::20", 64);
        mac.route("0.0.0.0/0", "en0", "192.168.7.1");
        mac.route("192.168.7.0/24", "en0", null);
        mac.route("::/0", "en0", "fe80::1");
        mac.route("2001:db8:7::/64", "en0", null);
        mac.link("en5", 6, true);
        mac.link("utun9", 12, false);
        open();
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
        mac.done.forEach(line -> story.append(line).append('\n'));
        mac.done.clear();
    }

    private HostKeeper.Outcome up(String what) throws Exception {
        HostKeeper.Outcome outcome = new HostKeeper(host, journal).keep(config);
        new MacosResolver(journal, mac).keep(names);
        tell(what);
        outcome.problems()
                .values()
                .forEach(problem -> story.append("problem: ").append(problem).append('\n'));
        // What is as it shall be is left alone.
        assertThat(new HostKeeper(host, journal).keep(config).changes()).isZero();
        assertThat(new MacosResolver(journal, mac).keep(names).changed()).isFalse();
        assertThat(mac.done).isEmpty();
        return outcome;
    }

    private void split() {
        config = config.withRoutes(networks("10.1.0.0/16", "10.2.3.4/32", "fd20::/64"), Set.of(), Set.of())
                .withExcluded(Set.of(GATEWAY));
    }

    private void full() {
        config = config.withRoutes(networks("0.0.0.0/0", "::/0"), Set.of(), Set.of())
                .withExcluded(new LinkedHashSet<>(List.of(GATEWAY, GATEWAY6)));
        names = new ResolverConfig("utun9", names.servers(), names.domains(), List.of(), true);
    }

    /** All is undone by the journal, and then the interface goes with its program. */
    private void undone(String golden, String before) throws Exception {
        assertThat(journal.replay()).isEmpty();
        tell("undone");
        mac.vanish("utun9");
        assertThat(mac.state()).isEqualTo(before);
        assertThat(journal.pending()).isEmpty();
        GoldenFile.matches(MacosSituationsTest.class, "macos-" + golden, story.toString());
    }

    private String without() {
        return mac.state()
                .lines()
                .filter(line -> !line.startsWith("utun9"))
                .map(line -> line + "\n")
                .reduce("", String::concat);
    }

    @Test
    void firstUp() throws Exception {
        String before = without();
        split();
        names = new ResolverConfig(
                "utun9", names.servers(), List.of("corp.example", "lab.example"), List.of("corp.example"), false);
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
        mac.vanish("utun9");
        assertThat(mac.state()).isNotEqualTo(before);
        open();
        assertThat(journal.replay()).isEmpty();
        tell("what the next finds in the journal");
        assertThat(mac.state()).isEqualTo(before);
        mac.link("utun9", 13, false);
        up("up again");
        undone("second-up", before);
    }

    /** Another program has the crashed one's number by now: its address, of whatever value, and its settings stay. */
    @Test
    void theNumberOfACrashedOneIsAnothersNow() throws Exception {
        split();
        up("up, and killed");
        journal.close();
        mac.vanish("utun9");
        mac.link("utun9", 14, true);
        mac.address("utun9", "10.99.0.2", 32);
        mac.route("10.1.0.0/16", "utun9", null);
        String before = mac.state();
        open();
        assertThat(journal.replay()).isEmpty();
        mac.files.clear();
        assertThat(mac.state())
                .isEqualTo(before.lines()
                        .filter(line -> !line.startsWith("/etc") && !line.startsWith("nameserver") && !line.isEmpty())
                        .map(line -> line + "\n")
                        .reduce("", String::concat));
    }

    @Test
    void networkChanged() throws Exception {
        full();
        up("up");
        mac.leave("en0");
        up("the network has gone");
        mac.address("en5", "172.20.10.3", 28);
        mac.route("0.0.0.0/0", "en5", "172.20.10.1");
        mac.route("172.20.10.0/28", "en5", null);
        up("another has come, without IPv6");
        mac.leave("en5");
        mac.address("en5", "172.20.11.3", 28);
        mac.route("0.0.0.0/0", "en5", "172.20.11.1");
        mac.route("172.20.11.0/28", "en5", null);
        up("its router is another");
        FakeMac then = new FakeMac();
        then.link("lo0", 1, true);
        then.address("lo0", "127.0.0.1", 8);
        then.address("lo0", "::1", 128);
        then.link("en0", 4, true);
        then.link("en5", 6, true);
        then.address("en5", "172.20.11.3", 28);
        then.route("0.0.0.0/0", "en5", "172.20.11.1");
        then.route("172.20.11.0/28", "en5", null);
        undone("network-changed", then.state());
    }

    @Test
    void ipv6IsOff() throws Exception {
        mac.leave("en0");
        mac.address("en0", "192.168.7.20", 24);
        mac.route("0.0.0.0/0", "en0", "192.168.7.1");
        mac.route("192.168.7.0/24", "en0", null);
        String before = without();
        full();
        up("up");
        undone("ipv6-off", before);
    }

    @Test
    void aRouteExists() throws Exception {
        mac.route("10.1.0.0/16", "en0", "192.168.7.2");
        String before = without();
        split();
        HostKeeper.Outcome outcome = up("up");
        assertThat(outcome.routed()).isEqualTo(networks("10.2.3.4/32", "fd20::/64"));
        undone("route-exists", before);
    }

    @Test
    void aForeignResolverIsPresent() throws Exception {
        mac.files.put(MacosResolver.DIRECTORY.resolve("corp.example"), "nameserver 192.168.7.5\n");
        String before = without();
        split();
        names = new ResolverConfig("utun9", names.servers(), List.of("corp.example", "lab.example"), List.of(), false);
        up("up");
        undone("foreign-resolver", before);
    }

    @Test
    void fullTunnel() throws Exception {
        String before = without();
        full();
        HostKeeper.Outcome outcome = up("up");
        assertThat(outcome.routed()).isEqualTo(config.routes());
        assertThat(host.read().route(GATEWAY, r -> false)).matches(r -> r.via() != null && r.link() == 4);
        assertThat(host.read().route(ip("8.8.8.8"), r -> false)).matches(r -> r.link() == 12);
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

    @Test
    void down() throws Exception {
        String before = without();
        full();
        up("up");
        new MacosResolver(journal, mac).release();
        tell("names first, as the client ends");
        undone("down", before);
    }

    /** Somebody has taken routes, a file and the key away, and pulled a wanted network out: it is made so again. */
    @Test
    void repair() throws Exception {
        String before = without();
        full();
        up("up");
        mac.perform(NetworkCommands.undo(new UndoStep.DeleteRoute("128.0.0.0/1", "utun9"), host.read()));
        mac.perform(NetworkCommands.undo(new UndoStep.DeleteRoute("203.0.113.9/32", "en0"), host.read()));
        mac.files.clear();
        mac.keys.clear();
        mac.done.clear();
        up("after another has taken away a half, the gateway's route, a file and a key");
        config = config.withRoutes(networks("0.0.0.0/0"), Set.of(), Set.of());
        names = new ResolverConfig("utun9", names.servers(), List.of("lab.example"), List.of(), false);
        up("other networks are wanted");
        undone("repair", before);
    }

    @Test
    void whatTheKernelRefusesIsAProblemInItsWords() throws Exception {
        split();
        List<IpPrefix> refused = new ArrayList<>(networks("10.1.0.0/16"));
        mac.vanish("utun9");
        mac.link("utun9", 12, false);
        MacosHost deaf = new MacosHost(mac, new SystemActions() {
            @Override
            public SystemProgram.Result perform(SystemAction action) {
                return action.text().contains(refused.get(0).toString())
                        ? new SystemProgram.Result(0, "route: must be root to alter routing table\n")
                        : mac.perform(action);
            }

            @Override
            public String read(Path file) {
                return mac.read(file);
            }
        });
        HostKeeper.Outcome outcome = new HostKeeper(deaf, journal).keep(config);
        assertThat(outcome.problems().values())
                .containsExactly("cannot route 10.1.0.0/16 through utun9: route: must be root to alter routing table;"
                        + " run with sudo");
        assertThat(outcome.routed()).isEqualTo(networks("10.2.3.4/32", "fd20::/64"));
    }
}
