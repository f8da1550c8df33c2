package dev.culvert.gateway.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.store.StateException;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A policy file in a real gateway on loopback: at each OPEN, when it changes, and what clients are told. */
@NullUnmarked
final class GatewayPolicyTest {
    @TempDir
    Path dir;

    private TestNetwork network(String policy) throws Exception {
        write(policy);
        return new TestNetwork(dir, false, 2);
    }

    private void write(String policy) throws IOException {
        TestNetwork.replace(dir.resolve("policy.yaml"), policy);
    }

    private static OpenRequest open(String address, int port, String agent) throws Exception {
        return TestNetwork.open(TestNetwork.tcp(address, port), agent);
    }

    private static OpenRequest openName(String name, int port) {
        return TestNetwork.open(Destination.ofName(Destination.TCP, name, port), "office");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "10.0.0.1; 80;",
                "10.0.0.1; 81; PROHIBITED", // not in the policy
                "10.0.0.9; 80; PROHIBITED", // denied
                "10.1.0.1; 80; PROHIBITED", // not in the token
                "a.lan;    80;", // both name it
                "b.org;    80;", // neither names it, both open addresses
                "x.evil;   80; PROHIBITED", // denied by name
                "127.0.0.1; 80; PROHIBITED"
            })
    void tokenAndPolicyMustBothAllow(String host, int port, Reason expected) throws Exception {
        try (TestNetwork net = network("""
                deny:
                  - {to: 10.0.0.9}
                  - {to: "*.evil"}
                grants:
                  - {who: laptop, agents: office, to: [0.0.0.0/0, "*.lan", "*.evil"], ports: 80/tcp}
                """)) {
            Peer agent = net.agent("office", TestFlow::echo, "0.0.0.0/0");
            Peer client = net.client("laptop", 1, "office:10.0.0.0/24", "office:*.lan", "office:127.0.0.1");
            OpenRequest request = Character.isDigit(host.charAt(0)) ? open(host, port, "office") : openName(host, port);
            assertThat(client.open(request).refused()).isEqualTo(expected);
            assertThat(agent.opens).hasSize(expected == null ? 1 : 0);
        }
    }

    /** Only the agent knows what a name resolves to; so it is told what both sides open, and what is denied. */
    @Test
    void namesAreRestrictedToWhatBothOpenAndNothingDenies() throws Exception {
        try (TestNetwork net = network("""
                deny:
                  - {to: 10.0.0.9}
                grants:
                  - {who: laptop, agents: office, to: [10.0.0.0/16, 10.7.0.0/16], ports: 80}
                  - {who: laptop, agents: office, to: "*.lan"}
                """)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/8");
            Peer client = net.client("laptop", 1, "office:10.0.0.0/24", "office:10.7.7.0/24", "office:db.lan");
            assertThat(client.open(openName("www.org", 80)).refused()).isNull();
            assertThat(agent.opens.take().restriction())
                    .isEqualTo(restriction(List.of("10.0.0.0/24", "10.7.7.0/24"), "10.0.0.9/32"));
            assertThat(client.open(openName("www.lan", 81)).refused())
                    .isNull(); // the policy names it, the token does not
            assertThat(agent.opens.take().restriction())
                    .isEqualTo(restriction(List.of("10.0.0.0/24", "10.7.7.0/24"), "10.0.0.9/32"));
            assertThat(client.open(openName("db.lan", 81)).refused()).isNull(); // both name it
            assertThat(agent.opens.take().restriction()).isEqualTo(restriction(null, "10.0.0.9/32"));
            assertThat(client.open(openName("www.org", 81)).refused()).isEqualTo(Reason.PROHIBITED);
        }
    }

    private static OpenRequest.Restriction restriction(List<String> only, String... except) throws Exception {
        return new OpenRequest.Restriction(only == null ? null : ranges(only), ranges(List.of(except)));
    }

    private static List<OpenRequest.AddressRange> ranges(List<String> prefixes) throws Exception {
        List<OpenRequest.AddressRange> out = new ArrayList<>();
        for (String p : prefixes) {
            String[] halves = p.split("/");
            out.add(new OpenRequest.AddressRange(InetAddress.getByName(halves[0]), Integer.parseInt(halves[1])));
        }
        return out;
    }

    /** Tokens that grant everything to everybody: the policy alone keeps the two apart. */
    @Test
    void twoTenantsNeitherSeeNorReachEachOther() throws Exception {
        try (TestNetwork net = network("""
                groups: {red: [red-laptop], blue: [blue-laptop]}
                tags: {red: [red-office], blue: [blue-office]}
                hosts: {red-db: 10.0.0.5, blue-db: 10.0.0.6}
                grants:
                  - {who: group:red, agents: tag:red, to: [10.0.0.0/24, red-db]}
                  - {who: group:blue, agents: tag:blue, to: [10.0.0.0/24, blue-db]}
                """)) {
            Peer redAgent = net.agent("red-office", TestFlow::echo, "10.0.0.0/24");
            Peer blueAgent = net.agent("blue-office", TestFlow::echo, "10.0.0.0/24");
            for (String mine : List.of("red", "blue")) {
                String other = mine.equals("red") ? "blue" : "red";
                Peer client = net.connect(
                        net.clientToken(mine + "-laptop", Instant.now().plusSeconds(99), "*:0.0.0.0/0"), f -> {});
                Announcement.Reachable told = client.announcements.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS);
                assertThat(told.agents()).singleElement().satisfies(a -> {
                    assertThat(a.name()).isEqualTo(mine + "-office");
                    assertThat(a.routes()).containsExactly("10.0.0.0/24");
                    assertThat(a.services()).singleElement().satisfies(s -> {
                        assertThat(s.name()).isEqualTo(mine + "-db");
                        assertThat(s.ports()).isEqualTo("*");
                    });
                });
                assertThat(told.toString()).doesNotContain(other + "-");
                assertThat(client.open(open("10.0.0.5", 80, mine + "-office")).refused())
                        .isNull();
                assertThat(client.open(open("10.0.0.5", 80, other + "-office")).refused())
                        .isEqualTo(Reason.PROHIBITED);
                // The same answer for an agent that does not exist: nothing is learnt of the other's.
                assertThat(client.open(open("10.0.0.5", 80, "no-office")).refused())
                        .isEqualTo(Reason.PROHIBITED);
            }
            assertThat(redAgent.opens).hasSize(1);
            assertThat(blueAgent.opens).hasSize(1);
        }
    }

    @Test
    void aChangeEndsWhatIsNoLongerAllowedAndNothingElse() throws Exception {
        String before = "grants: [{who: laptop, agents: office, to: 10.0.0.0/24}]";
        String after = "grants: [{who: laptop, agents: office, to: [10.0.0.1, \"kept.lan\"]}]";
        try (TestNetwork net = network(before)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow kept = client.open(open("10.0.0.1", 80, "office"));
            List<TestFlow> lost = new ArrayList<>();
            for (int i = 2; i < 200; i++) {
                lost.add(client.open(open("10.0.0." + i, 80, "office")));
            }
            for (TestFlow flow : lost) {
                assertThat(flow.refused()).isNull();
            }
            assertThat(kept.refused()).isNull();
            write(after);
            net.gateway.reloadPolicy();
            for (TestFlow flow : lost) {
                assertThat(flow.ended()).isEqualTo(Reason.PROHIBITED);
            }
            await().untilAsserted(() -> assertThat(agent.flows()).isEqualTo(1));
            kept.send(new byte[] {1, 2, 3});
            kept.finish();
            assertThat(kept.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).containsExactly(1, 2, 3);
            assertThat(client.open(open("10.0.0.2", 80, "office")).refused()).isEqualTo(Reason.PROHIBITED);
            assertThat(client.down).isNotDone();
            await().untilAsserted(() -> assertThat(net.flowsAtGateway()).isZero());
        }
    }

    /** A flow that the agent has not answered yet is refused, and the agent's dial is cancelled. */
    @Test
    void aChangeRefusesWhatIsBeingDialled() throws Exception {
        try (TestNetwork net = network("grants: [{who: laptop, agents: office, to: 10.0.0.0/24}]")) {
            Peer agent = net.agent("office", f -> {}, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow dialling = client.open(open("10.0.0.1", 80, "office"));
            assertThat(agent.opens.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS)).isNotNull();
            write("grants: []");
            net.gateway.reloadPolicy();
            assertThat(dialling.refused()).isEqualTo(Reason.PROHIBITED);
            await().untilAsserted(() -> assertThat(agent.flows()).isZero());
        }
    }

    /** Written while nobody signals: found by looking. What is wrong with it, or fails its own tests, changes nothing. */
    @Test
    void aFileThatIsWrongChangesNothing() throws Exception {
        try (TestNetwork net = network("grants: [{who: laptop, agents: office, to: 10.0.0.0/24}]")) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            for (String wrong : List.of(
                    "grants: [{who: laptop",
                    "grants: []\ntests: [{client: laptop, agent: office, allow: [\"10.0.0.1:80\"]}]",
                    "")) {
                write(wrong);
                net.gateway.reloadPolicy();
                assertThat(client.open(open("10.0.0.1", 80, "office")).refused())
                        .isNull();
            }
            Files.delete(dir.resolve("policy.yaml"));
            net.gateway.reloadPolicy();
            assertThat(client.open(open("10.0.0.1", 80, "office")).refused()).isNull();
            write("grants: []");
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .until(() -> client.open(open("10.0.0.1", 80, "office")).refused() == Reason.PROHIBITED);
        }
    }

    @Test
    void aGatewayDoesNotStartWithAFileThatIsWrong() throws Exception {
        assertThatThrownBy(() -> network("grants:\n  - {who: laptop, agent: office}"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("policy.yaml:2:5: a grant lacks 'agents'")
                .hasMessageContaining("more: gateway policy check");
    }

    @Test
    void limitsAreOfTheClientNotOfTheLink() throws Exception {
        try (TestNetwork net = network("""
                grants: [{who: "*", agents: office, to: 10.0.0.0/24}]
                limits: [{who: laptop, flows: 3}, {who: scanner, new-flows-per-second: 5}]
                """)) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer one = net.client("laptop", 1, "*:10.0.0.0/24");
            Peer two = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow first = one.open(open("10.0.0.1", 1, "office"));
            assertThat(first.refused()).isNull();
            assertThat(one.open(open("10.0.0.1", 2, "office")).refused()).isNull();
            assertThat(two.open(open("10.0.0.1", 3, "office")).refused()).isNull();
            assertThat(two.open(open("10.0.0.1", 4, "office")).refused()).isEqualTo(Reason.OVERLOADED);
            first.close();
            await().until(() -> two.open(open("10.0.0.1", 5, "office")).refused() == null);

            Peer scanner = net.client("scanner", 1, "*:10.0.0.0/24");
            List<TestFlow> flows = new ArrayList<>();
            for (int i = 1; i <= 200; i++) {
                flows.add(scanner.open(open("10.0.0.1", i, "office")));
            }
            int refused = 0;
            for (TestFlow flow : flows) {
                refused += flow.refused() == Reason.OVERLOADED ? 1 : 0;
            }
            assertThat(refused).isGreaterThan(100);
            assertThat(flows.get(0).refused()).isNull();
            assertThat(net.client("other", 1, "*:10.0.0.0/24")
                            .open(open("10.0.0.1", 1, "office"))
                            .refused())
                    .isNull();
        }
    }

    @Test
    void theRateIsThatOfTheClock() throws Exception {
        ClientUsage usage = new ClientUsage(new java.util.concurrent.atomic.LongAdder());
        dev.culvert.policy.ClientLimits limits = new dev.culvert.policy.ClientLimits(List.of(), 1_000, 10, null, null);
        int begun = 0;
        for (int i = 0; i < 50; i++) {
            begun += usage.asks(limits, 0) == null ? 1 : 0;
        }
        assertThat(begun).isEqualTo(10);
        assertThat(usage.asks(limits, 99_999_999)).contains("10 new flows a second");
        assertThat(usage.asks(limits, 100_000_000)).isNull();
    }

    private interface Trouble {
        void come() throws IOException;
    }

    /** Of a file that cannot always be read. */
    private static PolicyKeeper keeper(TestNetwork net, java.time.Clock clock, Path file, Trouble trouble) {
        PolicySource plain = PolicySource.of(file);
        PolicySource troubled = new PolicySource() {
            @Override
            public String where() {
                return plain.where();
            }

            @Override
            public Stamp stamp() throws StateException {
                return plain.stamp();
            }

            @Override
            public boolean isWhole() {
                return plain.isWhole();
            }

            @Override
            public PolicyFile.Loaded load(SensitiveAddresses sensitive) throws IOException {
                trouble.come();
                return plain.load(sensitive);
            }
        };
        return new PolicyKeeper(troubled, net.policyInForce(), net.services().audit(), clock);
    }

    /** Out of descriptors, a server of files that is away, rights given later: nothing that the file shows when it is over. */
    @Test
    void whatCouldNotBeReadOnceIsReadAgain() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Path file = Files.writeString(dir.resolve("p.yaml"), "grants: []");
            int[] reads = {0};
            int[] failures = {0};
            try (PolicyKeeper keeper = keeper(net, java.time.Clock.systemUTC(), file, () -> {
                reads[0]++;
                if (failures[0] > 0) {
                    failures[0]--;
                    throw new java.io.IOException("Too many open files");
                }
            })) {
                keeper.start(true);
                Files.writeString(file, "grants: [{who: laptop, agents: office, to: 10.0.0.1}]");
                failures[0] = 3;
                for (int i = 0; i < 10; i++) {
                    keeper.tick();
                }
                assertThat(failures[0]).isZero();
                assertThat(net.policyInForce().policy().policy().grants()).hasSize(1);
                reads[0] = 0;
                Files.writeString(file, "grants: [nonsense]");
                for (int i = 0; i < 10; i++) {
                    keeper.tick();
                }
                assertThat(reads[0]).as("a wrong one is told once").isBetween(1, 2);
            }
        }
    }

    /** Else it would come into force again, two seconds after each change. */
    @Test
    void aPolicyReadTwiceIsTheSame() throws Exception {
        String text = Files.readString(Path.of("../docs/policy.md"));
        String yaml = text.substring(text.indexOf("```yaml") + 8, text.indexOf("```\n", text.indexOf("```yaml") + 8));
        assertThat(dev.culvert.policy.PolicyParser.parse(yaml)).isEqualTo(dev.culvert.policy.PolicyParser.parse(yaml));
    }

    /** The window of a grant closes: the flow ends, and none is opened until it opens again. */
    @Test
    void flowsEndWithTheirWindow() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Path file = dir.resolve("windows.yaml");
            Files.writeString(file, """
                    grants:
                      - {who: laptop, agents: office, to: 10.0.0.1,
                         when: {days: mon-fri, from: 08:00, to: 18:00, zone: Europe/Zurich}}
                      - {who: laptop, agents: office, to: 10.0.0.2, until: 2026-11-23T17:30:00Z}
                    """);
            SetClock clock = new SetClock(Instant.parse("2026-11-23T16:59:59Z"));
            try (PolicyKeeper keeper = new PolicyKeeper(
                    PolicySource.of(file), net.policyInForce(), net.services().audit(), clock)) {
                keeper.start(true);
                net.agent("office", TestFlow::echo, "10.0.0.0/24");
                Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
                TestFlow byWindow = client.open(open("10.0.0.1", 80, "office"));
                TestFlow byEnd = client.open(open("10.0.0.2", 80, "office"));
                assertThat(byWindow.refused()).isNull();
                assertThat(byEnd.refused()).isNull();
                clock.now = Instant.parse("2026-11-23T17:00:00Z");
                keeper.tick();
                assertThat(byWindow.ended()).isEqualTo(Reason.PROHIBITED);
                assertThat(client.open(open("10.0.0.1", 80, "office")).refused())
                        .isEqualTo(Reason.PROHIBITED);
                assertThat(byEnd.hasEnded()).isFalse();
                clock.now = Instant.parse("2026-11-23T17:30:00Z");
                keeper.tick();
                assertThat(byEnd.ended()).isEqualTo(Reason.PROHIBITED);
                clock.now = Instant.parse("2026-11-24T07:00:00Z");
                keeper.tick();
                // Denied before and after: once it is answered the link's loop has taken up the new policy, too. An
                // OPEN that
                // comes in the turn in which the policy changes may still be judged by the old one.
                assertThat(client.open(open("10.0.0.2", 80, "office")).refused())
                        .isEqualTo(Reason.PROHIBITED);
                assertThat(client.open(open("10.0.0.1", 80, "office")).refused())
                        .isNull();
            }
        }
    }

    /** Neither a file that cannot be read nor one whose directory is shut holds a window open. */
    @Test
    void windowsCloseAlsoWhileTheFileCannotBeRead() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Path file = Files.writeString(
                    dir.resolve("until.yaml"),
                    "grants: [{who: laptop, agents: office, to: 10.0.0.1, until: 2026-11-23T17:30:00Z}]");
            SetClock clock = new SetClock(Instant.parse("2026-11-23T17:00:00Z"));
            boolean[] readable = {true};
            try (PolicyKeeper keeper = keeper(net, clock, file, () -> {
                if (!readable[0]) {
                    throw new java.nio.file.AccessDeniedException(file.toString());
                }
            })) {
                keeper.start(true);
                net.agent("office", TestFlow::echo, "10.0.0.0/24");
                Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
                TestFlow flow = client.open(open("10.0.0.1", 80, "office"));
                assertThat(flow.refused()).isNull();
                readable[0] = false;
                Files.writeString(file, "grants: [{who: laptop, agents: office, to: [10.0.0.1, 10.0.0.2]}]");
                keeper.tick();
                keeper.tick();
                clock.now = Instant.parse("2026-11-23T17:30:00Z");
                keeper.tick();
                assertThat(flow.ended()).isEqualTo(Reason.PROHIBITED);
                readable[0] = true;
                keeper.tick();
                assertThat(net.policyInForce().policy().policy().grants().get(0).to())
                        .hasSize(2);
            }
        }
    }

    /** To open one waits for somebody who writes into it; nothing else may wait with it. */
    @Test
    @Timeout(60)
    void aPipeIsNoPolicyAndHoldsNothingUp() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Path file = Files.writeString(dir.resolve("pipe.yaml"), "grants: []");
            try (PolicyKeeper keeper = new PolicyKeeper(
                    PolicySource.of(file), net.policyInForce(), net.services().audit(), java.time.Clock.systemUTC())) {
                keeper.start(true);
                Files.delete(file);
                assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor())
                        .isZero();
                keeper.tick();
                keeper.tick();
                Files.delete(file);
                Files.writeString(file, "grants: [{who: laptop, agents: office, to: 10.0.0.1}]");
                keeper.tick();
                keeper.tick();
                assertThat(net.policyInForce().policy().policy().grants()).hasSize(1);
            }
        }
    }

    /** A file that somebody writes anew all the time is in force all the same: what it denies does not wait for ever. */
    @Test
    void aFileThatNeverRestsIsRead() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Path file = Files.writeString(
                    dir.resolve("restless.yaml"), "grants: [{who: laptop, agents: office, to: 10.0.0.1}]");
            try (PolicyKeeper keeper = new PolicyKeeper(
                    PolicySource.of(file), net.policyInForce(), net.services().audit(), java.time.Clock.systemUTC())) {
                keeper.start(true);
                for (int i = 0; i <= 2 * PolicyKeeper.RESTLESS_TICKS; i++) {
                    Files.writeString(file, "deny: [{to: 10.0.0.1}]\ngrants: [] # " + "x".repeat(i));
                    keeper.tick();
                }
                assertThat(net.policyInForce().policy().policy().denies()).hasSize(1);
            }
        }
    }

    @Test
    void restrictionsThatCover() throws Exception {
        OpenRequest.Restriction wide = restriction(List.of("10.0.0.0/8"), "10.9.0.0/16");
        assertThat(Restrictions.covers(null, wide)).isTrue();
        assertThat(Restrictions.covers(wide, null)).isFalse();
        assertThat(Restrictions.covers(wide, restriction(List.of("10.1.0.0/16"), "10.0.0.0/8")))
                .isTrue();
        assertThat(Restrictions.covers(wide, restriction(List.of("10.1.0.0/16"))))
                .as("10.9.0.0/16 is denied anew")
                .isFalse();
        assertThat(Restrictions.covers(wide, restriction(List.of("11.0.0.0/8"), "10.9.0.0/16")))
                .isFalse();
        assertThat(Restrictions.covers(restriction(null, "10.9.0.0/16"), wide)).isTrue();
    }
}
