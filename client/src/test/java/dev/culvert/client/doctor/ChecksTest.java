package dev.culvert.client.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.client.up.ClientJournal;
import dev.culvert.command.control.ControlSocket;
import dev.culvert.command.control.Questions;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.device.TunOffloads;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each of a client's checks, with a machine as it should be and as it should not. */
@NullUnmarked
final class ChecksTest {
    private static final int TUN = 7;
    private static final int LAN = 2;
    private static final int OTHER_VPN = 9;

    @TempDir
    Path dir;

    private final List<HostState.Route> routes = new ArrayList<>();
    private final List<HostState.Rule> rules = new ArrayList<>(List.of(
            rule(false, 0, HostState.LOCAL_TABLE, -1),
            rule(false, 32766, HostState.MAIN_TABLE, -1),
            rule(true, 0, HostState.LOCAL_TABLE, -1),
            rule(true, 32766, HostState.MAIN_TABLE, -1)));
    private int mtu = 1500;

    private HostState host() {
        return new HostState(
                List.of(
                        link(1, "lo", true),
                        link(LAN, "eth0", false),
                        link(TUN, "culvert0", false),
                        link(OTHER_VPN, "wg0", false)),
                List.of(),
                routes,
                rules);
    }

    private HostState.Interface link(int index, String name, boolean loopback) {
        return new HostState.Interface(index, name, true, true, loopback, true, name.equals("eth0") ? mtu : 1500, 500);
    }

    private static HostState.Route route(int table, String network, int link) {
        return new HostState.Route(
                table, IpPrefix.parse(network), HostState.Kind.UNICAST, link, null, null, 0, 3, false, false);
    }

    private static HostState.Rule rule(boolean ipv6, long priority, int table, int suppressed) {
        return new HostState.Rule(ipv6, priority, true, table, suppressed);
    }

    private static Finding only(Check check) throws IOException {
        List<Finding> findings = check.look();
        assertThat(findings).hasSize(1);
        assertThat(findings.get(0).check()).isEqualTo(check.name());
        assertThat(findings.get(0).cure().isEmpty()).isEqualTo(findings.get(0).state() != Finding.State.BAD);
        return findings.get(0);
    }

    private static void is(Check check, Finding.State state, String... words) throws IOException {
        Finding finding = only(check);
        assertThat(finding.state()).as(finding.toString()).isEqualTo(state);
        for (String word : words) {
            assertThat(finding.what() + "; " + finding.cure()).contains(word);
        }
    }

    /** A client that is up, with a link or without. */
    private RunningClient running(String link, String why) throws IOException {
        Path socket = dir.resolve("client.sock");
        Questions questions = new Questions("client", "1");
        questions.add(
                "status",
                "how it is",
                with -> Map.of(
                        "pid",
                        42,
                        "device",
                        "culvert0",
                        "link",
                        Map.of("state", link, "gateway", "wss://vpn.example", "why", why),
                        "routes",
                        List.of(Map.of("network", "10.1.0.0/16"), Map.of("network", "fd77::/64"))));
        try (Closeable open = ControlSocket.open(socket, null, questions, line -> {})) {
            assertThat(open).isNotNull();
            RunningClient client = new RunningClient(List.of(socket));
            client.look();
            is(
                    client,
                    link.equals("up") ? Finding.State.GOOD : Finding.State.BAD,
                    "process 42 is up, interface culvert0",
                    why);
            return client;
        }
    }

    private RunningClient none() throws IOException {
        RunningClient client = new RunningClient(List.of(dir.resolve("none.sock")));
        is(client, Finding.State.OPEN, "none is up here");
        return client;
    }

    @Test
    void aClientWithoutALinkSaysWhy() throws Exception {
        assertThat(running("down", "the gateway refused").device()).contains("culvert0");
    }

    @Test
    void routes() throws Exception {
        is(new RoutesCheck(none(), this::host), Finding.State.OPEN, "none are laid");
        RunningClient client = running("up", "");
        routes.add(route(HostState.MAIN_TABLE, "10.1.0.0/16", TUN));
        routes.add(route(HostState.MAIN_TABLE, "fd77::/64", TUN));
        is(new RoutesCheck(client, this::host), Finding.State.GOOD, "2 networks lead into culvert0");
        routes.add(route(HostState.MAIN_TABLE, "10.1.0.0/24", OTHER_VPN));
        is(
                new RoutesCheck(client, this::host),
                Finding.State.BAD,
                "10.1.0.0/16 leads to wg0, not into culvert0",
                "ip rule");
        routes.removeIf(r -> r.network().isIpv6() || r.link() == OTHER_VPN);
        is(new RoutesCheck(client, this::host), Finding.State.BAD, "fd77::/64 leads nowhere, not into culvert0");
    }

