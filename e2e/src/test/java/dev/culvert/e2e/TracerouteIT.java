package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the network behind the agent says of packets reaches the application as if it were there. Behind the office stand two
 * routers and a host:
 *
 * <pre>
 *  office 192.168.77.1 ── .77.2 officeHost .78.1 ── .78.2 second .79.1 ─(MTU 1400)─ .79.2 far
 * </pre>
 *
 * IPv6 alike: fd77::, fd78::, fd79::. {@code second} refuses to forward to some addresses of .79, each in another way.
 */
@Tag("netns")
final class TracerouteIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final String FAR = "192.168.79.2";
    private static final String FAR_6 = "fd79::2";
    private static final List<String> PATH = List.of("100.127.255.2", "192.168.77.2", "192.168.78.2", FAR);
    private static final List<String> PATH_6 = List.of("fd63:756c:7665:7274::2", "fd77::2", "fd78::2", FAR_6);
    private static final int CLOSED = 7999;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** A line of traceroute: number, address, and what the three probes met: a time, or "!X" and the like behind it. */
    private static final Pattern HOP = Pattern.compile("(?m)^ *(\\d+)  (\\S+)  (.*)$");

    @BeforeAll
    static void start() throws Exception {
        Host first = lab.officeHost;
        Host second = lab.add("second");
        Host far = lab.add("far");
        lab.cable(first, "next", "192.168.78.1/24", "fd78::1/64", second, "near", "192.168.78.2/24", "fd78::2/64");
        lab.cable(second, "lan", "192.168.79.1/24", "fd79::1/64", far, "lan", "192.168.79.2/24", "fd79::2/64");
        for (Host router : List.of(first, second)) {
            lab.must(
                    router,
                    "sysctl",
                    "-qw",
                    "net.ipv4.ip_forward=1",
                    "net.ipv6.conf.all.forwarding=1",
                    "net.ipv4.icmp_ratelimit=0",
                    "net.ipv6.icmp.ratelimit=0");
        }
        lab.must(far, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0");
        lab.must(second, "ip", "link", "set", "lan", "mtu", "1400");
        lab.must(far, "ip", "link", "set", "lan", "mtu", "1400");
        lab.must(lab.office, "ip", "route", "add", "192.168.78.0/23", "via", Lab.OFFICE_HOST);
        lab.must(first, "ip", "route", "add", "192.168.79.0/24", "via", "192.168.78.2");
        lab.must(second, "ip", "route", "add", "192.168.77.0/24", "via", "192.168.78.1");
        lab.must(far, "ip", "route", "add", "default", "via", "192.168.79.1");
        lab.must(lab.office, "ip", "route", "add", "fd78::/15", "via", Lab.OFFICE_HOST_6);
        lab.must(first, "ip", "route", "add", "fd79::/64", "via", "fd78::2");
        lab.must(second, "ip", "route", "add", "fd77::/64", "via", "fd78::1");
        lab.must(far, "ip", "route", "add", "default", "via", "fd79::1");
        refuse(second, "ip", "192.168.79.", "icmp", "net-unreachable", "host-unreachable", "admin-prohibited");
        refuse(second, "ip6", "fd79::", "icmpv6", "no-route", "addr-unreachable", "admin-prohibited");
        lab.startProbe(far, "serve", lab.directory().toString()).awaitOutput("READY", PATIENCE);

        lab.startGateway();
        lab.startAgent(
                lab.office,
                lab.agentToken(
                        "office",
                        "wss://10.71.2.1:" + Lab.PORT,
                        "192.168.77.0/24,192.168.78.0/23,fd77::/64,fd78::/16,fd79::/16"));
        lab.startClient(
                lab.clientToken(
                        "laptop",
                        "office:192.168.77.0/24,office:192.168.78.0/23,office:[fd77::/64],office:[fd78::/16],office:[fd79::/16]"));
    }

    /** Addresses that end in 11, 12 and so on are refused, each with the next of the codes. */
    private static void refuse(Host router, String family, String prefix, String protocol, String... codes)
            throws Exception {
        lab.must(router, "nft", "add", "table", family, "refusals");
        lab.must(router, "nft", "add chain " + family + " refusals forward { type filter hook forward priority 0 ; }");
        for (int i = 0; i < codes.length; i++) {
            lab.must(
                    router,
                    "nft",
                    "add rule " + family + " refusals forward " + family + " daddr " + prefix + (11 + i)
                            + " reject with " + protocol + " type " + codes[i]);
        }
    }

    /** {@code -w 5,0,0}: or traceroute waits but three times as long as the hop's first answer took. */
    @ParameterizedTest
    @CsvSource({"-4, U", "-6, U", "-4, -I", "-6, -I"})
    void tracerouteShowsTheRoutersBehindTheAgent(String family, String method) throws Exception {
        String host = family.equals("-4") ? FAR : FAR_6;
        List<String> command =
                new java.util.ArrayList<>(List.of("traceroute", "-n", "-w", "5,0,0", family, "-m", "8", host));
        if (method.startsWith("-")) {
            command.add(1, method);
        }
        String out = lab.must(lab.client, command.toArray(String[]::new));
        assertPath(out, family.equals("-4") ? PATH : PATH_6);
    }

    private static void assertPath(String out, List<String> path) {
        System.out.println(out);
        Matcher hops = HOP.matcher(out);
        for (int i = 0; i < path.size(); i++) {
            assertThat(hops.find()).as("hop " + (i + 1) + " of\n" + out).isTrue();
            assertThat(hops.group(1) + " " + hops.group(2)).as(out).isEqualTo((i + 1) + " " + path.get(i));
            assertThat(hops.group(3)).as(out).doesNotContain("*", "!").containsPattern("\\d ms.*\\d ms.*\\d ms");
        }
        assertThat(hops.find()).as(out).isFalse();
    }

    /** TCP ends at the stack, so its handshake cannot be traced further: the destination is the second hop. */
    @ParameterizedTest
    @CsvSource({"-4", "-6"})
    void tracerouteByTcpShowsTheDestinationBehindTheFirstHop(String family) throws Exception {
        boolean ipv4 = family.equals("-4");
        String host = ipv4 ? FAR : FAR_6;
        String out = lab.must(
                lab.client, "traceroute", "-T", "-n", "-w", "5,0,0", family, "-p", "" + CLOSED, "-m", "8", host);
        assertPath(out, List.of((ipv4 ? PATH : PATH_6).get(0), host));
    }

    @ParameterizedTest
    @CsvSource({"-4, --no-dns", "-6, --no-dns", "-4, --udp"}) // ICMP is its way without an option
    void mtrShowsThemToo(String family, String method) throws Exception {
        boolean ipv4 = family.equals("-4");
        String out =
                lab.must(lab.client, "mtr", "-n", family, "--report", "-c", "3", "--csv", method, ipv4 ? FAR : FAR_6);
        System.out.println(out);
        List<String> hops = out.lines()
                .filter(l -> l.startsWith("MTR."))
                .map(l -> l.split(",")[5])
                .toList();
        assertThat(hops).as(out).isEqualTo(ipv4 ? PATH : PATH_6);
        // No probe of any round is lost: an error ends no flow.
        assertThat(out.lines().filter(l -> l.startsWith("MTR.")).map(l -> l.split(",")[6]))
                .as(out)
                .containsOnly("0.00");
    }

    /** Type and code, the router that said so, and the MTU, as RFC 792, RFC 1191 and RFC 4443 have them. */
    @ParameterizedTest
    @CsvSource({
        "192.168.79.2, 7999, 32, 3/3 192.168.79.2 0",
        "192.168.79.11, 7000, 32, 3/0 192.168.78.2 0",
        "192.168.79.12, 7000, 32, 3/1 192.168.78.2 0",
        "192.168.79.13, 7000, 32, 3/13 192.168.78.2 0",
        "fd79::2, 7999, 32, 1/4 fd79::2 0",
        "fd79::11, 7000, 32, 1/0 fd78::2 0",
        "fd79::12, 7000, 32, 1/3 fd78::2 0",
        "fd79::13, 7000, 32, 1/1 fd78::2 0",
    })
    void everyKindOfUnreachableKeepsItsCodeAndItsSource(String host, int port, int size, String expected)
            throws Exception {
        assertThat(lab.probe(lab.client, "icmp", host, "" + port, "" + size)).isEqualTo(expected);
    }

    /** An address that nobody has: the last router asks for it, and says so when nobody answers. */
    @Test
    void pingSaysWhichRouterCouldNotReachTheHost() throws Exception {
        Outcome ping = lab.run(lab.client, PATIENCE, "ping", "-n", "-c", "1", "-W", "10", "192.168.79.77");
        assertThat(ping.exit()).isEqualTo(1);
        assertThat(ping.output()).contains("From 192.168.78.2 icmp_seq=1 Destination Host Unreachable");
    }

    /** The path behind the agent carries 1,400 bytes: who may not be fragmented hears so, and then everything fits. */
    @ParameterizedTest
    @CsvSource({"192.168.79.2, 1472, 3/4 192.168.78.2 1400", "fd79::2, 1452, 2/0 fd78::2 1400"})
    void theMtuOfThePathBehindTheAgentBecomesKnown(String host, int size, String expected) throws Exception {
        assertThat(lab.probe(lab.client, "icmp", host, "" + LanServices.UDP_ECHO, "" + size))
                .isEqualTo(expected);
        assertThat(lab.probe(lab.client, "pathmtu", host)).isEqualTo("1400");
        assertThat(lab.probe(lab.client, "udp", host, "" + LanServices.UDP_ECHO, "" + size))
                .startsWith("SAME ");
        assertThat(lab.probe(lab.client, "udp", host, "" + LanServices.UDP_ECHO, "9000"))
                .startsWith("SAME ");
    }
}
