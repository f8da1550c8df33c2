package dev.culvert.gateway.access;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.policy.ClientPolicy;
import dev.culvert.policy.PolicyParser;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenGrants;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.names.ResolverName;
import java.net.URI;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who may ask an agent's own resolver, and about what. */
@NullUnmarked
class AskingTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    private static ClientRights rights(String policy, String domains, String... grants) throws Exception {
        TokenTerms terms =
                TokenTerms.of("laptop", List.of(URI.create("wss://vpn.example")), null, NOW, NOW.plusSeconds(60));
        ClientToken token = new ClientToken(
                terms,
                Arrays.stream(grants).map(Grant::parse).toList(),
                List.of(),
                domains.isEmpty() ? List.of() : List.of(domains.split(" ")));
        ClientPolicy client = policy == null
                ? null
                : PolicyParser.parse(policy)
                        .at(NOW, SensitiveAddresses.standard())
                        .client("laptop");
        return new ClientRights(TokenGrants.of(token), client);
    }

    /** "freely": whatever name server the agent has; "by address": if the client could ask it itself; "no". */
    private static String may(ClientRights rights, String domain) {
        Judgement j = rights.judge("office", ResolverName.of(Destination.UDP, domain), null);
        return !j.allowed() ? "no" : j.restriction() == null ? "freely" : "by address";
    }

    @ParameterizedTest
    @CsvSource({
        "corp.example, freely", // of the token
        "db.corp.example, freely",
        "xcorp.example, no",
        "example, no",
        "lan, freely", // a grant names all below it
        "www.lan, freely",
        "srv.net, no", // a grant of one host is none of what is below
        "77.168.192.in-addr.arpa, freely", // of addresses that are granted
        "5.77.168.192.in-addr.arpa, freely",
        "168.192.in-addr.arpa, no",
        "'', no",
        "*.corp.example, no",
        "Corp.example, no"
    })
    void aTokenAllowsItsDomainsItsNamesAndItsAddressesReversed(String domain, String expected) throws Exception {
        ClientRights rights =
                rights(null, "corp.example", "office:192.168.77.0/24:443/tcp", "office:*.lan:80/tcp", "office:srv.net");
        assertThat(may(rights, domain)).isEqualTo(expected);
    }

    @Test
    void whoMayAskNameServersHimselfMayHaveThemAsked() throws Exception {
        ClientRights rights = rights(null, "", "office:192.168.77.0/24");
        assertThat(may(rights, "corp.example")).isEqualTo("by address");
        assertThat(may(rights, "")).isEqualTo("by address");
        assertThat(may(rights(null, "", "office:0.0.0.0/0"), ""))
                .as("any there is")
                .isEqualTo("freely");
        assertThat(may(rights(null, "", "office:0.0.0.0/0:443/tcp"), "")).isEqualTo("no");
    }

    @Test
    void domainsOfATokenAreForAgentsThatItGrantsSomethingThrough() throws Exception {
        assertThat(may(rights(null, "corp.example", "plant:10.0.0.0/8:443/tcp"), "corp.example"))
                .isEqualTo("no");
    }

    /** It goes through all rules, so it is not done for each of thousands of flows. */
    @Test
    void newDomainsAreJudgedNowAndThenOnly() throws Exception {
        ClientRights rights = rights(null, "corp.example", "office:192.168.77.0/24:443/tcp");
        RateLimit two = new RateLimit(2, 1e-9);
        for (int round = 0; round < 3; round++) {
            assertThat(judge(rights, "corp.example", two)).isSameAs(Judgement.BY_DOMAIN);
        }
        assertThat(judge(rights, "db.corp.example", two)).isSameAs(Judgement.BY_DOMAIN);
        assertThat(judge(rights, "web.corp.example", two)).isSameAs(Judgement.NOT_NOW);
        assertThat(judge(rights, "corp.example", two)).isSameAs(Judgement.BY_DOMAIN);
    }

    private static Judgement judge(ClientRights rights, String domain, RateLimit questions) {
        return rights.judge("office", ResolverName.of(Destination.UDP, domain), questions);
    }

    /** All that a name server might be granted with, somebody may have granted: but not what does not exist. */
    @Test
    void noGrantOfNamesOpensTheResolverItself() throws Exception {
        ClientRights rights = rights(null, "", "office:*.invalid", "office:*.culvert.invalid");
        assertThat(may(rights, "corp.example")).isEqualTo("no");
        assertThat(may(rights, "")).isEqualTo("no");
    }

    @ParameterizedTest
    @CsvSource({
        "corp.example, no", // something in it is denied
        "db.corp.example, freely",
        "web.corp.example, freely", // of which only a port is denied
        "secret.corp.example, no", // denied
        "old.example, no", // something in it is denied
        "other.example, no", // the policy does not name it
        "77.168.192.in-addr.arpa, freely",
        "78.168.192.in-addr.arpa, no",
        "9.77.168.192.in-addr.arpa, freely"
    })
    void aPolicyMustAllowItToo(String domain, String expected) throws Exception {
        ClientRights rights = rights("""
                deny:
                  - {to: "*.secret.corp.example"}
                  - {to: host.old.example}
                  - {to: web.corp.example, ports: 80/tcp}
                grants:
                  - {who: laptop, agents: office, to: ["*.corp.example", "*.old.example", 192.168.77.0/24], ports: 443/tcp}
                """, "example corp.example", "office:192.168.0.0/16:443/tcp");
        assertThat(may(rights, domain)).isEqualTo(expected);
    }

    @Test
    void aDenyOfEverythingInADomainForbidsTheDomain() throws Exception {
        String grant = "grants:\n  - {who: laptop, agents: office, to: [\"*.corp.example\", 0.0.0.0/0]}\n";
        ClientRights free = rights(grant, "corp.example", "office:0.0.0.0/0");
        assertThat(may(free, "corp.example")).isEqualTo("freely");
        assertThat(may(free, "")).isEqualTo("freely");
        ClientRights denied = rights("deny:\n  - {to: x.corp.example}\n" + grant, "corp.example", "office:0.0.0.0/0");
        assertThat(may(denied, "corp.example")).isEqualTo("by address");
        assertThat(may(denied, "y.corp.example")).isEqualTo("freely");
        assertThat(may(denied, "x.corp.example")).isEqualTo("by address");
        assertThat(may(denied, "")).isEqualTo("by address");
    }
}
