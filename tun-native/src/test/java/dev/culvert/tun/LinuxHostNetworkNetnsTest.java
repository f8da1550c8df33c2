package dev.culvert.tun;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real links, addresses and routes, in a namespace of the test's own: "ip -n" acts there. */
@Tag("netns")
final class LinuxHostNetworkNetnsTest {
    @TempDir
    Path directory;

    private NetNamespace ns;
    private IpCommand ip;
    private Path file;

    @BeforeEach
    void open() throws Exception {
        ns = new NetNamespace();
        ip = new IpCommand("ip", "-n", ns.name());
        file = directory.resolve("state/undo.journal");
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
    }

    @AfterEach
    void close() throws Exception {
        ns.close();
    }

    private UndoJournal journal() throws Exception {
        return UndoJournal.open(file, new LinuxUndoer(ip));
    }

    private String state() throws Exception {
        return ns.exec("ip", "addr").replaceAll("(state|qdisc) \\S+", "")
                + ns.exec("ip", "route", "show", "table", "all")
                + ns.exec("ip", "-6", "route", "show", "table", "all");
    }

    private static InetAddress address(String text) throws Exception {
        return InetAddress.getByName(text);
    }

    @Test
    void leavesTheHostAsItWas() throws Exception {
        String before = state();
        try (UndoJournal journal = journal()) {
            HostNetwork network = new LinuxHostNetwork(ip, journal);
            network.setUp("cvt0", 1400, 777);
            assertThat(network.addAddress("cvt0", address("10.9.0.1"), 24)).isTrue();
            assertThat(network.addAddress("cvt0", address("fd09::1"), 64)).isTrue();
            assertThat(network.excludeHost(address("203.0.113.9"))).isTrue();
            assertThat(network.excludeHost(address("2001:db8::9"))).isTrue();
            assertThat(network.excludeHost(address("192.168.7.2"))).isFalse();
            assertThat(network.addRoute(address("0.0.0.0"), 1, "cvt0")).isTrue();
            assertThat(network.addRoute(address("128.0.0.0"), 1, "cvt0")).isTrue();
            assertThat(network.addRoute(address("2000::"), 3, "cvt0")).isTrue();

            assertThat(ns.exec("ip", "link", "show", "cvt0")).contains("mtu 1400", "qlen 777", ",UP");
            assertThat(ns.exec("ip", "route", "get", "8.8.8.8")).contains("dev cvt0");
            assertThat(ns.exec("ip", "route", "get", "203.0.113.9")).contains("via 192.168.7.1 dev lan0");
            assertThat(ns.exec("ip", "-6", "route", "get", "2001:db8::9")).contains("via fd07::1 dev lan0");
            assertThat(ns.exec("ip", "-6", "route", "get", "2001:db8::8")).contains("dev cvt0");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");

            assertThat(journal.replay()).isEmpty();
            assertThat(state()).isEqualTo(before);
            assertThat(file).isEmptyFile();
        }
    }

    @Test
    void neverTakesOverWhatWasThere() throws Exception {
        ns.exec("ip", "link", "set", "cvt0", "up");
        ns.exec("ip", "addr", "add", "10.9.0.1/24", "dev", "cvt0");
        ns.exec("ip", "route", "add", "10.20.0.0/16", "dev", "cvt0");
        ns.exec("ip", "route", "add", "203.0.113.9", "via", "192.168.7.1");
        String before = state();
        try (UndoJournal journal = journal()) {
            HostNetwork network = new LinuxHostNetwork(ip, journal);
            assertThat(network.addAddress("cvt0", address("10.9.0.1"), 24)).isFalse();
            assertThat(network.addRoute(address("10.20.0.0"), 16, "cvt0")).isFalse();
            assertThat(network.excludeHost(address("203.0.113.9"))).isFalse();
            assertThatThrownBy(() -> network.addRoute(address("192.168.7.0"), 24, "cvt0"))
                    .isInstanceOf(HostNetworkException.class)
                    .hasMessageContaining("192.168.7.0/24")
                    .hasMessageContaining("through lan0 already")
                    .hasMessageNotContaining("\n");
            network.removeRoute(address("10.20.0.0"), 16, "cvt0");
            assertThat(journal.pending()).isEmpty();
            assertThat(journal.replay()).isEmpty();
        }
        assertThat(state()).isEqualTo(before);
    }

