package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code doctor} of client and agent where all is well, and where something is broken, which is named. */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class DoctorIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static Program gateway;
    private static Path agentToken;
    private static Path token;

    @BeforeAll
    static void start() throws Exception {
        gateway = lab.startGateway();
        agentToken = lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.77.0/24");
        lab.startAgent(lab.office, agentToken);
        token = lab.clientToken("laptop", "office:192.168.77.0/24");
    }

    private static JsonNode doctor(Host host, String program, int exit, Path token, String... before) throws Exception {
        List<String> line = new ArrayList<>(List.of(before));
        line.addAll(List.of(
                lab.script(program),
                "doctor",
                "--json",
                "--token-file",
                token.toString(),
                "--state",
                lab.directory().resolve(program + "-state").toString()));
        Outcome outcome = lab.run(host, Lab.START, line.toArray(String[]::new));
        assertThat(outcome.exit()).as(outcome.output()).isEqualTo(exit);
        return JsonMapper.shared()
                .readTree(outcome.output().substring(outcome.output().indexOf('{')));
    }

    private static List<String> bad(JsonNode report) {
        return report.path("findings")
                .valueStream()
                .filter(finding -> finding.path("state").stringValue().equals("BAD"))
                .map(finding -> {
                    assertThat(finding.path("cure").stringValue())
                            .as(finding.toString())
                            .isNotEmpty();
                    return finding.path("check").stringValue() + ": "
                            + finding.path("what").stringValue() + "; "
                            + finding.path("cure").stringValue();
                })
                .toList();
    }

    private static String good(JsonNode report, String check) {
        return report.path("findings")
                .valueStream()
                .filter(finding -> finding.path("state").stringValue().equals("GOOD")
                        && finding.path("check").stringValue().equals(check))
                .map(finding -> finding.path("what").stringValue())
                .findFirst()
                .orElse("");
    }

    @Test
    @Order(1)
    void allIsWell() throws Exception {
        Program up = lab.startClient(token);
        JsonNode report = doctor(lab.client, "client", 0, token);
        assertThat(report.path("well").booleanValue()).isTrue();
        assertThat(good(report, "TUN")).contains("an interface can be made");
        assertThat(good(report, "client")).contains("linked to wss://" + Lab.GATEWAY);
        assertThat(good(report, "routes")).isEqualTo("1 network leads into culvert0");
        assertThat(good(report, "clock")).isEqualTo("it agrees with the gateway's");
        assertThat(good(report, "token")).startsWith("of 'laptop', until ");
        assertThat(good(report, "IPv4")).startsWith(Lab.GATEWAY + ":" + Lab.PORT + " answers");
        assertThat(good(report, "TLS")).contains("by its pin");
        assertThat(good(report, "upgrade")).startsWith("the token is taken");
        assertThat(good(report, "round trip")).contains("10 of 10 answered");
        assertThat(lab.must(lab.client, "ip", "-br", "link")).doesNotContain("cvdoctor");
        assertThat(up.terminate()).isEqualTo(143);

        JsonNode agent = doctor(lab.office, "agent", 0, agentToken);
        assertThat(good(agent, "ping")).isEqualTo("this user may");
        assertThat(good(agent, "upgrade")).startsWith("the token is taken");
    }

    @Test
    @Order(2)
    void whatIsBrokenIsNamed() throws Exception {
        lab.must(lab.client, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1");
        lab.shell(
                lab.client,
                Lab.START,
                "ip rule add priority 100 lookup 77; ip route add default via " + Lab.GATEWAY + " table 77");
        String revoked = lab.clientToken("lost", "office:192.168.77.0/24").toString();
        lab.token("revoke", "lost");
        assertThat(bad(doctor(lab.client, "client", 1, Path.of(revoked))))
                .hasSize(3)
                .anySatisfy(one -> assertThat(one)
                        .startsWith("rp_filter: strict")
                        .endsWith("sysctl -w net.ipv4.conf.all.rp_filter=2"))
                .anySatisfy(one -> assertThat(one).startsWith("rules: a rule of IPv4 with priority 100"))
                .anySatisfy(one -> assertThat(one).startsWith("upgrade: ").contains("your token was revoked"));
        lab.shell(lab.client, Lab.START, "ip rule del priority 100; sysctl -qw net.ipv4.conf.all.rp_filter=0");

        lab.must(lab.office, "sysctl", "-qw", "net.ipv4.ping_group_range=1 0");
        assertThat(gateway.terminate()).isEqualTo(143);
        Lab.must("chown", "65534", agentToken.toString());
        assertThat(bad(doctor(
                        lab.office,
                        "agent",
                        1,
                        agentToken,
                        "setpriv",
                        "--reuid=65534",
                        "--regid=65534",
                        "--clear-groups",
                        "env",
                        "HOME=/tmp")))
                .hasSize(2)
                .anySatisfy(one -> assertThat(one)
                        .startsWith("ping: ")
                        .endsWith("sysctl -w net.ipv4.ping_group_range=\"0 2147483647\""))
                .anySatisfy(one -> assertThat(one)
                        .startsWith("IPv4: 10.71.2.1:" + Lab.PORT + ": connection refused")
                        .contains("is the gateway running"));
    }
}
