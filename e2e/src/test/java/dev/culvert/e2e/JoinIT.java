package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One link on a machine: root's client is up, and what nobody runs beside it with the same token goes through that. */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class JoinIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration MINUTE = Duration.ofSeconds(60);
    private static final int FORWARDED = 18_080;
    private static final int FORWARDED_UDP = 15_005;
    private static final int PROXY = 11_080;
    private static final String SMALL = "a short answer\n";
    private static final int MUCH = 100_000_000;

    private static LanServices services;
    private static Path token;
    private static Path socket;
    private static Program up;
    private static Program forward;
    private static Program proxy;

    @BeforeAll
    static void start() throws Exception {
        services = LanServices.start(lab);
        lab.startGateway();
        lab.startOffice();
        Path made = lab.clientToken("laptop", "office:192.168.77.0/24,office:[fd77::/64]");
        token = lab.directory().resolve("nobody.token");
        Files.copy(made, token);
        Lab.must("chown", "nobody", token.toString());
        Lab.must("chmod", "600", token.toString());
        Path home = lab.directory().resolve("nobody");
        Files.createDirectories(home);
        Lab.must("chown", "nobody", home.toString());
        socket = lab.directory().resolve("up.sock");
        up = lab.startClient(made, "--control-socket", socket.toString(), "--control-group", "nogroup");
        forward = lab.start(
                lab.client,
                "forward",
                client(
                        "forward",
                        FORWARDED + "=office:" + Lab.OFFICE_HOST + ":" + LanServices.HTTP,
                        "udp:" + FORWARDED_UDP + "=" + Lab.OFFICE_HOST + ":" + LanServices.UDP_ECHO));
        proxy = lab.start(lab.client, "proxy", client("proxy", Integer.toString(PROXY)));
        forward.awaitOutput("agent 'office' is connected", Lab.START);
        proxy.awaitOutput("agent 'office' is connected", Lab.START);
    }

    /** A command of the client's as nobody, who may ask the client that is up. */
    private static String[] client(String command, String... more) {
        List<String> line = new ArrayList<>(List.of(
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "env",
                "HOME=/nonexistent",
                "USER=nobody",
                lab.script("client"),
                command,
                "--control-socket",
                socket.toString(),
                "--token-file",
                token.toString(),
                "--state",
                lab.directory().resolve("nobody").toString()));
        line.addAll(List.of(more));
        return line.toArray(String[]::new);
    }

    private static int linksAtTheGateway() throws Exception {
        JsonNode status = JsonMapper.shared()
                .readTree(lab.must(
                        lab.gateway,
                        lab.script("gateway"),
                        "status",
                        "--json",
                        "--state",
                        lab.state().toString()));
        return status.at("/clients/0/links").size();
    }

    private static String get(String... more) throws Exception {
        List<String> line = new ArrayList<>(List.of("curl", "-sS", "--fail", "--max-time", "50"));
        line.addAll(List.of(more));
        return lab.must(lab.client, MINUTE, line.toArray(String[]::new));
    }

    private boolean ownLinks;

    @AfterEach
    void thereIsOneLink() throws Exception {
        if (!ownLinks) {
            assertThat(linksAtTheGateway()).isEqualTo(1);
        }
    }

    @Test
    @Order(1)
    void allOfThemUseTheLinkOfTheClientThatIsUp() throws Exception {
        for (Program joined : List.of(forward, proxy)) {
            assertThat(joined.output()).contains("joins the client that is up, process ");
        }
        assertThat(get("http://127.0.0.1:" + FORWARDED + "/small")).isEqualTo(SMALL);
        assertThat(lab.probe(lab.client, "udp", "127.0.0.1", Integer.toString(FORWARDED_UDP), "1400"))
                .startsWith("SAME ");
        String web = "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP;
        assertThat(get("--socks5", "127.0.0.1:" + PROXY, web + "/small")).isEqualTo(SMALL);
        assertThat(get("-x", "http://127.0.0.1:" + PROXY, web + "/small")).isEqualTo(SMALL);
        assertThat(get("http://127.0.0.1:" + PROXY + "/proxy.pac")).contains("192.168.77.0");
        assertThat(get(web + "/small")).isEqualTo(SMALL);
        assertThat(lab.must(lab.client, lab.script("client"), "status", "--control-socket", socket.toString()))
                .contains("2 other programs go through this client");
    }

    @Test
    @Order(2)
    void sshAndMuchByScpBothWays() throws Exception {
        String way = "ProxyCommand=" + String.join(" ", client("connect", "office:%h:%p"));
        List<String> ssh = new ArrayList<>(Arrays.asList(services.sshCommand("echo", "there")));
        ssh.addAll(1, List.of("-o", way));
        assertThat(lab.must(lab.client, MINUTE, ssh.toArray(String[]::new))).isEqualTo("there\n");

        Path file = lab.directory().resolve("to-copy");
        Path back = lab.directory().resolve("copied-back");
        Lab.must("bash", "-c", "head -c " + MUCH + " " + services.bigFile() + " >" + file);
        List<String> scp = new ArrayList<>(Arrays.asList(services.sshCommand()));
        String host = scp.remove(scp.size() - 1);
        scp.set(0, "scp");
        scp.set(scp.indexOf("-p"), "-P");
        scp.addAll(List.of("-O", "-o", way));
        String there = host + ":" + services.uploaded("copied");
        scp.addAll(List.of(file.toString(), there));
        lab.must(lab.client, MINUTE, scp.toArray(String[]::new));
        assertThat(services.uploaded("copied")).hasSameBinaryContentAs(file);
        scp.set(scp.size() - 2, there);
        scp.set(scp.size() - 1, back.toString());
        lab.must(lab.client, MINUTE, scp.toArray(String[]::new));
        assertThat(back).hasSameBinaryContentAs(file);
    }

    @Test
    @Order(3)
    void whatTheAgentMeetsAndHowFarItIsAreAsOnAnOwnLink() throws Exception {
        Outcome closed =
                lab.run(lab.client, MINUTE, client("connect", "office:" + Lab.OFFICE_HOST + ":" + LanServices.CLOSED));
        assertThat(closed.exit()).as(closed.output()).isEqualTo(11);
        assertThat(closed.output()).contains("refused");
        Outcome elsewhere = lab.run(lab.client, MINUTE, client("connect", Lab.PLANT_HOST + ":80"));
        assertThat(elsewhere.exit()).as(elsewhere.output()).isEqualTo(13);
        assertThat(lab.must(lab.client, MINUTE, client("ping", "-c", "2", "office:" + Lab.OFFICE_HOST)))
                .contains("2 sent, 2 answered", "to the gateway");
    }

    @Test
    @Order(4)
    void anOwnLinkIsHadByAsking() throws Exception {
        Program own = lab.start(
                lab.client,
                "forward-own",
                client("forward", "--own-link", "0=office:" + Lab.OFFICE_HOST + ":" + LanServices.HTTP));
        own.awaitOutput("agent 'office' is connected", Lab.START);
        assertThat(own.output()).doesNotContain("joins");
        assertThat(linksAtTheGateway()).isEqualTo(2);
        own.terminate();
        await().atMost(MINUTE)
                .untilAsserted(() -> assertThat(linksAtTheGateway()).isEqualTo(1));
    }

    @Test
    @Order(5)
    void withoutTheClientThatIsUpTheyGoOnByThemselves() throws Exception {
        ownLinks = true;
        int mark = forward.mark();
        up.terminate();
        forward.awaitOutputAfter(mark, "link lost: the client that is up went down", MINUTE);
        forward.awaitOutputAfter(mark, "connected to the gateway, keys by", MINUTE);
        await().atMost(MINUTE)
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(get("http://127.0.0.1:" + FORWARDED + "/small"))
                        .isEqualTo(SMALL));
        await().atMost(MINUTE)
                .untilAsserted(() -> assertThat(linksAtTheGateway()).isEqualTo(2));
    }
}
