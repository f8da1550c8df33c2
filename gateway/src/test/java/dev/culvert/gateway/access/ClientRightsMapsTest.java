package dev.culvert.gateway.access;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.policy.ClientPolicy;
import dev.culvert.policy.PolicyParser;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.frame.Announcement.ReachableMap;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Under which addresses a client is told to see networks. */
final class ClientRightsMapsTest {
    private static final List<IpPrefix> SERVED =
            List.of(IpPrefix.parse("192.168.1.0/24"), IpPrefix.parse("192.168.2.0/24"));

    private static List<ReachableMap> told(String grant, String agent) throws Exception {
        TokenGrants token = TokenGrants.of(List.of(Grant.parse(grant)), SensitiveAddresses.standard());
        ClientPolicy policy = PolicyParser.parse("""
                        grants: [{who: "*", agents: "*", to: 192.168.0.0/16}]
                        maps:
                          - {agent: office, network: 192.168.1.0/24, as: 10.77.0.0/24}
                          - {agent: office, network: 192.168.2.0/24, as: 10.78.0.0/24}
                        """)
                .at(Instant.EPOCH, SensitiveAddresses.standard())
                .client("laptop");
        ClientRights rights = new ClientRights(token, policy);
        return rights.maps(agent, rights.routes(agent, SERVED));
    }

    @Test
    void ofNetworksThatItMayReachSomethingOf() throws Exception {
        assertThat(told("*:192.168.0.0/16", "office"))
                .containsExactly(
                        new ReachableMap("192.168.1.0/24", "10.77.0.0/24"),
                        new ReachableMap("192.168.2.0/24", "10.78.0.0/24"));
        assertThat(told("*:192.168.1.5/32", "office"))
                .containsExactly(new ReachableMap("192.168.1.0/24", "10.77.0.0/24"));
        assertThat(told("*:10.0.0.0/8", "office")).isEmpty();
        assertThat(told("*:192.168.0.0/16", "plant")).isEmpty();
    }

    @Test
    void withoutAPolicyNone() {
        TokenGrants token = TokenGrants.of(List.of(Grant.parse("*:192.168.0.0/16")), SensitiveAddresses.standard());
        assertThat(new ClientRights(token, null).maps("office", SERVED)).isEmpty();
    }
}
