package dev.culvert.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@NullUnmarked
class PolicyParserTest {
    private static List<String> errors(String text) {
        PolicyException e = catchThrowableOfType(PolicyException.class, () -> PolicyParser.parse(text));
        assertThat(e).as(text).isNotNull();
        return e.errors().stream().map(PolicyError::toString).toList();
    }

    /** The example of the documentation is a policy, and its tests hold. */
    @Test
    void theExampleInTheDocumentation() throws Exception {
        String page = Files.readString(Path.of("../docs/policy.md"));
        int begin = page.indexOf("```yaml\n") + 8;
        Policy policy = PolicyParser.parse(page.substring(begin, page.indexOf("```", begin)));
        List<PolicyTests.Result> results = PolicyTests.run(policy, SensitiveAddresses.standard());
        assertThat(results).hasSizeGreaterThan(10).allMatch(PolicyTests.Result::passed);
        PolicyTests.require(policy, SensitiveAddresses.standard());
        assertThat(policy.grants()).isNotEmpty();
        assertThat(policy.denies()).isNotEmpty();
        assertThat(policy.limits()).isNotEmpty();
    }

    @Test
    void everythingThatIsWrongIsTold() {
        assertThat(errors("""
                groups:
                  staff: [group:admin, alice]
                  admins: [carol]
                host:
                  a: 1.2.3.4
                hosts: {wiki: 10.0.0.1/8}
                grants:
                  - who: staff
                    agent: office
                    to: [wikki, 10.0.0.0/33]
                    ports: [htp, 99999]
                    when: {days: mo-fri, from: 8:00, zone: Europe/Zurch}
                    until: tomorrow
                  - foo
                tests:
                  - client: x
                services:
                  http: 80/tcp
                """))
                .containsExactly(
                        "line 2, column 11: group 'admin' is not defined; did you mean 'admins'?",
                        "line 4, column 1: a policy has no 'host'; did you mean 'hosts'?",
                        "line 6, column 15: prefix 10.0.0.1/8 has host bits set: write 10.0.0.0/8 for the network, or"
                                + " 10.0.0.1 for the one host",
                        "line 8, column 5: a grant lacks 'agents'; name agents, tag:NAME, or \"*\" for all",
                        "line 8, column 10: 'staff' is a group; write group:staff",
                        "line 9, column 5: a grant has no 'agent'; did you mean 'agents'?",
                        "line 10, column 10: host 'wikki' is not defined; did you mean 'wiki'? A name without a dot stands"
                                + " under 'hosts:'",
                        "line 10, column 17: prefix '10.0.0.0/33' has a wrong length: give 0 to 32 after the slash, like"
                                + " 10.0.0.0/32",
                        "line 11, column 13: service 'htp' is not known; did you mean 'http'? Ports are written like 443,"
                                + " 80,443/tcp or 8000-8100/udp",
                        "line 11, column 18: port '99999' in '99999' is not a port: write numbers from 1 to 65535 like 443,"
                                + " 80,443 or 8000-8100, or * for all",
                        "line 12, column 18: day 'mo-fri' is not known; write mon, tue, wed, thu, fri, sat, sun or ranges"
                                + " like mon-fri",
                        "line 12, column 32: time '8:00' is none; write hours and minutes like 08:00 or 24:00",
                        "line 12, column 44: zone 'Europe/Zurch' is not known; did you mean 'Europe/Zurich'?",
                        "line 13, column 12: moment 'tomorrow' is none; write date, time and offset like"
                                + " 2027-01-31T18:00:00Z or 2027-01-31T18:00:00+01:00",
                        "line 14, column 5: a grant is text; write keys and values like 'who: ...', one a line",
                        "line 16, column 5: a test lacks 'agent'; name the agent through which it asks",
                        "line 16, column 5: a test expects nothing; add 'allow', 'deny', 'may-publish' or"
                                + " 'may-not-publish'");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                                          | the file is empty",
                "'grants: [a'                                | this is not YAML",
                "'grants: []\ngrants: []'                    | has 'grants' on line 1 already",
                "'grants: []\n---\ngrants: []'               | second document",
                "'grants: &a []'                             | anchors",
                "'- grants'                                  | sections like 'grants:'",
                "'grants: {}'                                | write a list",
                "'deny: []'                                  | lacks 'grants:'",
                "'grants: [{who: a, agents: b, to: []}]'     | 'to' of a grant is an empty list",
                "'grants: [{who: a, agents: b, to: \"*\"}]'  | too wide",
                "'grants: [{who: [[a]], agents: b, to: 10.0.0.0/8}]'  | a text or a list of texts",
                "'grants: [{who: tag:a, agents: b, to: 10.0.0.0/8}]'  | write a name, group:NAME or",
                "'grants: [{who: Alice, agents: b, to: 10.0.0.0/8}]'  | not a valid name",
                "'grants: [{who: a, agents: b, to: 10.0.0.0/8, ports: 0}]'  | is not a port",
                "'grants: [{who: a, agents: b, to: 10.0.0.0/8, when: {from: 10:00, to: 10:00, zone: UTC}}]' | empty",
                "'grants: [{who: a, agents: b, to: 10.0.0.0/8, when: {from: 10:00}}]' | lacks 'zone'",
                "'{groups: {a: [group:b], b: [group:a]}, grants: []}' | holds itself",
                "'{services: {tcp: 80}, grants: []}'         | means already",
                "'{limits: [{who: a}], grants: []}'          | limits nothing",
                "'{limits: [{who: a, flows: 0}], grants: []}'| is no limit",
                "'{limits: [{who: a, bandwith: 20 Mbit/s}], grants: []}' | did you mean 'bandwidth'?",
                "'{limits: [{who: a, bandwidth: [1 Mbit/s]}], grants: []}' | must be one text",
                "'{limits: [{who: a, bandwidth: fast}], grants: []}' | write a number and a unit, like 20 Mbit/s",
                "'{limits: [{who: a, bandwidth: -5 Mbit/s}], grants: []}' | is no bandwidth",
                "'{limits: [{who: a, bandwidth: 20}], grants: []}' | has no unit",
                "'{limits: [{who: a, bandwidth: 20}], grants: []}' | did you mean '20 Mbit/s'?",
                "'{limits: [{who: a, bandwidth: 20 Mbps}], grants: []}' | did you mean 'Mbit/s'?",
                "'{limits: [{who: a, bandwidth: 20Mb/s}], grants: []}' | did you mean 'Mbit/s'?",
                "'{limits: [{who: a, bandwidth: 20 gbit}], grants: []}' | did you mean 'Gbit/s'?",
                "'{limits: [{who: a, bandwidth: 2.5 MB/s}], grants: []}' | did you mean '20 Mbit/s'?",
                "'{limits: [{who: a, bandwidth: 20 furlongs}], grants: []}' | known: bit/s, kbit/s, Mbit/s, Gbit/s",
                "'{limits: [{who: a, bandwidth: 0 Mbit/s}], grants: []}' | 0 bit/s is too little",
                "'{limits: [{who: a, bandwidth: 99.999 kbit/s}], grants: []}' | is too little",
                "'{limits: [{who: a, bandwidth: 101 Gbit/s}], grants: []}' | leave it out for no limit",
                "'{limits: [{who: a, bandwidth: 999999999999999 Gbit/s}], grants: []}' | leave it out for no limit",
                "'{limits: [{who: a, bandwidth: {}}], grants: []}' | add 'up' or 'down'",
                "'{limits: [{who: a, bandwidth: {upload: 1 Mbit/s}}], grants: []}' | known: down, up",
                "'{limits: [{who: a, bandwidth: {up: 1 Mbit/s, down: 5}}], grants: []}' | did you mean '5 Mbit/s'?",
                "'{publish: [{agents: a}], grants: []}'      | lacks 'hosts' and 'ports'",
                "'{tests: [{agent: a, allow: [1.2.3.4:80]}], grants: []}' | lacks 'client'",
                "'{tests: [{client: c, agent: a, allow: [1.2.3.4]}], grants: []}' | has no port",
            })
    void refuses(String text, String why) {
        assertThat(errors(text)).anySatisfy(e -> assertThat(e).contains(why));
    }

    @Test
    void deepNestingIsRefusedAndNotRecursedInto() {
        assertThat(errors("grants: " + "[".repeat(100_000)))
                .singleElement()
                .satisfies(e -> assertThat(e).contains("nested deeper"));
    }

    @Test
    void aTestThatFailsRejectsTheFile() throws Exception {
        Policy policy = PolicyParser.parse("""
                grants:
                  - {who: a, agents: b, to: 10.0.0.0/8, ports: 80}
                tests:
                  - {client: a, agent: b, allow: ["10.0.0.1:80", "10.0.0.1:81"], deny: [www.lan.example:80]}
                """);
        assertThatThrownBy(() -> PolicyTests.require(policy, SensitiveAddresses.standard()))
                .isInstanceOf(PolicyException.class)
                .hasMessage(
                        "line 4, column 1: test fails: a to 10.0.0.1:81/tcp through b is expected to be allowed, and"
                                + " denied by no grant; mend the rule or the test (and 1 more)");
    }

    @Test
    void rightsToPublishAreApart() throws Exception {
        Policy policy = PolicyParser.parse("""
                tags: {edge: [a, b]}
                grants:
                  - {who: "*", agents: "*", to: [0.0.0.0/0, "*.example.com"]}
                publish:
                  - {agents: tag:edge, hosts: "*.example.com", ports: 8000-8099/tcp}
                """);
        assertThat(policy.permitsPublishing("a", "x.example.com")).isTrue();
        assertThat(policy.permitsPublishing("c", "x.example.com")).isFalse();
        assertThat(policy.permitsPublishing("a", "example.com")).isFalse();
        assertThat(policy.permitsPublishing("b", Transport.TCP, 8000)).isTrue();
        assertThat(policy.permitsPublishing("b", Transport.UDP, 8000)).isFalse();
        assertThat(policy.permitsPublishing("b", Transport.TCP, 8100)).isFalse();
    }

    @Test
    void publicationsAreReadAndCompared() throws Exception {
        Policy policy = PolicyParser.parse("""
                grants: []
                publications:
                  - agent: office
                    public: a.example/api
                    target: https://10.0.0.1:8443
                    strip-prefix: true
                    hsts: 600
                    tls-name: api.lan
                  - {agent: branch, public: tcp:22, target: "10.0.0.1:22"}
                """);
        assertThat(policy.publications())
                .extracting(p -> p.line() + " " + p.agent() + " " + p.publication())
                .containsExactly(
                        "3 office a.example/api=https://10.0.0.1:8443,strip-prefix,hsts=600,tls-name=api.lan",
                        "9 branch tcp:22=10.0.0.1:22");
        PolicyDiff diff = PolicyDiff.of(
                policy,
                PolicyParser.parse(
                        "{grants: [], publications: [{agent: branch, public: tcp:22, target: \"10.0.0.2:22\"}]}"));
        assertThat(diff.removed())
                .containsExactly(
                        "publication of a.example/api through office to"
                                + " https://10.0.0.1:8443,strip-prefix,hsts=600,tls-name=api.lan",
                        "publication of tcp:22 through branch to 10.0.0.1:22");
        assertThat(diff.added()).containsExactly("publication of tcp:22 through branch to 10.0.0.2:22");
    }

    @Test
    void mapsAreReadAndCompared() throws Exception {
        Policy policy = PolicyParser.parse("""
                grants: []
                maps:
                  - {agent: office, network: 192.168.1.0/24, as: 10.77.0.0/24}
                  - {agent: plant, network: 192.168.1.0/24, as: 10.78.0.0/24}
                  - {agent: office, network: fd00:1::/64, as: fd77::/64}
                """);
        ClientPolicy laptop = policy.atAnyTime(SensitiveAddresses.standard()).client("laptop");
        assertThat(laptop.maps("office")).hasToString("[10.77.0.0/24 for 192.168.1.0/24, fd77::/64 for fd00:1::/64]");
        assertThat(laptop.maps("plant")).hasToString("[10.78.0.0/24 for 192.168.1.0/24]");
        assertThat(laptop.maps("other")).isEmpty();
        PolicyDiff diff = PolicyDiff.of(policy, PolicyParser.parse("""
                        grants: []
                        maps:
                          - {agent: plant, network: 192.168.1.0/24, as: 10.79.0.0/24}
                          - {agent: office, network: fd00:1::/64, as: fd77::/64}
                          - {agent: office, network: 192.168.1.0/24, as: 10.77.0.0/24}
                        """));
        assertThat(diff.removed()).containsExactly("map of 192.168.1.0/24 of plant as 10.78.0.0/24");
        assertThat(diff.added()).containsExactly("map of 192.168.1.0/24 of plant as 10.79.0.0/24");
    }

    @Test
    void whatIsWrongWithMapsIsToldByItsPlace() {
        assertThat(errors("""
                grants: []
                maps:
                  - {agent: office, network: 192.168.1.0/24, as: 10.77.0.0/24}
                  - {agent: plant, network: 192.168.2.0/24, as: 10.77.0.0/24}
                  - {agent: office, network: 192.168.1.128/25, as: 10.78.0.0/25}
                  - {agent: office, network: 192.168.3.0/24, as: 10.78.0.0/16}
                  - {agent: office, network: 192.168.3.0/24, as: 203.0.113.0/24}
                  - {agent: "*", network: 192.168.3.0/24, as: 10.79.0.0/24}
                  - {agent: office, network: wiki, as: 10.79.0.0/24}
                  - {agent: office, as: 10.79.0.0/24}
                  - {agent: office, network: 192.168.3.0/24, as: 127.0.0.0/24}
                """))
                .satisfiesExactly(
                        e -> assertThat(e)
                                .startsWith("line 4, ")
                                .contains("10.77.0.0/24 overlaps 10.77.0.0/24, which line 3 has"),
                        e -> assertThat(e)
                                .startsWith("line 5, ")
                                .contains("192.168.1.128/25 overlaps 192.168.1.0/24, which line 3 shows"),
                        e -> assertThat(e).startsWith("line 6, ").contains("the two must be of one size"),
                        e -> assertThat(e).startsWith("line 7, ").contains("203.0.113.0/24 is not private"),
                        e -> assertThat(e).startsWith("line 8, ").contains("a network is behind one agent"),
                        e -> assertThat(e).startsWith("line 9, ").contains("'wiki' is not an IP prefix"),
                        e -> assertThat(e).startsWith("line 10, ").contains("a map lacks 'network'"),
                        e -> assertThat(e)
                                .startsWith("line 11, ")
                                .contains("it holds addresses that mean this machine"));
    }

    @Test
    void whatIsWrongWithPublicationsIsToldByItsPlace() {
        assertThat(errors("""
                grants: []
                publications:
                  - agent: office
                    public: a.example
                  - {agent: "tag:offices", public: 10.0.0.1, target: "http://b", colour: red}
                  - {agent: office, public: b.example, target: "b:1"}
                  - {agent: office, public: c.example, target: "http://b:1", hsts: soon}
                  - {agent: office, public: tcp:20-30, target: "b:1"}
                  - {agent: branch, public: tcp:22, target: "b:1"}
                  - a.example=http://b
                """))
                .satisfiesExactly(
                        e -> assertThat(e).startsWith("line 3, column 5: a publication lacks 'target'; write http://"),
                        e -> assertThat(e).startsWith("line 5, column 13: a publication is reached through one agent"),
                        e -> assertThat(e).startsWith("line 5, column 36: public side '10.0.0.1' is no host name"),
                        e -> assertThat(e).startsWith("line 5, column 66: a publication has no 'colour'"),
                        e -> assertThat(e).startsWith("line 6, column 5: a name needs to know what the target speaks"),
                        e -> assertThat(e).startsWith("line 7, column 68: option 'hsts' is 'soon'"),
                        e -> assertThat(e)
                                .isEqualTo("line 9, column 5: 'tcp:22' is published on line 8 already; leave one out"),
                        e -> assertThat(e).startsWith("line 10, column 5: a publication is text"));
    }

    @Test
    void anAgentsOwnFileSaysTheSameWithoutTheAgent() throws Exception {
        assertThat(AgentPublications.parse("""
                publications:
                  - a.example=http://10.0.0.1
                  - {public: tcp:22, target: "10.0.0.1:22"}
                """))
                .extracting(Object::toString)
                .containsExactly("a.example=http://10.0.0.1:80", "tcp:22=10.0.0.1:22");
        for (String wrong : List.of(
                "grants: []",
                "publications: {}",
                "publications: [{agent: a, public: tcp:22, target: \"b:22\"}]",
                "publications: [[x]]",
                "publications: [\"tcp:22=b:22\", \"tcp:22=c:22\"]")) {
            assertThatThrownBy(() -> AgentPublications.parse(wrong)).as(wrong).isInstanceOf(PolicyException.class);
        }
    }

    @Test
    void theFirstLimitThatNamesAClientCounts() throws Exception {
        PolicySnapshot snapshot = PolicyParser.parse("""
                groups: {g: [a]}
                grants: []
                limits:
                  - {who: group:g, flows: 7}
                  - {who: "*", flows: 3, new-flows-per-second: 2}
                """).atAnyTime(SensitiveAddresses.standard());
        assertThat(snapshot.client("a").limits().flows()).isEqualTo(7);
        assertThat(snapshot.client("a").limits().newFlowsPerSecond()).isEqualTo(ClientLimits.UNLIMITED);
        assertThat(snapshot.client("b").limits().flows()).isEqualTo(3);
        assertThat(snapshot.client("b").limits().newFlowsPerSecond()).isEqualTo(2);
    }

    @Test
    void bandwidthIsForEachDirectionOrForOne() throws Exception {
        PolicySnapshot snapshot = PolicyParser.parse("""
                grants: []
                limits:
                  - {who: a, bandwidth: 2.5 Gbit/s}
                  - {who: b, bandwidth: {up: 500kbit/s, down: 20 mbit/s}}
                  - {who: c, bandwidth: {down: 123456 bit/s}}
                  - {who: d, flows: 1}
                """).atAnyTime(SensitiveAddresses.standard());
        assertThat(snapshot.client("a").limits().up()).isEqualTo(new BitRate(2_500_000_000L));
        assertThat(snapshot.client("a").limits().down()).isEqualTo(new BitRate(2_500_000_000L));
        assertThat(snapshot.client("b").limits().up()).hasToString("500 kbit/s");
        assertThat(snapshot.client("b").limits().down()).hasToString("20 Mbit/s");
        assertThat(snapshot.client("c").limits().up()).isNull();
        assertThat(snapshot.client("c").limits().down()).hasToString("123.456 kbit/s");
        assertThat(snapshot.client("d").limits().down()).isNull();
        assertThat(BitRate.parse(new BitRate(BitRate.MOST).toString()).bitsPerSecond())
                .isEqualTo(BitRate.MOST);
        assertThat(BitRate.parse(new BitRate(BitRate.LEAST).toString()).bitsPerSecond())
                .isEqualTo(BitRate.LEAST);
    }

    @Test
    void differencesOfBandwidthAreTold() throws Exception {
        Policy before = PolicyParser.parse("{grants: [], limits: [{who: a, bandwidth: 20 Mbit/s}]}");
        Policy same = PolicyParser.parse(
                "{grants: [], limits: [{who: a, bandwidth: {up: 20000 kbit/s, down: 0.02 Gbit/s}}]}");
        Policy after = PolicyParser.parse("{grants: [], limits: [{who: a, bandwidth: {down: 30 Mbit/s}}]}");
        assertThat(PolicyDiff.of(before, same).isEmpty()).isTrue();
        assertThat(PolicyDiff.of(before, after).removed())
                .singleElement()
                .asString()
                .endsWith("bandwidth up 20 Mbit/s, down 20 Mbit/s");
        assertThat(PolicyDiff.of(before, after).added())
                .singleElement()
                .asString()
                .endsWith("bandwidth up any, down 30 Mbit/s");
    }

    @Test
    void differencesAreOfMeaningAndNotOfWriting() throws Exception {
        Policy before = PolicyParser.parse("""
                groups: {staff: [a, b]}
                hosts: {wiki: 10.0.0.1}
                grants:
                  - {who: group:staff, agents: o, to: wiki, ports: [80, 443/tcp]}
                """);
        Policy same = PolicyParser.parse("""
                grants:
                  - {name: b, who: b, agents: o, to: 10.0.0.1/32, ports: ["80,443/tcp", 80/udp]}
                  - {name: a, who: a, agents: o, to: 10.0.0.1/32, ports: ["80,443/tcp", 80/udp]}
                """);
        assertThat(PolicyDiff.of(before, same).isEmpty()).isTrue();
        Policy less = PolicyParser.parse("grants: [{who: a, agents: o, to: 10.0.0.1, ports: [80, 443/tcp]}]");
        PolicyDiff diff = PolicyDiff.of(before, less);
        assertThat(diff.added()).isEmpty();
        assertThat(diff.removed())
                .containsExactly(
                        "grant b through o to 10.0.0.1/32 80,443/tcp", "grant b through o to 10.0.0.1/32 80/udp");
    }

    /** A heap has room for so many texts, however short: a file of 14 MB in these ended the gateway. */
    @Test
    void moreTextsThanAHeapHasRoomForAreRefused() throws Exception {
        String most = "groups: {g: [" + "a,".repeat(YamlReader.MAX_NODES - 10) + "a]}\ngrants: []";
        assertThat(PolicyParser.parse(most).grants()).isEmpty();
        assertThat(errors("groups: {g: [" + "a,".repeat(YamlReader.MAX_NODES) + "a]}\ngrants: []"))
                .singleElement()
                .asString()
                .contains("more than " + YamlReader.MAX_NODES + " texts and lists");
        assertThat(YamlReader.MAX_NODES).isLessThanOrEqualTo(250_000);
    }
}
