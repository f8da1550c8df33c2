package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Names of the office's LAN, asked of dnsmasq there through the stack's own name server, by dig. */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class NamesIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final String SERVICE = "100.127.255.53";
    private static final String SERVICE_6 = "fd63:756c:7665:7274::53";

    /** What the client's machine asks before: the gateway's, which knows other names. */
    private static final String HOME =
            "# of the DHCP client\nsearch home.example\nnameserver 10.71.1.1\noptions timeout:20\n";

    private static Path resolvConf;
    private static Path clientsConf;
    private static Path token;
    private Program client;

    @BeforeAll
    static void start() throws Exception {
        resolvConf = Lab.resolvConf(lab.office, "search inner.example\nnameserver 192.168.77.9\n");
        clientsConf = Lab.resolvConf(lab.client, HOME);
        dnsmasq(lab.gateway, "10.71.1.1", "--local=/home.example/", "--host-record=www.home.example,10.71.1.1");
        dnsmasq(
                lab.officeHost,
                "192.168.77.2",
                "--local=/corp.example/",
                "--local=/secret.example/",
                "--host-record=db.corp.example,192.168.77.2,fd77::2",
                "--local=/lab.example/",
                "--host-record=db.secret.example,192.168.77.2",
                "--host-record=db.lab.example,192.168.77.3",
                "--txt-record=large.corp.example," + "x".repeat(250) + "," + "y".repeat(250) + "," + "z".repeat(250),
                "--edns-packet-max=4096");
        lab.startGateway();
        lab.startAgent(
                lab.office,
                lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.77.0/24,fd77::/64"),
                "--domain",
                "lab.example",
                "--search-domains");
        token = lab.clientToken("laptop", "office:192.168.77.0/24:7001/tcp", "--domains", "corp.example");
    }

    private static void dnsmasq(Host host, String address, String... records) throws Exception {
        dnsmasq(lab, host, address, records);
    }

    /** A name server, of these records alone. */
    static void dnsmasq(Lab lab, Host host, String address, String... records) throws Exception {
        List<String> line = new ArrayList<>(List.of(
                "dnsmasq",
                "--no-daemon",
                "--conf-file=/dev/null",
                "--no-hosts",
                "--no-resolv",
                "--user=root",
                "--bind-interfaces",
                "--listen-address=" + address));
        line.addAll(List.of(records));
        lab.start(host, "dnsmasq", line.toArray(String[]::new)).awaitOutput("started", Lab.START);
    }

    @AfterEach
    void down() throws Exception {
        client.close();
        lab.run(lab.client, Lab.COMMAND, lab.down());
        assertThat(clientsConf).as("resolv.conf in the end").hasContent(HOME);
    }

    private void up(Path with, String domains, String... more) throws Exception {
        client = lab.start(
                lab.client, "client", Map.of("CULVERT_JAVA_OPTS", "-Dculvert.terminal=true"), lab.up(with, more));
        client.awaitOutput("names: " + domains, Lab.START);
    }

    private static String dig(String... arguments) throws Exception {
        String[] line = new String[arguments.length + 3];
        line[0] = "dig";
        line[1] = "+tries=1";
        line[2] = "+time=20";
        System.arraycopy(arguments, 0, line, 3, arguments.length);
        return lab.run(lab.client, Lab.COMMAND, line).output();
    }

    /** The agent's machine gets another name server while it runs: no program there is told, and none is started again. */
    @Test
    @Order(1)
    void aDomainOfTheTokenIsAskedByTheAgentAndNothingElseIs() throws Exception {
        up(token, "corp.example by office, secret.example by office", "--domain", "secret.example=office");
        assertThat(dig("@" + SERVICE, "db.corp.example"))
                .as("192.168.77.9 is not there")
                .contains("status: SERVFAIL");
        Files.writeString(resolvConf, "search corp.example\nnameserver 192.168.77.2\n");
        await("what the agent read before to count no more")
                .atMost(Lab.START)
                .untilAsserted(() -> assertThat(dig("@" + SERVICE, "+short", "DB.corp.example"))
                        .isEqualTo("192.168.77.2\n"));
        assertThat(dig("@" + SERVICE, "+short", "db.corp.example", "AAAA")).isEqualTo("fd77::2\n");
        assertThat(dig("@" + SERVICE, "-x", "192.168.77.2"))
                .as("of a network that is routed")
                .contains("PTR\tdb.");
        assertThat(dig("@" + SERVICE_6, "+short", "db.corp.example")).isEqualTo("192.168.77.2\n");
        assertThat(dig("@" + SERVICE, "+tcp", "+short", "db.corp.example")).isEqualTo("192.168.77.2\n");
        assertThat(dig("@" + SERVICE, "nothing.corp.example")).contains("status: NXDOMAIN");
        assertThat(dig("@" + SERVICE, "+bufsize=1232", "large.corp.example", "TXT"))
                .contains("SERVER: " + SERVICE + "#53(" + SERVICE + ") (UDP)", "zzz");
        assertThat(dig("@" + SERVICE, "+noedns", "large.corp.example", "TXT"))
                .as("dig asks again over TCP")
                .contains(
                        "Truncated, retrying in TCP mode", "SERVER: " + SERVICE + "#53(" + SERVICE + ") (TCP)", "zzz");
        assertThat(dig("@" + SERVICE, "db.example")).as("no domain of ours").contains("status: REFUSED");
        assertThat(dig("@" + SERVICE, "corp.example", "AXFR")).contains("Transfer failed");
        assertThat(dig("@" + SERVICE, "db.secret.example"))
                .as("the user wants it, and the token does not allow it")
                .contains("status: SERVFAIL");
        client.awaitOutput("agent 'office' cannot be asked about names in secret.example", Lab.COMMAND);
        assertThat(dig("@" + SERVICE, "+short", "db.corp.example")).isEqualTo("192.168.77.2\n");
    }

    @Test
    @Order(2)
    void whoMayReachTheNameServerMayHaveItAskedAboutAnything() throws Exception {
        // What the agent announces, too, as far as the token lets it be asked: not inner.example.
        Path wide = lab.clientToken("wide", "office:192.168.77.2:53", "--allow", "office:*.lab.example:443/tcp");
        up(wide, "lab.example by office, secret.example by office", "--domain", "secret.example");
        assertThat(dig("@" + SERVICE, "+short", "db.secret.example")).isEqualTo("192.168.77.2\n");
        assertThat(dig("@" + SERVICE, "+short", "db.lab.example")).isEqualTo("192.168.77.3\n");
        assertThat(dig("@" + SERVICE, "+short", "+tcp", "db.secret.example")).isEqualTo("192.168.77.2\n");
    }

    /** What a program of the client's machine finds that asks its C library. */
    private static String lookUp(String name) throws Exception {
        return lab.run(lab.client, Lab.COMMAND, "getent", "ahostsv4", name).output();
    }

    @Test
    @Order(3)
    void programsFindNamesOfBothNetworksAndAfterAKillAllIsAsItWas() throws Exception {
        assertThat(lookUp("db.corp.example")).isEmpty();
        up(token, "corp.example by office");
        client.awaitOutput("names are asked for through /etc/resolv.conf", Lab.COMMAND);
        assertThat(lookUp("db.corp.example")).startsWith("192.168.77.2 ");
        assertThat(lookUp("db")).as("search").startsWith("192.168.77.2 ");
        assertThat(lookUp("www.home.example"))
                .as("asked where it was asked before")
                .startsWith("10.71.1.1 ");
        assertThat(lookUp("www")).startsWith("10.71.1.1 ");
        assertThat(lookUp("none.home.example")).isEmpty();
        Files.writeString(clientsConf, HOME); // its lease is renewed
        await().atMost(Lab.COMMAND).until(() -> Files.readString(clientsConf).contains("nameserver " + SERVICE));
        assertThat(lookUp("db.corp.example")).startsWith("192.168.77.2 ");
        client.kill();
        assertThat(Files.readString(clientsConf)).isNotEqualTo(HOME);
        lab.must(lab.client, lab.down());
        assertThat(clientsConf).hasContent(HOME);
    }

    /** A directory /etc of the client's own, where a file can take another's place. */
    @Test
    @Order(4)
    void aLinkIsALinkAgain() throws Exception {
        Path etc = lab.directory().resolve("etc");
        lab.must(lab.client, "cp", "-r", "/etc", etc.toString());
        Files.delete(etc.resolve("resolv.conf"));
        Files.writeString(etc.resolve("resolv.conf.dhcp"), HOME);
        Files.createSymbolicLink(etc.resolve("resolv.conf"), Path.of("resolv.conf.dhcp"));
        String mount = "mount --bind '" + etc + "' /etc; exec ";
        client = lab.start(
                lab.client,
                "client",
                "unshare",
                "-m",
                "sh",
                "-c",
                "umount /etc/resolv.conf; " + mount + String.join(" ", lab.up(token)));
        client.awaitOutput("names are asked for through /etc/resolv.conf", Lab.START);
        assertThat(etc.resolve("resolv.conf")).isRegularFile();
        assertThat(lab.must(
                        lab.client,
                        "unshare",
                        "-m",
                        "sh",
                        "-c",
                        "umount /etc/resolv.conf; " + mount + "getent ahostsv4 db.corp.example"))
                .startsWith("192.168.77.2 ");
        client.kill();
        ofAnotherBoot(lab.directory().resolve("client-state"));
        assertThat(lab.must(
                        lab.client,
                        "unshare",
                        "-m",
                        "sh",
                        "-c",
                        "umount /etc/resolv.conf; " + mount + String.join(" ", lab.down()) + " --only-repair"))
                .contains("took back 1 of 1 changes");
        assertThat(Files.readSymbolicLink(etc.resolve("resolv.conf"))).hasToString("resolv.conf.dhcp");
        assertThat(etc.resolve("resolv.conf.dhcp")).hasContent(HOME);
        try (Stream<Path> files = Files.list(etc)) {
            assertThat(files.map(p -> p.getFileName().toString()))
                    .filteredOn(name -> name.startsWith("resolv.conf"))
                    .containsExactlyInAnyOrder("resolv.conf", "resolv.conf.dhcp");
        }
    }

    /** As after a power cut: another boot, in which this network namespace has another number. */
    private static void ofAnotherBoot(Path state) throws Exception {
        try (Stream<Path> files = Files.list(state)) {
            Path journal = files.filter(p -> p.toString().endsWith(".journal"))
                    .findFirst()
                    .orElseThrow();
            String text = Files.readString(journal);
            Files.writeString(
                    state.resolve("undo-4026531999.journal"),
                    text.replaceAll("\"boot\":\"[^\"]*\"", "\"boot\":\"0123\""),
                    StandardOpenOption.CREATE_NEW);
            Files.setPosixFilePermissions(
                    state.resolve("undo-4026531999.journal"), Files.getPosixFilePermissions(journal));
            Files.delete(journal);
        }
    }

    /** Frames of DNS, in the clear or over TLS, of what was captured on the client's own cable, as Wireshark reads them. */
    private static List<String> leaked(Path capture) throws Exception {
        String out = lab.must(
                lab.client,
                "tshark",
                "-n",
                "-r",
                capture.toString(),
                "-Y",
                "tcp.port in {53, 853} or udp.port in {53, 853}");
        return out.lines().filter(line -> !line.startsWith("Running as user")).toList();
    }

    @Test
    @Order(5)
    void withFullAllNamesGoThroughTheTunnelAndNoneBesideIt() throws Exception {
        Lab.resolvConf(lab.plant, "nameserver 192.168.88.2\n");
        dnsmasq(lab.plantHost, "192.168.88.2", "--local=/home.example/", "--host-record=www.home.example,203.0.113.1");
        lab.startAgent(lab.plant, lab.agentToken("plant", "wss://10.71.3.1:8443", "0.0.0.0/0"));
        Path earlier = lab.directory().resolve("earlier.pcap");
        Program tshark = capture(earlier);
        await("what is captured").atMost(Lab.START).until(() -> {
            assertThat(lookUp("www.home.example")).startsWith("10.71.1.1 ");
            return !leaked(earlier).isEmpty();
        });
        tshark.terminate();
        Path whole = lab.directory().resolve("whole.pcap");
        tshark = capture(whole);
        up(lab.clientToken("whole", "plant:0.0.0.0/0"), "all by plant", "--full");
        client.awaitOutput("names are asked for through /etc/resolv.conf", Lab.COMMAND);
        assertThat(lookUp("www.home.example")).as("of the plant").startsWith("203.0.113.1 ");
        assertThat(lookUp("none.home.example")).isEmpty();
        assertThat(dig("@" + SERVICE, "-x", "203.0.113.1")).contains("www.home.example");
        assertThat(dig("@" + SERVICE, "+tcp", "+short", "www.home.example")).isEqualTo("203.0.113.1\n");
        lab.run(lab.client, Lab.COMMAND, "bash", "-c", "timeout 3 bash -c 'echo >/dev/tcp/203.0.113.1/853'");
        tshark.terminate();
        assertThat(leaked(whole)).as("names that nobody was to hear").isEmpty();
        assertThat(lab.must(lab.client, "tshark", "-n", "-r", whole.toString(), "-Y", "tcp.port == 8443")
                        .lines())
                .as("the link")
                .hasSizeGreaterThan(10);
    }

    private static Program capture(Path file) throws Exception {
        Program tshark = lab.start(lab.client, "tshark", "tshark", "-n", "-q", "-i", "gw", "-w", file.toString());
        tshark.awaitOutput("Capturing on", Lab.START);
        return tshark;
    }
}
