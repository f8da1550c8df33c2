package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
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

    private static Path resolvConf;
    private static Path token;
    private Program client;

    @BeforeAll
    static void start() throws Exception {
        resolvConf = Path.of("/etc/netns", lab.office.namespace(), "resolv.conf");
        Files.createDirectories(resolvConf.getParent());
        Files.writeString(resolvConf, "nameserver 192.168.77.9\n");
        Program names = lab.start(
                lab.officeHost,
                "dnsmasq",
                "dnsmasq",
                "--no-daemon",
                "--conf-file=/dev/null",
                "--no-hosts",
                "--no-resolv",
                "--user=root",
                "--bind-interfaces",
                "--listen-address=192.168.77.2",
                "--local=/corp.example/",
                "--local=/secret.example/",
                "--host-record=db.corp.example,192.168.77.2,fd77::2",
                "--host-record=db.secret.example,192.168.77.2",
                "--txt-record=large.corp.example," + "x".repeat(250) + "," + "y".repeat(250) + "," + "z".repeat(250),
                "--edns-packet-max=4096");
        names.awaitOutput("started", Lab.START);
        lab.startGateway();
        lab.startOffice();
        token = lab.clientToken("laptop", "office:192.168.77.0/24:7001/tcp", "--domains", "corp.example");
    }

    @AfterEach
    void down() throws Exception {
        client.close();
        lab.run(lab.client, Duration.ofSeconds(30), lab.down());
    }

    @AfterAll
    static void forget() throws Exception {
        Files.deleteIfExists(resolvConf);
        Files.deleteIfExists(resolvConf.getParent());
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
        Thread.sleep(1_100); // as long as what was read counts
        assertThat(dig("@" + SERVICE, "+short", "DB.corp.example")).isEqualTo("192.168.77.2\n");
        assertThat(dig("@" + SERVICE, "+short", "db.corp.example", "AAAA")).isEqualTo("fd77::2\n");
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
        Path wide = lab.clientToken("wide", "office:192.168.77.2:53");
        up(wide, "secret.example by office", "--domain", "secret.example");
        assertThat(dig("@" + SERVICE, "+short", "db.secret.example")).isEqualTo("192.168.77.2\n");
        assertThat(dig("@" + SERVICE, "+short", "+tcp", "db.secret.example")).isEqualTo("192.168.77.2\n");
    }
}
