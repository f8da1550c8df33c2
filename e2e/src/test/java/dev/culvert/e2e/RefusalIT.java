package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What cannot be reached fails as it would on the LAN, and as fast; and the gateway looks like a web server. */
@Tag("netns")
final class RefusalIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** "At once", on a machine where others work too; a time-out would be ten seconds or more. */
    private static final int AT_ONCE_MILLIS = 8_000;

    private static final String NOBODY = "192.168.77.200";

    private static Program agent;

    @BeforeAll
    static void start() throws Exception {
        LanServices.start(lab);
        lab.startGateway();
        agent = lab.startOffice();
        // One host of the office and an address that nobody has; of its router one port, so that the others are routed
        // here
        // and not granted.
        lab.startClient(
                lab.clientToken(
                        "laptop",
                        "office:" + Lab.OFFICE_HOST + ",office:" + NOBODY
                                + ",office:[fd77::2/128],office:192.168.77.1:9/tcp,office:[fd77::1/128]:9/tcp"),
                "--route",
                "192.168.77.0/24=office,fd77::/64=office");
    }

    @Test
    void nmapTellsOpenClosedAndFilteredApart() throws Exception {
        String ports = LanServices.HTTP + "," + LanServices.CLOSED + "," + LanServices.FILTERED;
        for (String host : new String[] {Lab.OFFICE_HOST, Lab.OFFICE_HOST_6}) {
            String out = lab.must(
                    lab.client,
                    "nmap",
                    host.contains(":") ? "-6" : "-4",
                    "-sT",
                    "-Pn",
                    "-n",
                    "--max-retries",
                    "1",
                    "-oG",
                    "-",
                    "-p",
                    ports,
                    host);
            assertThat(out)
                    .contains(LanServices.HTTP + "/open/tcp")
                    .contains(LanServices.CLOSED + "/closed/tcp")
                    .contains(LanServices.FILTERED + "/filtered/tcp");
        }
    }

    @Test
    void aRefusedPortIsRefusedAtOnce() throws Exception {
        assertAtOnce("ECONNREFUSED", "connect", Lab.OFFICE_HOST, LanServices.CLOSED);
        assertAtOnce("ECONNREFUSED", "connect", Lab.OFFICE_HOST_6, LanServices.CLOSED);
    }

    @Test
    void udpPortUnreachableComesBack() throws Exception {
        assertAtOnce("ECONNREFUSED", "udp", Lab.OFFICE_HOST, LanServices.CLOSED);
        assertAtOnce("ECONNREFUSED", "udp", Lab.OFFICE_HOST_6, LanServices.CLOSED);
    }

    /** ICMP 3/13 is EHOSTUNREACH in Linux's table of errors (RFC 1812 5.2.7.1), ICMPv6 1/1 is EACCES. */
    @Test
    void whatNoGrantAllowsIsProhibitedAtOnce() throws Exception {
        assertAtOnce("EHOSTUNREACH", "connect", "192.168.77.1", LanServices.HTTP);
        assertAtOnce("EACCES", "connect", "fd77::1", LanServices.HTTP);
        assertAtOnce("EHOSTUNREACH", "udp", "192.168.77.1", LanServices.UDP_ECHO);
        Outcome ping = lab.run(lab.client, Lab.COMMAND, "ping", "-c", "1", "-W", "5", "192.168.77.1");
        assertThat(ping.output()).contains("Packet filtered");
    }

    /** The office's router asks for the address by ARP, thrice, a second apart, before it gives up. */
    @Test
    void anAddressThatNobodyHasIsUnreachableAsSoonAsTheAgentsKernelKnows() throws Exception {
        String[] said = lab.probe(lab.client, "connect", NOBODY, Integer.toString(LanServices.HTTP))
                .split(" ");
        assertThat(said[0]).isEqualTo("EHOSTUNREACH");
        assertThat(Integer.parseInt(said[1])).isLessThan(8_000);
    }

    private static void assertAtOnce(String expected, String how, String host, int port) throws Exception {
        String[] said = lab.probe(lab.client, how, host, Integer.toString(port)).split(" ");
        assertThat(said[0]).as(how + " " + host + " " + port).isEqualTo(expected);
        assertThat(Integer.parseInt(said[1])).isLessThan(AT_ONCE_MILLIS);
    }

    @Test
    void anAgentWithoutPingPermissionSaysHowToMendItAndPingIsToldSo() throws Exception {
        // No id is in the group range, and the process has no CAP_NET_RAW.
        lab.must(lab.plant, "sysctl", "-qw", "net.ipv4.ping_group_range=1 0");
        Program plant = lab.start(
                lab.plant,
                "agent-plant",
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "env",
                "HOME=/nonexistent",
                "CULVERT_TOKEN="
                        + Files.readString(lab.agentToken("plant", "wss://10.71.3.1:" + Lab.PORT, "192.168.88.0/24"))
                                .strip(),
                lab.script("agent"));
        plant.awaitOutput("connected to", Lab.START);
        assertThat(plant.output()).contains("ping").contains("net.ipv4.ping_group_range");

        Program second = lab.start(
                lab.gateway,
                "client-at-gateway",
                lab.up(lab.clientToken("second", "plant:192.168.88.0/24"), "--tun", "cv1"));
        second.awaitOutput("routes: ", Lab.START);
        Outcome ping = lab.run(lab.gateway, Lab.COMMAND, "ping", "-c", "1", "-W", "5", Lab.PLANT_HOST);
        assertThat(ping.exit()).isNotZero();
        assertThat(ping.output()).contains("Packet filtered");
        assertThat(second.terminate()).isEqualTo(143);
        assertThat(agent.isAlive()).isTrue();
    }

    // ---- the gateway as browsers see it ----

    @Test
    void aBrowserSeesAnOrdinaryWebSite() throws Exception {
        assertThat(curl("-k", "https://10.71.1.1:8443/"))
                .startsWith("200 text/html")
                .contains("<h1>");
    }

    @Test
    void anUnknownPathIsNotFound() throws Exception {
        assertThat(curl("-k", "https://10.71.1.1:8443/culvert/../admin?x=1")).startsWith("404 text/html");
    }

    @Test
    void plainHttpOnTheTlsPortIsABadRequest() throws Exception {
        assertThat(curl("http://10.71.1.1:8443/"))
                .startsWith("400 text/html")
                .contains("plain HTTP request was sent to HTTPS port");
    }

    @Test
    void anUpgradeWithoutOurTokenIsNotFound() throws Exception {
        String[] upgrade = {
            "-k",
            "--http1.1",
            "-H",
            "Connection: Upgrade",
            "-H",
            "Upgrade: websocket",
            "-H",
            "Sec-WebSocket-Version: 13",
            "-H",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "-H",
            "Sec-WebSocket-Protocol: culvert.1",
            "-H",
            "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
            "https://10.71.1.1:8443/link"
        };
        assertThat(curl(upgrade)).startsWith("404 text/html");
    }

    private static String curl(String... arguments) throws Exception {
        String[] line = new String[arguments.length + 6];
        System.arraycopy(
                new String[] {"curl", "-sS", "-m", "10", "-w", "\n%{http_code} %{content_type}"}, 0, line, 0, 6);
        System.arraycopy(arguments, 0, line, 6, arguments.length);
        String out = lab.must(lab.client, line);
        int last = out.lastIndexOf('\n');
        return out.substring(last + 1) + "\n" + out.substring(0, last);
    }
}
