package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.PublishingAgent;
import dev.culvert.gateway.publish.PublicationEntry.State;
import dev.culvert.gateway.publish.PublicationTable.NameUse;
import dev.culvert.policy.Policy;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.PolicyParser;
import dev.culvert.policy.publication.PublicPlaces;
import dev.culvert.policy.publication.PublicSide.Ports;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.Publication;
import dev.culvert.token.AgentToken;
import dev.culvert.token.PublishRight;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.frame.Announcement;
import java.net.InetAddress;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@NullUnmarked
final class PublicationsTest {
    private static final Instant START = Instant.parse("2026-11-30T00:00:00Z");

    private final SetClock clock = new SetClock(START);
    private final PolicyInForce policy = new PolicyInForce(SensitiveAddresses.standard());
    private final Set<String> revoked = new HashSet<>();
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
    private final Publications publications = new Publications(
            policy,
            token -> revoked.contains(token.id()),
            Services.of(AuditLog.none(), clock, System::nanoTime, 1_000).lines(),
            clock,
            tasks::add);
    private long links;

    private final class Link implements PublishingAgent {
        final AgentToken token;
        final long number = ++links;
        List<Announcement.Refused> refused = List.of();
        int answers;

        Link(AgentToken token) {
            this.token = token;
        }

        @Override
        public String name() {
            return token.name();
        }

        @Override
        public String holderKey() {
            return "agent " + name();
        }

        @Override
        public long number() {
            return number;
        }

        @Override
        public AgentToken token() {
            return token;
        }

        @Override
        public void refused(List<Announcement.Refused> now) {
            refused = now;
            answers++;
        }

        Link says(String... texts) {
            publications.announced(this, List.of(texts));
            settle();
            return this;
        }

        void goes() {
            publications.gone(this);
            settle();
        }

        List<String> whys() {
            return refused.stream().map(Announcement.Refused::why).toList();
        }
    }

    private static AgentToken token(String agent, String... rights) {
        return token(agent, List.of("10.0.0.0/8"), rights);
    }

    private static AgentToken token(String agent, List<String> routes, String... rights) {
        TokenTerms terms = TokenTerms.of(
                agent, List.of(URI.create("wss://gateway.example")), null, START, START.plusSeconds(3_600));
        return new AgentToken(
                terms,
                routes.stream().map(IpPrefix::parse).toList(),
                Arrays.stream(rights).map(PublishRight::parse).toList());
    }

    private Link link(String agent, String... rights) {
        return new Link(token(agent, rights));
    }

    private void settle() {
        while (!tasks.isEmpty()) {
            tasks.remove().run();
        }
    }

    private void policy(String yaml) throws PolicyException {
        policy.policy(PolicyParser.parse("grants: []\n" + yaml).at(START, policy.sensitive()));
        settle();
    }

    private List<String> inForce() {
        return publications.table().all().stream()
                .map(p -> p.agent() + " " + p.publication().at())
                .toList();
    }

    private static String agentOf(Published published) {
        return published == null
                ? "nobody"
                : published.agent() + " " + published.publication().to();
    }

