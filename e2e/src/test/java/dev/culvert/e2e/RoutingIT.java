package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Which networks lead into the tunnel, and through which agent. */
@Tag("netns")
final class RoutingIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static Path token;
    private static String before;

    @BeforeAll
    static void start() throws Exception {
        for (Host host : new Host[] {lab.officeHost, lab.plantHost}) {
            lab.startProbe(host, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        }
        lab.startGateway();
        lab.startOffice();
        lab.startAgent(
                lab.plant,
                lab.agentToken("plant", "wss://10.71.3.1:" + Lab.PORT, "192.168.88.0/24,fd88::/64,0.0.0.0/0"));
        token = lab.clientToken(
                "laptop",
                "office:192.168.77.0/24,office:[fd77::/64],plant:192.168.88.0/24,plant:[fd88::/64],plant:0.0.0.0/0");
        before = lab.network(lab.client);
    }

    @AfterEach
    void theMachineIsAsItWas() throws Exception {
        lab.run(lab.client, Lab.COMMAND, lab.down());
        assertThat(lab.network(lab.client)).isEqualTo(before);
    }

    private static String banner(String host) throws Exception {
        return lab.probe(lab.client, "banner", host, "7001");
    }

    private static String errorOf(String host) throws Exception {
        return lab.probe(lab.client, "connect", host, "7001").split(" ")[0];
    }

    private static String routeTo(String host) throws Exception {
        return lab.must(lab.client, "ip", "route", "get", host);
    }

    @Test
    void twoAgentsServeTheirNetworksAtOnce() throws Exception {
        lab.startClient(token);
        for (String host : new String[] {Lab.OFFICE_HOST, Lab.OFFICE_HOST_6, Lab.PLANT_HOST, "fd88::2"}) {
            assertThat(banner(host)).as(host).startsWith("220 ");
        }
        String[] udp = lab.probe(lab.client, "udp", Lab.PLANT_HOST, "7005").split(" ");
        assertThat(udp[0]).isEqualTo("one");
        assertThat(routeTo(Lab.BEYOND))
                .as("the default route is not taken unasked")
                .contains("via " + Lab.GATEWAY);
    }

    @Test
    void routeTakesOnlyWhatItNames() throws Exception {
        lab.startClient(token, "--route", "192.168.77.2/32");
        assertThat(banner(Lab.OFFICE_HOST)).startsWith("220 ");
        assertThat(routeTo("192.168.77.3")).contains("via " + Lab.GATEWAY);
        assertThat(errorOf(Lab.PLANT_HOST)).isIn("ENETUNREACH", "EHOSTUNREACH");
    }

    @Test
    void routeCanNameTheAgent() throws Exception {
        // Only the plant's agent has a way to this host, and announces it with no prefix but the default route.
        lab.startClient(token, "--route", Lab.BEYOND + "/32=plant");
        assertThat(banner(Lab.BEYOND)).startsWith("220 ");
        assertThat(routeTo(Lab.OFFICE_HOST)).contains("via " + Lab.GATEWAY);
    }

    @Test
    void aRouteThatNobodyAnnouncesIsSaid() throws Exception {
        Program client = lab.start(lab.client, "client", lab.up(token, "--route", "2001:db8::/64"));
        client.awaitOutput("--route 2001:db8::/64: no agent announces it", Lab.START);
    }

    @Test
    void aRouteThatIsNoneIsWrongUsage() throws Exception {
        Outcome o = lab.run(lab.client, Lab.COMMAND, lab.up(token, "--route", "192.168.77.0/33"));
        assertThat(o.exit()).as(o.output()).isEqualTo(2);
        assertThat(o.output()).startsWith("client: --route 192.168.77.0/33");
    }

    @Test
    void fullTakesEverythingButTheWayToTheGateway() throws Exception {
        assertThat(errorOf(Lab.BEYOND)).isIn("ENETUNREACH", "EHOSTUNREACH");
        Program client = lab.startClient(token, "--full");
        assertThat(banner(Lab.BEYOND)).startsWith("220 ");
        assertThat(banner(Lab.OFFICE_HOST)).startsWith("220 ");
        assertThat(routeTo(Lab.BEYOND)).doesNotContain("via " + Lab.GATEWAY);
        assertThat(routeTo(Lab.GATEWAY)).contains("dev gw");
        // A gateway that lies beyond the host's own router is the usual case: the link must not go into itself.
        assertThat(lab.must(lab.client, "curl", "-sk", "-m", "10", "https://" + Lab.GATEWAY + ":8443/"))
                .contains("<h1>");
        assertThat(client.terminate()).isEqualTo(143);
        assertThat(errorOf(Lab.BEYOND)).isIn("ENETUNREACH", "EHOSTUNREACH");
    }

    @Test
    void fullKeepsAGatewayBeyondTheRouterOutsideTheTunnel() throws Exception {
        Path far = lab.directory().resolve("client-far.token");
        lab.token(
                "client",
                "--name",
                "far",
                "--gateway",
                "wss://10.71.2.1:8443", // the gateway's other side: only the default route leads there
                "--allow",
                "plant:0.0.0.0/0",
                "--out",
                far.toString());
        lab.startClient(far, "--full");
        assertThat(routeTo("10.71.2.1")).contains("via " + Lab.GATEWAY + " dev gw");
        assertThat(banner(Lab.BEYOND)).startsWith("220 ");
    }
}
