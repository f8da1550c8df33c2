package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Two agents with one and the same network, at a client that is at home in that network too:
 *
 * <pre>
 *  home 192.168.1.2 ── 192.168.1.10 client
 *  office 192.168.1.1 ── 192.168.1.2 officeHost 192.168.2.1 ── 192.168.2.2 deep      shown as 10.77.0.0/24 and 10.79.0.0/24
 *  plant  192.168.1.1 ── 192.168.1.2 plantHost                                       shown as 10.78.0.0/24
 * </pre>
 */
@Tag("netns")
final class MapsIT {
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final Pattern HOP = Pattern.compile("(?m)^ *(\\d+)  (\\S+)");

    @RegisterExtension
    static final Lab lab = new Lab();

    @BeforeAll
    static void start() throws Exception {
        for (Host agent : List.of(lab.office, lab.plant)) {
            lab.must(agent, "ip", "addr", "add", "192.168.1.1/24", "dev", "lan");
        }
        for (Host host : List.of(lab.officeHost, lab.plantHost)) {
            lab.must(host, "ip", "addr", "add", "192.168.1.2/24", "dev", "lan");
        }
        Host home = lab.add("home");
        lab.cable(lab.client, "home", "192.168.1.10/24", "fd01::10/64", home, "lan", "192.168.1.2/24", "fd01::2/64");
        Host deep = lab.add("deep");
        lab.cable(lab.officeHost, "deep", "192.168.2.1/24", "fd02::1/64", deep, "lan", "192.168.2.2/24", "fd02::2/64");
        lab.must(lab.officeHost, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0");
        lab.must(deep, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0");
        lab.must(deep, "ip", "route", "add", "default", "via", "192.168.2.1");
        lab.must(lab.office, "ip", "route", "add", "192.168.2.0/24", "via", "192.168.1.2");
        NamesIT.dnsmasq(
                lab,
                lab.officeHost,
                "192.168.1.2",
                "--local=/corp.example/",
                "--local=/1.168.192.in-addr.arpa/",
                "--host-record=db.corp.example,192.168.1.5");
        Lab.resolvConf(lab.office, "nameserver 192.168.1.2\n");
        web(home, "home");
        web(lab.officeHost, "office");
        web(lab.plantHost, "plant");
        lab.startProbe(lab.plantHost, "serve", lab.directory().toString()).awaitOutput("READY", PATIENCE);

        // The plant's is the policy's word, the office's are the user's.
        Path policy = Files.writeString(lab.directory().resolve("policy.yaml"), """
            grants:
              - {who: "*", agents: "*", to: 0.0.0.0/0}
            maps:
              - {agent: plant, network: 192.168.1.0/24, as: 10.78.0.0/24}
            """);
        lab.startGateway("--policy", policy.toString());
        lab.startAgent(lab.office, lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.1.0/24,192.168.2.0/24"));
        lab.startAgent(lab.plant, lab.agentToken("plant", "wss://10.71.3.1:" + Lab.PORT, "192.168.1.0/24"));
        Path token = lab.clientToken(
                "laptop",
                "office:192.168.1.0/24,office:192.168.2.0/24,plant:192.168.1.0/24",
                "--domains",
                "corp.example");
        Program client = lab.startClient(
                token,
                "--keep-resolver",
                "--capture",
                all().toString(),
                "--route",
                "10.77.0.0/24=office:192.168.1.0/24",
                "--route",
                "10.79.0.0/24=office:192.168.2.0/24",
                "--route",
                "10.78.0.0/24");
        client.awaitOutput("10.78.0.0/24 via plant (there 192.168.1.0/24)", PATIENCE);
    }

    private static void web(Host host, String name) throws Exception {
        Path root = Files.createDirectories(lab.directory().resolve(name));
        Files.writeString(root.resolve("name"), name);
        lab.start(host, "web-" + name, "python3", "-m", "http.server", "8000", "--directory", root.toString());
    }

    @ParameterizedTest
    @CsvSource({"10.77.0.2, office", "10.78.0.2, plant", "192.168.1.2, home"})
    void eachOfThreeNetworksThatAreNumberedAlikeIsReached(String host, String name) throws Exception {
        String url = "http://" + host + ":8000/name";
        assertThat(lab.must(lab.client, "curl", "-sS", "--retry", "20", "--retry-connrefused", "--fail", url))
                .isEqualTo(name);
    }

    /** A name has the address that is seen here, and that address the name. */
    @Test
    void namesGoBothWays() throws Exception {
        String[] dig = {"dig", "@100.127.255.53", "+tries=1", "+time=20"};
        assertThat(lab.must(lab.client, line(dig, "+short", "db.corp.example"))).isEqualTo("10.77.0.5\n");
        assertThat(lab.must(lab.client, line(dig, "+short", "-x", "10.77.0.5"))).isEqualTo("db.corp.example.\n");
        assertThat(lab.must(lab.client, line(dig, "+noall", "+answer", "+tcp", "-x", "10.77.0.5")))
                .startsWith("5.0.77.10.in-addr.arpa.")
                .doesNotContain("192");
        assertThat(lab.must(lab.client, line(dig, "-x", "10.77.0.6"))).contains("status: NXDOMAIN");
        assertThat(lab.must(lab.client, line(dig, "-x", "192.168.1.5")))
                .as("the one at home, which nobody knows here")
                .contains("status: REFUSED");
    }

    private static String[] line(String[] head, String... more) {
        return Stream.concat(Stream.of(head), Stream.of(more)).toArray(String[]::new);
    }

    @ParameterizedTest
    @CsvSource({"10.77.0.2", "10.78.0.2", "10.79.0.2"})
    void aReplyToAPingComesFromTheAddressThatWasAsked(String host) throws Exception {
        assertThat(lab.must(lab.client, "ping", "-n", "-c", "1", "-W", "20", host))
                .contains("64 bytes from " + host);
    }

    @ParameterizedTest
    @CsvSource({"-U", "-I"})
    void tracerouteShowsRoutersWithinUnderTheAddressesThatTheyHaveHere(String method) throws Exception {
        String out = lab.must(lab.client, "traceroute", method, "-n", "-w", "5,0,0", "-m", "8", "10.79.0.2");
        Matcher hops = HOP.matcher(out);
        for (String hop : List.of("1 100.127.255.2", "2 10.77.0.2", "3 10.79.0.2")) {
            assertThat(hops.find()).as(out).isTrue();
            assertThat(hops.group(1) + " " + hops.group(2)).as(out).isEqualTo(hop);
        }
        assertThat(hops.find()).as(out).isFalse();
    }

    @Test
    void aClosedPortIsRefusedByTheAddressThatWasAsked() throws Exception {
        assertThat(lab.probe(lab.client, "connect", "10.77.0.2", "7999")).startsWith("ECONNREFUSED ");
        assertThat(lab.probe(lab.client, "icmp", "10.78.0.2", "7999", "32")).isEqualTo("3/3 10.78.0.2 0");
    }

    /** The agent's machine asks for it in vain, and says so: as 192.168.1.1, which here is 10.77.0.1. */
    @Test
    void whoCouldNotReachAHostIsShownToo() throws Exception {
        Outcome ping = lab.run(lab.client, PATIENCE, "ping", "-n", "-c", "1", "-W", "10", "10.77.0.99");
        assertThat(ping.exit()).isEqualTo(1);
        assertThat(ping.output()).contains("From 10.77.0.1 icmp_seq=1 Destination Host Unreachable");
        assertThat(lab.probe(lab.client, "connect", "10.77.0.99", "80")).startsWith("EHOSTUNREACH ");
    }

    @Test
    void datagramsGoThereAndBack() throws Exception {
        assertThat(lab.probe(lab.client, "udp", "10.78.0.2", "7005", "1000")).startsWith("SAME ");
    }

    @Test
    void statusSaysWhichNetworkIsWhich() throws Exception {
        String status = lab.must(
                lab.client,
                lab.script("client"),
                "status",
                "--state",
                lab.directory().resolve("client-state").toString());
        assertThat(status).contains("10.77.0.0/24 via office (there 192.168.1.0/24), 10.78.0.0/24 via plant (there ");
    }

    private static Path all() {
        return lab.directory().resolve("all.pcap");
    }

    /** What was captured, as Wireshark reads it: a line for each packet. */
    private static List<String> read(Path file, String filter) throws Exception {
        String out = lab.must(
                lab.client,
                "tshark",
                "-n",
                "-r",
                file.toString(),
                "-Y",
                filter,
                "-T",
                "fields",
                "-E",
                "separator= ",
                "-e",
                "ip.src",
                "-e",
                "ip.dst",
                "-e",
                "tcp.flags.str",
                "-e",
                "http.response.code");
        return out.lines().filter(l -> !l.startsWith("Running as user")).toList();
    }

    /** From the first packet on, and to be read while the client runs. */
    @Test
    void upCaptures() throws Exception {
        lab.must(lab.client, "ping", "-n", "-c", "1", "-W", "20", "10.78.0.2");
        await("the packets on disk")
                .atMost(PATIENCE)
                .until(() ->
                        !read(all(), "icmp.type == 0 && ip.src == 10.78.0.2").isEmpty());
        assertThat(lab.must(lab.client, "stat", "-c", "%a", all().toString()).strip())
                .isEqualTo("600");
    }

    /** One flow of a client that is up, into a pipe. */
    @Test
    void aFlowIsCapturedWhileTheClientRuns() throws Exception {
        Path file = lab.directory().resolve("flow.pcap");
        Program capture = lab.start(
                lab.client,
                "capture",
                "bash",
                "-c",
                "exec " + lab.script("client") + " capture --flow tcp:10.78.0.2:8000 -w - --state "
                        + lab.directory().resolve("client-state") + " >" + file);
        // The head of the file is there when the client has begun.
        await("a capture").atMost(PATIENCE).until(() -> Files.exists(file) && Files.size(file) >= 24);
        lab.must(lab.client, "curl", "-sS", "--fail", "http://10.77.0.2:8000/name");
        lab.must(lab.client, "curl", "-sS", "--fail", "http://10.78.0.2:8000/name");
        await("the end of the connection")
                .atMost(PATIENCE)
                .until(() -> read(file, "tcp.flags.fin == 1").size() >= 2);
        assertThat(capture.terminate()).isEqualTo(143);
        assertThat(capture.output()).containsPattern("client: \\d+ packets\n");
        List<String> packets = read(file, "tcp");
        assertThat(packets)
                .allMatch(p -> p.startsWith("100.127.255.1 10.78.0.2 ") || p.startsWith("10.78.0.2 100.127.255.1 "));
        assertThat(packets.get(0)).contains("S");
        assertThat(packets).anyMatch(p -> p.startsWith("10.78.0.2 ") && p.endsWith(" 200"));
        assertThat(read(file, "!tcp")).isEmpty();
    }
}