    @Test
    void removesItsOwnRouteOnce() throws Exception {
        ns.exec("ip", "link", "set", "cvt0", "up");
        String before = state();
        try (UndoJournal journal = journal()) {
            HostNetwork network = new LinuxHostNetwork(ip, journal);
            network.addRoute(address("10.30.0.0"), 16, "cvt0");
            assertThat(state()).isNotEqualTo(before);
            network.removeRoute(address("10.30.0.0"), 16, "cvt0");
            network.removeRoute(address("10.30.0.0"), 16, "cvt0");
            assertThat(state()).isEqualTo(before);
            assertThat(journal.pending()).isEmpty();
        }
    }

    @Test
    void addsAndUndoesAThousandRoutesFast() throws Exception {
        ns.exec("ip", "link", "set", "cvt0", "up");
        ns.exec("ip", "route", "add", "10.50.3.0/24", "dev", "lan0");
        String before = state();
        List<IpPrefix> networks = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            networks.add(new IpPrefix(address("10." + (50 + i / 250) + "." + i % 250 + ".0"), 24));
        }
        try (UndoJournal journal = journal()) {
            HostNetwork network = new LinuxHostNetwork(ip, journal);
            long start = System.nanoTime();
            assertThat(network.addRoutes(networks, "cvt0")).containsExactly(networks.get(3));
            assertThat(ns.exec("ip", "route", "show", "proto", "203").lines()).hasSize(999);
            assertThat(journal.replay()).isEmpty();
            // A command a route would take well over this even on an idle machine.
            assertThat((System.nanoTime() - start) / 1_000_000).isLessThan(8_000);
        }
        assertThat(state()).isEqualTo(before);
    }

    @Test
    void repairsWhatAKilledProcessLeft() throws Exception {
        String before = state();
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
        assertThat(during).isNotEqualTo(before).contains("10.9.0.1/24", "10.40.0.0/16", "203.0.113.9");
        try (UndoJournal journal = journal()) {
            assertThat(journal.ownerAlive()).isTrue();
            assertThatThrownBy(journal::replay)
                    .hasMessageContaining("still runs")
                    .hasMessageContaining(file.toString());
            assertThat(state()).isEqualTo(during);
            child.destroyForcibly().waitFor();

            assertThat(journal.ownerAlive()).isFalse();
            assertThat(journal.replay()).isEmpty();
            assertThat(state()).isEqualTo(before);
            assertThat(journal.replay()).isEmpty();
        }
    }

    @Test
    void undoIsFineWhenTheInterfaceIsGone() throws Exception {
        String before = ns.exec("ip", "route");
        try (UndoJournal journal = journal()) {
            HostNetwork network = new LinuxHostNetwork(ip, journal);
            network.setUp("cvt0", 1400, 777);
            network.addAddress("cvt0", address("10.9.0.1"), 24);
            network.addRoute(address("10.40.0.0"), 16, "cvt0");
            network.excludeHost(address("203.0.113.9"));
            ns.exec("ip", "tuntap", "del", "dev", "cvt0", "mode", "tun");
            assertThat(journal.replay()).isEmpty();
        }
        assertThat(ns.exec("ip", "route")).isEqualTo(before);
    }

    @Test
    void saysInOneLineWhatIsWrong() throws Exception {
        try (UndoJournal journal = journal()) {
            HostNetwork network = new LinuxHostNetwork(ip, journal);
            assertThatThrownBy(() -> network.setUp("nosuch0", 1500, 500))
                    .hasMessageContaining("set up link nosuch0")
                    .hasMessageNotContaining("\n");
            assertThatThrownBy(() -> network.addRoute(address("10.1.0.0"), 16, "nosuch0"))
                    .hasMessageContaining("add route 10.1.0.0/16 to nosuch0")
                    .hasMessageContaining("nosuch0");
            ns.exec("ip", "route", "del", "default");
            assertThatThrownBy(() -> network.excludeHost(address("203.0.113.9")))
                    .hasMessageContaining("203.0.113.9")
                    .hasMessageContaining("connect this machine");
            assertThatThrownBy(() ->
                            new LinuxHostNetwork(new IpCommand("no-such-program"), journal).setUp("cvt0", 1500, 500))
                    .hasMessageContaining("install iproute2");
            assertThat(journal.pending()).isEmpty();
        }
    }
}