    @Test
    void tableFindsByNameWildcardPathAndPort() {
        link("office", "*.example.com", ":2000-2999/tcp,udp")
                .says(
                        "app.example.com=http://10.0.0.1:1",
                        "app.example.com/api=http://10.0.0.1:2",
                        "app.example.com/api/v2=h2c://10.0.0.1:3",
                        "*.example.com=https://10.0.0.1:4",
                        "mail.example.com=tls://10.0.0.1:5",
                        "tcp:2000-2009=10.0.0.1:6000",
                        "udp:2005=10.0.0.1:53");
        PublicationTable table = publications.table();
        assertThat(table.all()).hasSize(7);
        assertThat(agentOf(table.web("APP.example.com.", "/"))).endsWith(":1");
        assertThat(agentOf(table.web("app.example.com", "/api"))).endsWith(":2");
        assertThat(agentOf(table.web("app.example.com", "/api/v1?x"))).endsWith(":2");
        assertThat(agentOf(table.web("app.example.com", "/api/v2/x"))).endsWith(":3");
        assertThat(agentOf(table.web("app.example.com", "/apiary"))).endsWith(":1");
        assertThat(agentOf(table.web("x.example.com", "/"))).endsWith(":4");
        assertThat(table.web("a.b.example.com", "/"))
                .as("a wildcard is one label")
                .isNull();
        assertThat(table.web("example.com", "/")).isNull();
        assertThat(table.web("com", "/")).isNull();
        assertThat(table.web("10.0.0.1", "/")).isNull();
        assertThat(table.web("mail.example.com", "/")).as("what is not read").isNull();
        assertThat(agentOf(table.passedThrough("mail.example.com"))).endsWith(":5");
        assertThat(table.passedThrough("app.example.com")).isNull();
        assertThat(List.of(
                        table.use("mail.example.com"),
                        table.use("app.example.com"),
                        table.use("y.example.com"),
                        table.use("example.com")))
                .containsExactly(NameUse.PASSED_THROUGH, NameUse.WEB, NameUse.WEB, NameUse.UNKNOWN);
        Published range = table.port(Transport.TCP, 2_003);
        assertThat(range.destinationOf(2_003)).hasToString("tcp 10.0.0.1:6003");
        assertThat(range.grant()).hasToString("office:10.0.0.1/32:6000-6009/tcp");
        assertThat(table.port(Transport.UDP, 2_005).destinationOf(2_005)).hasToString("udp 10.0.0.1:53");
        assertThat(table.port(Transport.UDP, 2_003)).isNull();
        assertThat(table.ports()).hasSize(11);
        assertThat(table.certificateNames())
                .containsExactlyInAnyOrder(HostPattern.parse("app.example.com"), HostPattern.parse("*.example.com"));
    }

    @Test
    void firstStaysAndTheOtherIsToldByWhom() {
        Link office = link("office", "app.example.com").says("app.example.com=http://10.0.0.1:80");
        Link branch = link("branch", "app.example.com").says("app.example.com=http://10.0.0.2:80");
        assertThat(inForce()).containsExactly("office app.example.com");
        assertThat(office.answers).isZero();
        assertThat(branch.refused)
                .containsExactly(
                        new Announcement.Refused(
                                "app.example.com",
                                "agent 'office' publishes it already; publish it under another name or port, or take that one back"));
        office.says(); // it gives the name up
        assertThat(inForce()).containsExactly("branch app.example.com");
        assertThat(branch.refused).isEmpty();
        assertThat(branch.answers).isEqualTo(2);
    }

    @Test
    void whatIsPassedThroughTakesTheWholeName() {
        link("office", "a.example").says("a.example/x=http://10.0.0.1:80");
        Link branch =
                link("branch", "a.example").says("a.example=tls://10.0.0.2:443", "a.example/y=http://10.0.0.2:80");
        assertThat(branch.whys()).hasSize(2).first().asString().contains("the agent itself");
        assertThat(inForce()).containsExactly("office a.example/x");
        branch.says("a.example/y=http://10.0.0.2:80");
        assertThat(inForce()).containsExactly("office a.example/x", "branch a.example/y");
    }

    @Test
    void instancesOfOneAgentShareAndTheNewestCounts() {
        AgentToken token = token("office", "a.example", "b.example");
        Link one = new Link(token).says("a.example=http://10.0.0.1:80");
        Link two = new Link(token).says("a.example=http://10.0.0.1:80");
        assertThat(inForce()).containsExactly("office a.example");
        one.goes();
        assertThat(inForce()).containsExactly("office a.example");
        Link three = new Link(token).says("a.example=http://10.0.0.9:80", "b.example=http://10.0.0.1:80");
        assertThat(agentOf(publications.table().web("a.example", "/"))).isEqualTo("office http://10.0.0.9:80");
        assertThat(two.whys())
                .containsExactly("a newer instance of agent 'office' publishes a.example=http://10.0.0.9:80;"
                        + " start both with the same publications");
        three.goes();
        assertThat(agentOf(publications.table().web("a.example", "/"))).isEqualTo("office http://10.0.0.1:80");
        assertThat(inForce())
                .as("another instance is there, so it is known that b is not meant")
                .hasSize(1);
        assertThat(two.refused).isEmpty();
    }

