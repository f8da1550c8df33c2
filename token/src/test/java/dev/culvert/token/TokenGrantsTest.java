package dev.culvert.token;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.IpPrefixTest;
import dev.culvert.address.PortRanges;
import dev.culvert.address.SeededRandom;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import java.net.InetAddress;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenGrantsTest {
    private static InetAddress ip(String text) {
        return Objects.requireNonNull(IpLiteral.parse(text));
    }

    private static TokenGrants policy(String... grants) {
        Instant now = Instant.parse("2026-11-22T12:00:00Z");
        return TokenGrants.of(ClientToken.of(
                TokenTerms.of("laptop", List.of(URI.create("wss://vpn.example")), null, now, now.plusSeconds(60)),
                Arrays.stream(grants).map(Grant::parse).toList()));
    }

    @Test
    void deniesWhatIsNotGranted() {
        TokenGrants policy = policy("office:192.168.77.0/24:443/tcp");
        assertThat(policy.permits("office", Transport.TCP, ip("192.168.77.9"), 443))
                .isTrue();
        assertThat(policy.permits("office", Transport.TCP, ip("192.168.77.9"), 80))
                .isFalse();
        assertThat(policy.permits("office", Transport.UDP, ip("192.168.77.9"), 443))
                .isFalse();
        assertThat(policy.permits("office", Transport.ICMP, ip("192.168.77.9"), 0))
                .isFalse();
        assertThat(policy.permits("office", Transport.TCP, ip("192.168.78.9"), 443))
                .isFalse();
        assertThat(policy.permits("home", Transport.TCP, ip("192.168.77.9"), 443))
                .isFalse();
        assertThat(policy.permitsName("office", Transport.TCP, "192.168.77.9", 443))
                .isTrue();
        assertThat(policy.permitsName("office", Transport.TCP, "db.internal", 443))
                .isFalse();
        assertThat(policy.mentions("office")).isTrue();
        assertThat(policy.mentions("home")).isFalse();
        assertThat(policy.prefixesFor("home")).isEmpty();
    }

    @Test
    void aNarrowGrantAddsToAWideOne() {
        TokenGrants policy = policy("office:10.0.0.0/8:443/tcp", "*:10.1.0.0/16:22/tcp", "office:10.1.2.3:53/udp");
        InetAddress host = ip("10.1.2.3");
        assertThat(policy.permits("office", Transport.TCP, host, 443)).isTrue();
        assertThat(policy.permits("office", Transport.TCP, host, 22)).isTrue();
        assertThat(policy.permits("office", Transport.UDP, host, 53)).isTrue();
        assertThat(policy.permits("elsewhere", Transport.TCP, host, 22)).isTrue();
        assertThat(policy.permits("elsewhere", Transport.TCP, host, 443)).isFalse();
        assertThat(policy.mentions("elsewhere")).isTrue();
        assertThat(policy.prefixesFor("office")).hasToString("[10.0.0.0/8]");
        assertThat(policy.prefixesFor("office", Transport.TCP, 22)).hasToString("[10.1.0.0/16]");
        assertThat(policy.prefixesFor("office", Transport.UDP, 53)).hasToString("[10.1.2.3/32]");
        assertThat(policy.prefixesFor("office", Transport.UDP, 54)).isEmpty();
    }

    @Test
    void matchesNames() {
        TokenGrants policy =
                policy("office:db.internal:5432/tcp", "office:*.corp.example:443/tcp", "*:*.example:80/tcp");
        assertThat(policy.permitsName("office", Transport.TCP, "DB.internal.", 5432))
                .isTrue();
        assertThat(policy.permitsName("office", Transport.TCP, "db.internal", 5433))
                .isFalse();
        assertThat(policy.permitsName("office", Transport.TCP, "a.b.corp.example", 443))
                .isTrue();
        assertThat(policy.permitsName("office", Transport.TCP, "a.b.corp.example", 80))
                .isTrue();
        assertThat(policy.permitsName("office", Transport.TCP, "corp.example", 443))
                .isFalse();
        assertThat(policy.permitsName("home", Transport.TCP, "a.corp.example", 443))
                .isFalse();
        assertThat(policy.permitsName("home", Transport.TCP, "a.corp.example", 80))
                .isTrue();
        assertThat(policy.permitsName("office", Transport.TCP, "127.1", 80)).isFalse();
        assertThat(policy.permitsName("office", Transport.TCP, "", 80)).isFalse();
        assertThat(policy.prefixesFor("office")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "0.0.0.0",
                "0.1.2.3",
                "169.254.169.254",
                "169.254.1.1",
                "224.0.0.1",
                "239.255.255.255",
                "255.255.255.255",
                "::",
                "::1",
                "fe80::1",
                "febf::1",
                "ff02::1",
                "fd00:ec2::23",
                "fd00:c1::a9fe:a9fe",
                "fd00:42::42",
                "64:ff9b:1::a9fe:a9fe",
                "64:ff9b:1:fffe:a9:fea9:fe00:0",
                "::ffff:0:169.254.169.254",
                "fd00:ec2::254",
                "100.100.100.200",
                "64:ff9b::7f00:1",
                "64:ff9b::a9fe:a9fe",
                "::7f00:1",
                "2002:7f00:1::1",
                "2002:a9fe:a9fe::",
                "198.51.100.1"
            })
    void aWideGrantDoesNotOpenSensitiveAddresses(String text) {
        InetAddress address = ip(text);
        SensitiveAddresses sensitive = SensitiveAddresses.with(List.of(ip("198.51.100.1")));
        List<Grant> wide = Grant.parseList("*:0.0.0.0/0,*:[::/0],office:128.0.0.0/1,office:[2000::/3]");
        TokenGrants policy = TokenGrants.of(wide, sensitive);
        assertThat(policy.permits("office", Transport.TCP, address, 80)).isFalse();
        assertThat(policy.permitsName("office", Transport.TCP, text, 80)).isFalse();
        assertThat(sensitive.permits(policy.prefixesFor("office"), address)).isFalse();

        Grant own = new Grant("office", IpPrefix.of(address), PortRanges.parse("80"), EnumSet.of(Transport.TCP));
        List<Grant> both = new ArrayList<>(wide);
        both.add(own);
        TokenGrants explicit = TokenGrants.of(both, sensitive);
        assertThat(explicit.permits("office", Transport.TCP, address, 80)).isTrue();
        assertThat(explicit.permits("office", Transport.TCP, address, 81)).isFalse();
        assertThat(explicit.permits("office", Transport.ICMP, address, 0)).isFalse();
        assertThat(sensitive.permits(explicit.prefixesFor("office", Transport.TCP, 80), address))
                .isTrue();
        assertThat(sensitive.permits(explicit.prefixesFor("office", Transport.TCP, 81), address))
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10.0.0.1",
                "192.168.1.1",
                "128.0.0.1",
                "8.8.8.8",
                "fd77::1",
                "2001:db8::1",
                "fec0::1",
                "64:ff9b::a00:1"
            })
    void ordinaryAddressesAreNotSensitive(String text) {
        assertThat(SensitiveAddresses.isSensitive(ip(text))).isFalse();
        assertThat(policy("*:0.0.0.0/0", "*:[::/0]").permits("x", Transport.TCP, ip(text), 1))
                .isTrue();
    }

    /** Reads the grants one by one, as the rules are written down. */
    private static boolean model(
            List<Grant> grants,
            SensitiveAddresses sensitive,
            String agent,
            Transport transport,
            InetAddress address,
            int port) {
        for (Grant grant : grants) {
            if (grant.isFor(agent)
                    && grant.allows(transport, port)
                    && grant.target() instanceof IpPrefix prefix
                    && IpPrefixTest.inside(address, prefix)
                    && (!sensitive.contains(address) || sensitive.isExplicit(prefix))) {
                return true;
            }
        }
        return false;
    }

    @Test
    void agreesWithReadingTheGrantsOneByOne() {
        SeededRandom random = SeededRandom.create();
        String[] agents = {"*", "a", "b"};
        int permitted = 0;
        for (int round = 0; round < 200; round++) {
            List<Grant> grants = new ArrayList<>();
            for (int i = 1 + random.nextInt(30); i > 0; i--) {
                EnumSet<Transport> transports = EnumSet.noneOf(Transport.class);
                while (transports.isEmpty()) {
                    for (Transport t : Transport.values()) {
                        if (random.nextBoolean()) {
                            transports.add(t);
                        }
                    }
                }
                int first = 1 + random.nextInt(5);
                grants.add(new Grant(
                        agents[random.nextInt(3)],
                        random.prefix(),
                        PortRanges.parse(first + "-" + (first + random.nextInt(3))),
                        transports));
            }
            SensitiveAddresses sensitive = SensitiveAddresses.with(List.of(random.address(), random.address()));
            TokenGrants policy = TokenGrants.of(grants, sensitive);
            for (int i = 0; i < 100; i++) {
                String agent = new String[] {"a", "b", "c"}[random.nextInt(3)];
                Transport transport = Transport.values()[random.nextInt(3)];
                InetAddress address = random.address();
                int port = random.nextInt(8);
                boolean expected = model(grants, sensitive, agent, transport, address, port);
                permitted += expected ? 1 : 0;
                assertThat(policy.permits(agent, transport, address, port))
                        .as("%s %s %s %d of %s, seed %d", agent, transport, address, port, grants, random.seed)
                        .isEqualTo(expected);
                assertThat(sensitive.permits(policy.prefixesFor(agent, transport, port), address))
                        .as(
                                "prefixes for %s %s %s %d of %s, seed %d",
                                agent, transport, address, port, grants, random.seed)
                        .isEqualTo(expected);
            }
        }
        assertThat(permitted).isGreaterThan(500);
    }
}
