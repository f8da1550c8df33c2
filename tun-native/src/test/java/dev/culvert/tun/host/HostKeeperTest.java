package dev.culvert.tun.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class HostKeeperTest {
    private static final int W0 = 2;
    private static final int W2 = 3;
    private static final int TUN = 9;
    private static final InetAddress GATEWAY = IpPrefix.parse("203.0.113.9").network();

    @TempDir
    Path directory;

    private final FakeHost host = new FakeHost();
    private UndoJournal journal;
    private HostKeeper keeper;
    private HostConfig config;

    @BeforeEach
    void open() throws Exception {
        host.link(W0, "w0", true);
        host.link(W2, "w2", true);
        host.link(TUN, "culvert0", false);
        host.route("0.0.0.0/0", W0, "192.168.7.1", 100, 3);
        host.route("192.168.7.0/24", W0, null, 100, HostState.KERNEL_PROTOCOL);
        journal = UndoJournal.open(directory.resolve("undo.journal"), host);
        keeper = new HostKeeper(host, journal);
        config = HostConfig.of(
                "culvert0",
                1500,
                5000,
                List.of(
                        IpPrefix.parse("100.127.255.1").network(),
                        IpPrefix.parse("fd63::1").network()));
    }

    private static Set<IpPrefix> prefixes(String... texts) {
        Set<IpPrefix> set = new LinkedHashSet<>();
        for (String text : texts) {
            set.add(IpPrefix.parse(text));
        }
        return set;
    }

    @Test
    void oneRouteThatTheKernelRefusesMakesNoOtherForgotten() throws Exception {
        host.refuses = p -> p.equals(IpPrefix.parse("10.2.0.0/16"));
        Set<IpPrefix> three = prefixes("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16");
        HostKeeper.Outcome outcome = keeper.keep(config.withRoutes(three, Set.of(), Set.of()));
        assertThat(outcome.routed()).isEqualTo(prefixes("10.1.0.0/16", "10.3.0.0/16"));
        assertThat(outcome.problems().values()).containsExactly("cannot route 10.2.0.0/16 through culvert0: refused");
        assertThat(journal.pending()).doesNotContain(new UndoStep.DeleteRoute("10.2.0.0/16", "culvert0"));
        outcome = keeper.keep(config.withRoutes(prefixes("10.3.0.0/16"), Set.of(), Set.of()));
        assertThat(outcome.routed()).isEqualTo(prefixes("10.3.0.0/16"));
        assertThat(host.routes).noneMatch(r -> r.network().equals(IpPrefix.parse("10.1.0.0/16")));
    }

    /** Java writes all eight groups of an address. */
    @Test
    void addressesAreToldOfAsPeopleWriteThem() throws Exception {
        IpPrefix network = IpPrefix.parse("fd77:0:0:0:0:0:0:0/64");
        host.refuses = network::equals;
        assertThat(keeper.keep(config.withRoutes(Set.of(network), Set.of(), Set.of()))
                        .problems()
                        .values())
                .containsExactly("cannot route fd77::/64 through culvert0: refused");
        host.route("fd77::/64", W2, "fe80::1", 1024, 9);
        assertThat(keeper.keep(config.withRoutes(Set.of(network), Set.of(), Set.of()))
                        .problems()
                        .values())
                .singleElement()
                .asString()
                .startsWith("not routed: fd77::/64 is routed on this machine already")
                .contains("(ip -6 route show fd77::/64)");
    }

    /** Whichever gateway is dialled next, of whatever family: it is outside, as far as there is a way outside. */
    @Test
    void everyExcludedHostHasItsOwnWay() throws Exception {
        InetAddress second = IpPrefix.parse("198.51.100.7").network();
        InetAddress sixth = IpPrefix.parse("2001:db8::7").network();
        host.route("::/0", W0, "fe80::1", 1024, 9);
        keeper.keep(config.withRoutes(prefixes("0.0.0.0/0"), Set.of(), prefixes("::/0"))
                .withExcluded(Set.of(GATEWAY, second, sixth)));
        for (InetAddress address : List.of(GATEWAY, second, sixth)) {
            assertThat(host.read().route(address, r -> false))
                    .as(address.getHostAddress())
                    .matches(r -> r.link() == W0 && r.via() != null);
        }
    }

    @Test
    void aSplitTunnelNeedsNoWayForAGatewayOutsideOfIt() throws Exception {
        keeper.keep(
                config.withRoutes(prefixes("10.1.0.0/16"), Set.of(), Set.of()).withExcluded(Set.of(GATEWAY)));
        assertThat(host.routes).noneMatch(r -> r.network().equals(IpPrefix.of(GATEWAY)));
    }

    /** Whatever others do: what is wanted is there as far as it can be, what is theirs is untouched, and nothing stays. */
    @Test
    void convergesWhateverOthersDoAndLeavesTheirsAlone() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String[] networks = {
            "10.1.0.0/16", "10.2.0.0/16", "10.2.3.0/24", "0.0.0.0/0", "0.0.0.0/1", "203.0.113.9/32", "fd20::/64", "::/0"
        };
        HostConfig wanted = config;
        for (int step = 0; step < 600; step++) {
            String what = "seed " + seed + " step " + step;
            String network = networks[random.nextInt(networks.length)];
            int link = random.nextBoolean() ? W0 : W2;
            switch (random.nextInt(8)) {
                case 0, 1 ->
                    host.route(
                            network,
                            link,
                            random.nextBoolean()
                                    ? null
                                    : network.contains(":")
                                            ? "fe80::" + (1 + random.nextInt(3))
                                            : "192.168.7." + (1 + random.nextInt(3)),
                            random.nextInt(3) * 100L,
                            3);
                case 2 -> host.routes.removeIf(r -> r.network().equals(IpPrefix.parse(network)));
                case 3 -> host.set(link, random.nextBoolean());
                case 4 -> host.set(TUN, random.nextInt(4) > 0);
                case 5 -> host.addresses.removeIf(a -> random.nextBoolean());
                case 6 -> host.routes.removeIf(r -> r.protocol() == HostPlan.PROTOCOL && random.nextInt(3) == 0);
                default -> {
                    Set<IpPrefix> some = new LinkedHashSet<>();
                    for (String n : networks) {
                        if (random.nextInt(3) == 0 && !n.startsWith("203")) {
                            some.add(IpPrefix.parse(n));
                        }
                    }
                    wanted = config.withRoutes(some, some, random.nextInt(4) == 0 ? prefixes("::/0") : Set.of())
                            .withExcluded(random.nextInt(5) == 0 ? Set.of() : Set.of(GATEWAY));
                }
            }
            Set<HostState.Route> theirs = host.foreign();
            HostKeeper.Outcome outcome = keeper.keep(wanted);
            assertThat(host.foreign()).as(what).isEqualTo(theirs);
            assertThat(keeper.keep(wanted).changes())
                    .as(what + outcome.problems())
                    .isZero();
            for (IpPrefix prefix : wanted.routes()) {
                if (!outcome.routed().contains(prefix)) {
                    // Only another's route to the same network, or to a half of it, is a reason.
                    List<IpPrefix> parts = HostConfig.parts(prefix);
                    assertThat(theirs.stream().map(HostState.Route::network).collect(Collectors.toSet()))
                            .as(what)
                            .containsAnyElementsOf(parts);
                }
            }
            HostState now = host.read();
            HostState.Route way = now.route(GATEWAY, r -> false);
            boolean covered = now.routes().stream()
                    .anyMatch(r -> r.link() == TUN && r.network().contains(GATEWAY));
            if (covered && wanted.excluded().contains(GATEWAY)) {
                assertThat(way).as(what).isNotNull().matches(r -> r.link() != TUN, what);
            }
        }
        Set<HostState.Route> theirs = host.foreign();
        assertThat(journal.replay()).isEmpty();
        assertThat(Set.copyOf(host.routes)).isEqualTo(theirs);
        assertThat(host.addresses).isEmpty();
        assertThat(journal.pending()).isEmpty();
    }

    @Test
    void theJournalDoesNotGrowWithNetworksThatComeAndGo() throws Exception {
        Set<IpPrefix> even = new LinkedHashSet<>();
        Set<IpPrefix> odd = new LinkedHashSet<>();
        for (int i = 0; i < 2_000; i++) {
            (i % 2 == 0 ? even : odd).add(IpPrefix.parse("10." + i / 256 + "." + i % 256 + ".0/24"));
        }
        for (int i = 0; i < 40; i++) {
            keeper.keep(config.withRoutes(i % 2 == 0 ? even : odd, Set.of(), Set.of()));
        }
        assertThat(directory.resolve("undo.journal").toFile().length()).isLessThan(2 * UndoJournal.REWRITE_BYTES);
        journal.close();
        journal = UndoJournal.open(directory.resolve("undo.journal"), host);
        assertThat(journal.pending()).hasSize(3 + 1_000);
        assertThat(journal.replay()).isEmpty();
        assertThat(host.routes).hasSize(2);
    }
}