    @Test
    void tokenMustHoldTheRight() {
        Link office = link("office", "a.example", "*.apps.example", ":22/tcp")
                .says(
                        "a.example=http://10.0.0.1:80",
                        "b.example=http://10.0.0.1:80",
                        "*.apps.example=http://10.0.0.1:80",
                        "*.example=http://10.0.0.1:80",
                        "any.example=http://10.0.0.1:80",
                        "tcp:22=10.0.0.1:22",
                        "tcp:22-23=10.0.0.1:22",
                        "udp:22=10.0.0.1:22",
                        "tcp:23=11.0.0.1:23");
        assertThat(inForce()).containsExactly("office a.example", "office *.apps.example", "office tcp:22");
        assertThat(office.refused.stream()
                        .map(Announcement.Refused::publication)
                        .toList())
                .containsExactly("tcp:22-23=10.0.0.1:22", "b.example", "*.example", "any.example", "udp:22", "tcp:23");
        assertThat(office.whys().get(2))
                .isEqualTo(
                        "the token of agent 'office' does not hold it; make one with token agent --publish '*.example'");
        assertThat(office.whys().get(4)).endsWith("--publish :22/udp");
    }

    @Test
    void targetMustBeTheAgents() {
        Link office = link("office", "a.example", "b.example")
                .says("a.example=http://11.0.0.1:80", "b.example=http://wiki.lan:80");
        assertThat(inForce()).as("what a name resolves to the agent knows").containsExactly("office b.example");
        assertThat(office.whys())
                .containsExactly(
                        "its target 11.0.0.1 lies in no network of agent 'office'; make its token with --routes"
                                + " that hold it");
    }

    @Test
    void policyMustAllowWhatAgentsSay() throws PolicyException {
        Link office = link("office", "*.example", ":22/tcp")
                .says("a.example=http://10.0.0.1:80", "*.b.example=http://10.0.0.1:80", "tcp:22=10.0.0.1:22");
        assertThat(inForce()).as("without a policy tokens decide").hasSize(3);
        policy("publish: [{agents: office, hosts: [any.b.example, a.example]}]");
        assertThat(inForce()).containsExactly("office a.example");
        assertThat(office.whys())
                .hasSize(2)
                .allMatch(w -> w.equals("the gateway's policy does not let agent 'office' publish it; allow it there"
                        + " under 'publish:'"));
        policy("publish: [{agents: office, hosts: \"*.b.example\", ports: 20-30/tcp}]");
        assertThat(inForce()).containsExactly("office *.b.example", "office tcp:22");
    }

    @Test
    void policyPublishesItselfAndGoesFirst() throws PolicyException {
        Link office = link("office", "a.example").says("a.example=http://10.0.0.1:80");
        policy("""
                publish: [{agents: "*", hosts: ["*.example"]}]
                publications:
                  - {agent: branch, public: a.example, target: "http://10.0.0.2:80"}
                """);
        assertThat(inForce()).as("branch is away").containsExactly("branch a.example");
        assertThat(publications.entries().get(0).state()).isEqualTo(State.AWAY);
        assertThat(publications.table().certificateNames())
                .as("no token's right is known")
                .isEmpty();
        assertThat(office.whys())
                .containsExactly("the gateway's policy publishes it already, through agent 'branch'; publish it under"
                        + " another name or port, or take that one back");
        Link wrong = link("branch", "b.example").says();
        assertThat(inForce()).as("its token does not hold it").containsExactly("office a.example");
        wrong.goes();
        Link branch = link("branch", "a.example").says();
        assertThat(inForce()).containsExactly("branch a.example");
        assertThat(publications.table().certificateNames()).containsExactly(HostPattern.parse("a.example"));
        branch.goes();
        assertThat(publications.entries().get(0).state()).isEqualTo(State.AWAY);
        assertThat(publications.table().certificateNames())
                .as("its token's right was seen")
                .hasSize(1);
    }

