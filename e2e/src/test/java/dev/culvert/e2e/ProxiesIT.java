package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Networks that let nothing out but a proxy: squid with passwords in front of the client, tinyproxy in front of the agent, microsocks.
 * Neither has a route to the gateway.
 */
@Tag("netns")
final class ProxiesIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration SOON = Duration.ofSeconds(60);
    private static final String SQUID = "http://10.71.8.1:3128";
    private static final String USER = "me";
    private static final String PASSWORD = "s3cret";

    private static Path login;
    private static Path token;

    @BeforeAll
    static void start() throws Exception {
        Host proxy = lab.add("proxy");
        lab.cable(lab.client, "lan", "10.71.8.2/24", "fd71:8::2/64", proxy, "client", "10.71.8.1/24", "fd71:8::1/64");
        lab.cable(lab.office, "corp", "10.71.7.2/24", "fd71:7::2/64", proxy, "office", "10.71.7.1/24", "fd71:7::1/64");
        lab.cable(proxy, "gw", "10.71.9.2/24", "fd71:9::2/64", lab.gateway, "proxy", "10.71.9.1/24", "fd71:9::1/64");
        lab.shell(proxy, SOON, "ip route add 10.71.1.0/24 via 10.71.9.1; ip route add 10.71.2.0/24 via 10.71.9.1");
        lab.must(lab.client, "ip", "link", "set", "gw", "down");
        lab.must(lab.office, "ip", "link", "set", "gw", "down");
        // In the client's own way out, that leads nowhere: only the proxy is there.
        lab.must(lab.client, "ip", "route", "add", "default", "via", "10.71.8.99");

        lab.start(proxy, "squid", "squid", "-N", "-f", squid().toString());
        lab.start(proxy, "tinyproxy", "tinyproxy", "-d", "-c", tinyproxy().toString());
        lab.start(proxy, "microsocks", "microsocks", "-i", "10.71.8.1", "-p", "1080", "-u", USER, "-P", PASSWORD);
        for (int port : new int[] {3128, 8888, 1080}) {
            await("port " + port)
                    .atMost(SOON)
                    .until(() -> lab.run(proxy, SOON, "bash", "-c", "ss -tln | grep -q ':" + port + " '")
                                    .exit()
                            == 0);
        }
        login = Files.writeString(lab.directory().resolve("proxy.login"), USER + ":" + PASSWORD + "\n");

        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        lab.startGateway();
        Path agent = lab.agentToken("office", Lab.OFFICE_GATEWAY, "0.0.0.0/0");
        lab.start(
                        lab.office,
                        "agent",
                        Map.of("HTTPS_PROXY", "http://10.71.7.1:8888"),
                        lab.script("agent"),
                        "--token-file",
                        agent.toString(),
                        "--state",
                        lab.directory().resolve("agent-state").toString())
                .awaitOutput("connected to", Lab.START);
        token = lab.clientToken("laptop", "office:0.0.0.0/0");
    }

    private static Path squid() throws Exception {
        Path passwords = lab.directory().resolve("squid.passwords");
        Files.writeString(
                passwords,
                USER + ":" + Lab.must("openssl", "passwd", "-apr1", PASSWORD).strip() + "\n");
        return Files.writeString(lab.directory().resolve("squid.conf"), """
                http_port 3128
                auth_param basic program /usr/lib/squid/basic_ncsa_auth %s
                auth_param basic children 1
                acl known proxy_auth REQUIRED
                acl CONNECT method CONNECT
                acl gateway port %d
                http_access allow CONNECT gateway known
                http_access deny all
                pid_filename none
                access_log none
                cache_log /dev/null
                cache deny all
                shutdown_lifetime 0 seconds
                """.formatted(passwords, Lab.PORT));
    }

    private static Path tinyproxy() throws Exception {
        return Files.writeString(
                lab.directory().resolve("tinyproxy.conf"),
                "Port 8888\nListen 10.71.7.1\nTimeout 600\nMaxClients 20\nAllow 10.71.7.0/24\nConnectPort " + Lab.PORT
                        + "\n");
    }

    private static String[] client(String... arguments) {
        List<String> line = new ArrayList<>(
                List.of("env", "STATE_DIRECTORY=" + lab.directory().resolve("client-kept"), lab.script("client")));
        line.addAll(List.of(arguments));
        return line.toArray(String[]::new);
    }

    private static String list(int exit, String... more) throws Exception {
        List<String> line = new ArrayList<>(List.of("list"));
        line.addAll(List.of(more));
        Outcome outcome = lab.run(lab.client, SOON, client(line.toArray(String[]::new)));
        assertThat(outcome.exit()).as(outcome.output()).isEqualTo(exit);
        return outcome.output();
    }

    @Test
    void whatIsInTheWayIsSaid() throws Exception {
        String file = token.toString();
        Path wrong = Files.writeString(lab.directory().resolve("wrong.login"), USER + ":no\n");
        assertThat(list(1, "--token-file", file)).contains("cannot reach the gateway at " + Lab.GATEWAY);
        assertThat(list(1, "--token-file", file, "--proxy", SQUID))
                .contains("no way to the gateway at " + Lab.GATEWAY + ":" + Lab.PORT + " through the proxy " + SQUID)
                .contains("it wants a user and a password: give them with --proxy-user-file FILE (HTTP 407)");
        assertThat(list(1, "--token-file", file, "--proxy", SQUID, "--proxy-user-file", wrong.toString()))
                .contains("it does not take this user and password (HTTP 407)");
        assertThat(list(2, "--token-file", file, "--proxy", "http://" + USER + ":" + PASSWORD + "@10.71.8.1:3128"))
                .contains("a password is on the command line")
                .doesNotContain(PASSWORD);
    }

    @Test
    void aProxyIsKeptWithTheToken() throws Exception {
        lab.must(
                lab.client,
                client(
                        "login",
                        token.toString(),
                        "--proxy",
                        "socks5://10.71.8.1",
                        "--proxy-user-file",
                        login.toString()));
        assertThat(list(0)).contains("agent office: connected");
        assertThat(list(1, "--proxy", "none")).contains("cannot reach the gateway");
        lab.must(lab.client, client("logout"));
    }

    @Test
    void theEnvironmentIsHeard() throws Exception {
        List<String> with =
                new ArrayList<>(List.of("env", "https_proxy=http://" + USER + ":" + PASSWORD + "@10.71.8.1:3128"));
        with.addAll(List.of(client("list", "--token-file", token.toString())));
        assertThat(lab.must(lab.client, SOON, with.toArray(String[]::new))).contains("agent office: connected");
    }

    /** Everything goes into the tunnel, but the way to the proxy. */
    @Test
    void upWithAllOfIt() throws Exception {
        String before = lab.network(lab.client);
        Program up = lab.startClient(
                token, "--full", "--proxy", "http://10.71.8.1:3128", "--proxy-user-file", login.toString());
        assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001")).startsWith("220 ");
        assertThat(lab.must(lab.client, "ip", "route", "get", "203.0.113.9")).contains("dev culvert0");
        assertThat(lab.must(lab.client, "ip", "route", "get", "10.71.8.1")).contains("dev lan");
        assertThat(up.terminate()).isEqualTo(143);
        assertThat(lab.network(lab.client).lines().sorted())
                .containsExactlyElementsOf(before.lines().sorted().toList());
    }
}