    @Test
    void rules() throws Exception {
        is(new RulesCheck(this::host), Finding.State.GOOD, "none takes packets past");
        // As wg-quick has them: the main table first, but for its default route.
        rules.add(rule(false, 32764, HostState.MAIN_TABLE, 0));
        rules.add(rule(false, 32765, 51820, -1));
        is(new RulesCheck(this::host), Finding.State.GOOD);
        routes.add(route(51820, "0.0.0.0/0", OTHER_VPN));
        is(
                new RulesCheck(this::host),
                Finding.State.BAD,
                "a rule of IPv4 with priority 32765 sends everything to table 51820",
                "'ip rule' shows it");
        rules.clear();
        rules.add(rule(true, 100, 0, -1));
        is(new RulesCheck(this::host), Finding.State.BAD, "a rule of IPv6 with priority 100 rejects everything");
    }

    private Path settings(int all, int byDefault, int device) throws IOException {
        for (Map.Entry<String, Integer> one :
                Map.of("all", all, "default", byDefault, "culvert0", device).entrySet()) {
            Path place = Files.createDirectories(dir.resolve("conf").resolve(one.getKey()));
            Files.writeString(place.resolve("rp_filter"), one.getValue() + "\n");
        }
        return dir.resolve("conf");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0, false, GOOD, ''",
        "1, 0, 0, false, BAD, net.ipv4.conf.all.rp_filter=2",
        "0, 1, 0, false, BAD, net.ipv4.conf.all.rp_filter=2",
        "0, 1, 0, true, GOOD, ''",
        "1, 0, 2, true, GOOD, ''",
        "1, 0, 0, true, BAD, net.ipv4.conf.culvert0.rp_filter=2",
        "2, 1, 1, true, GOOD, ''"
    })
    void reversePath(int all, int byDefault, int device, boolean up, Finding.State state, String cure)
            throws Exception {
        RunningClient client = up ? running("up", "") : none();
        is(new ReversePathCheck(settings(all, byDefault, device), client), state, cure);
    }

    @Test
    void resolver() throws Exception {
        Path file = Files.writeString(dir.resolve("resolv.conf"), "# x\nnameserver 10.0.0.1\n nameserver fd00::1 \n");
        is(new ResolverCheck(file), Finding.State.GOOD, "asks 10.0.0.1, fd00::1");
        Files.writeString(file, "search corp\n");
        is(new ResolverCheck(file), Finding.State.BAD, file + " names no name server");
        is(new ResolverCheck(dir.resolve("none")), Finding.State.BAD, "names no name server");
    }

    @Test
    void mtu() throws Exception {
        is(new MtuCheck(this::host), Finding.State.GOOD, "eth0 1500");
        mtu = 1279;
        is(new MtuCheck(this::host), Finding.State.BAD, "eth0 takes 1279 bytes", "ip link set dev eth0 mtu");
        is(
                new MtuCheck(() -> new HostState(List.of(), List.of(), List.of(), List.of())),
                Finding.State.BAD,
                "no interface is up");
    }

    @Test
    void leftovers() throws Exception {
        Path journal = ClientJournal.path(dir);
        is(new LeftoversCheck(dir), Finding.State.OPEN);
        try (UndoJournal open = UndoJournal.open(journal, steps -> List.of())) {
            open.record(new UndoStep.DeleteRoute("10.0.0.0/8", "culvert0"));
        }
        is(new LeftoversCheck(dir), Finding.State.BAD, "has left 1 change of", "sudo client down");
        try (UndoJournal open = UndoJournal.open(journal, steps -> List.of())) {
            open.replay();
        }
        is(new LeftoversCheck(dir), Finding.State.GOOD, "none");
    }

    private static final class Device implements TunDevice {
        private boolean open = true;

        @Override
        public String name() {
            return "cvdoctor0";
        }

        @Override
        public int mtu() {
            return 1500;
        }

        @Override
        public TunOffloads offloads() {
            return TunOffloads.NONE;
        }

        @Override
        public TunChannel newChannel() {
            throw new IllegalStateException("nobody reads it");
        }

        @Override
        public boolean isOpen() {
            return open;
        }

        @Override
        public void close() {
            open = false;
        }
    }

    @Test
    void tun() throws Exception {
        Device device = new Device();
        List<TunConfig> asked = new ArrayList<>();
        is(
                new TunCheck(config -> {
                    asked.add(config);
                    return device;
                }),
                Finding.State.GOOD,
                "MTU 1500, no offload");
        assertThat(device.isOpen()).isFalse();
        assertThat(asked.get(0).name()).as("nobody takes it for a client's").doesNotStartWith("culvert");
        is(
                new TunCheck(config -> {
                    throw new TunException("open /dev/net/tun: permission denied; run with sudo", 13);
                }),
                Finding.State.BAD,
                "open /dev/net/tun: permission denied",
                "run with sudo; or without an interface: 'client proxy'");
    }
}