    @Test
    void anAgentMaySayWhatThePolicySays() throws PolicyException {
        policy("publications: [{agent: office, public: a.example, target: \"http://10.0.0.1:80\"}]");
        Link office = link("office", "a.example").says("a.example=http://10.0.0.1:80");
        assertThat(office.answers).isZero();
        assertThat(publications.entries()).hasSize(1);
        Link other = link("office", "a.example").says("a.example=http://10.0.0.1:81");
        assertThat(other.whys()).hasSize(1);
    }

    @Test
    void agentThatGoesKeepsItsPlaceUntilAnotherAsks() {
        Link office = link("office", "a.example", "b.example")
                .says("a.example=http://10.0.0.1:80", "b.example=http://10.0.0.1:80");
        office.goes();
        assertThat(inForce()).hasSize(2);
        assertThat(publications.entries()).allMatch(e -> e.state() == State.AWAY);
        Link branch = link("branch", "a.example").says("a.example=http://10.0.0.2:80");
        assertThat(inForce()).containsExactly("branch a.example", "office b.example");
        Link back = new Link(office.token).says("a.example=http://10.0.0.1:80", "b.example=http://10.0.0.1:80");
        assertThat(inForce()).containsExactlyInAnyOrder("branch a.example", "office b.example");
        assertThat(back.refused).hasSize(1);
        branch.goes();
        assertThat(inForce()).containsExactlyInAnyOrder("office a.example", "office b.example");
        assertThat(back.refused).isEmpty();
    }

    @Test
    void revokedAndExpiredPublishNothing() {
        Link office = link("office", "a.example").says("a.example=http://10.0.0.1:80");
        Link branch = link("branch", "b.example").says("b.example=http://10.0.0.1:80");
        office.goes();
        branch.goes();
        assertThat(inForce()).hasSize(2);
        revoked.add(office.token.id());
        publications.changed();
        settle();
        assertThat(inForce()).containsExactly("branch b.example");
        clock.now = branch.token.expires().minusMillis(1);
        publications.lookAtClock();
        assertThat(tasks).isEmpty();
        clock.now = branch.token.expires();
        publications.lookAtClock();
        settle();
        assertThat(inForce()).isEmpty();
        assertThat(publications.entries()).isEmpty();
    }

    @Test
    void gatewaysOwnIsNobodys() {
        publications.reserve(Set.of("gate.example"), Set.of(new PublicPort(Transport.TCP, 443)));
        Link office = link("office", "*.example", ":1-65535/tcp,udp")
                .says(
                        "gate.example=http://10.0.0.1:80",
                        "gate.example/x=http://10.0.0.1:80",
                        "*.example=http://10.0.0.1:80",
                        "tcp:440-450=10.0.0.1:440",
                        "udp:443=10.0.0.1:443");
        assertThat(inForce()).containsExactly("office *.example", "office udp:443");
        assertThat(office.whys())
                .hasSize(3)
                .allMatch(w -> w.equals("it is the gateway's own; publish under another name or port"));
        PublicationTable table = publications.table();
        assertThat(table.web("other.example", "/")).isNotNull();
        assertThat(table.web("Gate.Example.", "/")).as("nor the wildcard's").isNull();
        assertThat(table.use("gate.example")).isEqualTo(PublicationTable.NameUse.UNKNOWN);
        publications.reserve(Set.of(), Set.of());
        settle();
        assertThat(publications.table().use("gate.example")).isEqualTo(PublicationTable.NameUse.WEB);
    }

    /** As a client's grant: who may reach every address has not been given those by which the machine itself is spoken to. */
    @ParameterizedTest
    @CsvSource({
        "169.254.169.254, 169.254.169.254/32",
        "127.0.0.1, 127.0.0.0/8",
        "0.0.0.0, 0.0.0.0/8",
        "[::1], ::1/128",
        "[::ffff:127.0.0.1], 127.0.0.1/32",
        "[fe80::1], fe80::/10",
        "[fd00:ec2::254], fd00:ec2::/64",
        "198.51.100.1, 198.51.100.1/32"
    })
    void sensitiveTargetsAreToBeNamed(String target, String named) throws Exception {
        policy.sensitive(SensitiveAddresses.with(List.of(InetAddress.getByName("198.51.100.1"))));
        List<String> wide = List.of("0.0.0.0/0", "::/0");
        Link office = new Link(token("office", wide, "a.example", "b.example", ":22/tcp"))
                .says(
                        "a.example=http://" + target + ":80",
                        "tcp:22=" + target + ":22",
                        "b.example=http://192.0.2.1:80");
        assertThat(inForce()).containsExactly("office b.example");
        assertThat(office.whys())
                .hasSize(2)
                .allMatch(w -> w.contains("make the agent's token with --routes that name it"));
        office.goes();
        List<String> naming = List.of(wide.get(0), wide.get(1), named);
        Link renewed = new Link(token("office", naming, "a.example")).says("a.example=http://" + target + ":80");
        assertThat(inForce()).contains("office a.example");
        renewed.goes();
        String byPolicy = "publications: [{agent: office, public: p.example, target: \"http://" + target + ":80\"}]";
        policy(byPolicy);
        Link again = new Link(token("office", wide, "p.example")).says();
        assertThat(inForce()).as("the policy's neither").doesNotContain("office p.example");
        again.goes();
        new Link(token("office", naming, "p.example")).says();
        assertThat(inForce()).contains("office p.example");
    }

    /** Addresses that become the gateway's own are judged at once. */
    @Test
    void anAddressThatBecomesTheGatewaysIsPublishedNoMore() throws Exception {
        new Link(token("office", List.of("0.0.0.0/0"), "a.example")).says("a.example=http://198.51.100.1:80");
        assertThat(inForce()).hasSize(1);
        policy.sensitive(SensitiveAddresses.with(List.of(InetAddress.getByName("198.51.100.1"))));
        settle();
        assertThat(inForce()).isEmpty();
    }

    @Test
    void portsAreBounded() {
        Link office = link("office", ":1-65535/tcp")
                .says(
                        "tcp:1000-1255=10.0.0.1:1",
                        "tcp:2000-2255=10.0.0.1:1",
                        "tcp:3000-3255=10.0.0.1:1",
                        "tcp:4000-4254=10.0.0.1:1",
                        "tcp:5000=10.0.0.1:1",
                        "tcp:6000=10.0.0.1:1");
        assertThat(publications.table().ports()).hasSize(ClaimJudge.MAX_PORTS);
        assertThat(office.whys()).hasSize(1).first().asString().contains("most is 1024");
    }

    @Test
    void whatALaterAgentSaysIsRefusedAndTheRestCounts() {
        Link office = link("office", "a.example", "b.example")
                .says("a.example=http://10.0.0.1:80,tea=green", "b.example=http://10.0.0.1:80");
        assertThat(inForce()).containsExactly("office b.example");
        assertThat(office.whys()).hasSize(1).first().asString().contains("there is no option 'tea'");
    }

    @Test
    void listenersHearOfEachChangeOnce() {
        List<Integer> heard = new ArrayList<>();
        publications.add(now -> heard.add(now.all().size()));
        settle();
        Link office = link("office", "a.example").says("a.example=http://10.0.0.1:80");
        office.goes(); // away, and in force still
        new Link(office.token).says("a.example=http://10.0.0.1:80");
        assertThat(heard).containsExactly(0, 1);
    }

    /** Whoever is let in by a table may open what is in it, from before it is in force until after. */
    @Test
    void listenersHearOfAChangeBeforeItIsInForce() {
        List<String> heard = new ArrayList<>();
        publications.add(new Publications.Listener() {
            @Override
            public void publicationsChanging(PublicationTable before, PublicationTable next) {
                heard.add(before.all().size() + " to " + next.all().size() + ", in force "
                        + publications.table().all().size());
            }

            @Override
            public void publicationsChanged(PublicationTable now) {
                heard.add(now.all().size() + ", in force "
                        + publications.table().all().size());
            }
        });
        settle();
        Link office = link("office", "a.example").says("a.example=http://10.0.0.1:80");
        office.says();
        assertThat(heard)
                .containsExactly(
                        "0 to 0, in force 0",
                        "0, in force 0",
                        "0 to 1, in force 0",
                        "1, in force 1",
                        "1 to 0, in force 1",
                        "0, in force 0");
    }

    /** A storm of comings and goings is judged once. */
    @Test
    void manyAtOnceAreOneJudgement() {
        settle();
        for (int i = 0; i < 100; i++) {
            publications.announced(
                    link("a" + i, "n" + i + ".example"), List.of("n" + i + ".example=http://10.0.0.1:80"));
        }
        assertThat(tasks).hasSize(1);
        settle();
        assertThat(inForce()).hasSize(100);
    }

    /**
     * Agents come, say, go, are revoked, and policies change, at random. After each step: nothing in force is in another's way; all
     * of it is said and allowed; what is said, allowed and free is in force; and who is there and had a place keeps it.
     */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void whateverHappens(long seed) throws PolicyException {
        Random random = new Random(seed);
        List<String> agents = List.of("a", "b", "c");
        List<String> sides = List.of(
                "x.example", "x.example/p", "y.example", "*.example", "tcp:20-22", "tcp:22", "udp:22", "z.other");
        List<String> policies = List.of(
                "publish: [{agents: \"*\", hosts: [\"*.example\", z.other], ports: 1-100}]",
                "publish: [{agents: [a, b], hosts: [\"*.example\"], ports: 22}]",
                "publish: [{agents: c, hosts: [x.example, z.other]}]\n"
                        + "publications: [{agent: a, public: y.example, target: \"http://10.0.0.7:1\"}]",
                "publications: [{agent: b, public: x.example, target: \"tls://10.0.0.7:1\"}]",
                "");
        Map<Link, List<String>> present = new LinkedHashMap<>();
        Map<String, AgentToken> tokens = new HashMap<>();
        Policy now = null;
        for (int step = 0; step < 400; step++) {
            List<Published> before = publications.table().all();
            int dice = random.nextInt(20);
            if (dice < 9 || present.isEmpty()) {
                String agent = agents.get(random.nextInt(agents.size()));
                AgentToken token = tokens.computeIfAbsent(
                        agent,
                        a -> random.nextInt(4) == 0
                                ? token(a, "x.example")
                                : token(a, "*.example", "z.other", ":1-100/tcp,udp"));
                Link link = present.size() > 4 || random.nextBoolean() && !present.isEmpty()
                        ? new ArrayList<>(present.keySet()).get(random.nextInt(present.size()))
                        : new Link(token);
                PublicPlaces<String> places = new PublicPlaces<>();
                List<String> says = new ArrayList<>();
                for (String side : sides) {
                    boolean raw = side.contains(":");
                    String text =
                            side + "=" + (raw ? "" : side.contains("/") || random.nextBoolean() ? "http://" : "tls://")
                                    + "10.0.0." + random.nextInt(2) + ":" + (random.nextInt(2) + 1);
                    if (random.nextInt(3) == 0 && places.inTheWay(Publication.parse(text)) == null) {
                        places.take(Publication.parse(text), text);
                        says.add(text);
                    }
                }
                present.put(link, says);
                link.says(says.toArray(String[]::new));
            } else if (dice < 14) {
                Link link = new ArrayList<>(present.keySet()).get(random.nextInt(present.size()));
                present.remove(link);
                link.goes();
            } else if (dice < 16) {
                String agent = agents.get(random.nextInt(agents.size()));
                AgentToken old = tokens.remove(agent);
                if (old != null) { // as LinkCutter does
                    revoked.add(old.id());
                    publications.changed();
                    settle();
                    List<Link> cut = present.keySet().stream()
                            .filter(l -> l.token == old)
                            .toList();
                    cut.forEach(present::remove);
                    cut.forEach(Link::goes);
                }
            } else if (dice < 18) {
                policy(policies.get(random.nextInt(policies.size())));
                now = policy.policy().policy();
            }
            check(present, now, before);
        }
    }

    private void check(Map<Link, List<String>> present, Policy now, List<Published> before) {
        List<Published> inForce = publications.table().all();
        PublicPlaces<Published> places = new PublicPlaces<>();
        for (Published one : inForce) {
            assertThat(places.inTheWay(one.publication())).as("%s", one).isNull();
            places.take(one.publication(), one);
        }
        Set<String> here = present.keySet().stream().map(Link::name).collect(Collectors.toSet());
        for (Published one : inForce) {
            List<Link> links = present.keySet().stream()
                    .filter(l -> l.name().equals(one.agent()))
                    .toList();
            if (one.byPolicy()) {
                assertThat(now.publications()).anyMatch(p -> p.publication().equals(one.publication()));
                assertThat(links.isEmpty() || links.stream().anyMatch(l -> holds(l.token, one.publication())))
                        .isTrue();
            } else {
                assertThat(now == null || permits(now, one)).as("%s", one).isTrue();
                assertThat(links.isEmpty()
                                || links.stream()
                                        .anyMatch(l -> present.get(l)
                                                        .contains(one.publication()
                                                                .toString())
                                                && holds(l.token, one.publication())))
                        .as("%s", one)
                        .isTrue();
            }
        }
        present.forEach((link, texts) -> {
            boolean newest =
                    present.keySet().stream().noneMatch(l -> l.name().equals(link.name()) && l.number > link.number);
            for (String text : texts) {
                Publication said = Publication.parse(text);
                Published one = new Published(link.name(), said, false);
                boolean allowed = holds(link.token, said) && (now == null || permits(now, one));
                if (newest && allowed) {
                    Published holder = places.inTheWay(said);
                    assertThat(holder).as("free, and not given: %s", one).isNotNull();
                    assertThat(holder.byPolicy() || here.contains(holder.agent()))
                            .as("%s is kept from one that is there by one that is away, %s", one, holder)
                            .isTrue();
                    // Who had it keeps it, against all but the policy.
                    if (before.contains(one) && !inForce.contains(one)) {
                        assertThat(holder.byPolicy()).as("%s was in force", one).isTrue();
                    }
                }
            }
        });
    }

    private static boolean holds(AgentToken token, Publication publication) {
        if (publication.at() instanceof WebName name) {
            return token.publish().stream().anyMatch(r -> r.permits(name.host()));
        }
        Ports ports = (Ports) publication.at();
        return IntStream.rangeClosed(ports.first(), ports.last())
                .allMatch(port -> token.publish().stream().anyMatch(r -> r.permits(ports.transport(), port)));
    }

    private static boolean permits(Policy policy, Published one) {
        if (one.publication().at() instanceof WebName name) {
            return policy.permitsPublishing(one.agent(), name.host());
        }
        Ports ports = (Ports) one.publication().at();
        return IntStream.rangeClosed(ports.first(), ports.last())
                .allMatch(port -> policy.permitsPublishing(one.agent(), ports.transport(), port));
    }

    /** What is sent back to an agent goes to its log. */
    @Test
    void hashesDoNotComeBack() {
        String hash = "$2b$04$" + "a".repeat(53);
        Link office = link("office", "*.example")
                .says(
                        "a.example=http://10.0.0.1:80,basic-auth=a:" + hash,
                        "a.example=http://10.0.0.2:80,basic-auth=a:" + hash,
                        "b.example=http://10.0.0.1:80,basic-auth=a:" + hash + ",later=1");
        assertThat(office.refused).hasSize(2);
        assertThat(office.refused.toString()).contains("a.example", "b.example").doesNotContain("$2b$", "aaaa");
    }
}
