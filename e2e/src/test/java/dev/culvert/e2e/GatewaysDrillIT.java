package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Two gateways on one Redis, two instances of the office's agent, and what people run over them: they are stopped, killed, and one
 * is lost for good. With {@code -Dculvert.drill.seconds=120} it kills for two minutes, which is for people; in CI for less.
 */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class GatewaysDrillIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration KILLING = Duration.ofSeconds(Integer.getInteger("culvert.drill.seconds", 20));
    private static final Duration BETWEEN_KILLS = Duration.ofSeconds(5);
    private static final int AGENTS = 2;
    private static final int BACKWARDS = LanServices.IPERF + 1;
    private static final int BALANCER = 8888;

    private static final Probes probes = new Probes(lab);
    private static final TwoGateways gateways = new TwoGateways(lab, TwoGateways.REDIS);
    private static LanServices lan;
    private static Path enough;
    private static Path certificate;

    @BeforeAll
    static void start() throws Exception {
        lan = LanServices.start(lab);
        lab.start(lab.officeHost, "iperf3", "iperf3", "-s", "-p", Integer.toString(BACKWARDS));
        enough = lab.directory().resolve("enough");
        certificate = lab.certificate("site", "DNS:site.test");
        TwoGateways.startRedis(lab);
        gateways.done("init", "--gateway", TwoGateways.urls(Lab.GATEWAY));
        Path agentToken = gateways.holder(
                "agent",
                "office",
                "--gateway",
                TwoGateways.urls("10.71.2.1"),
                "--routes",
                "192.168.77.0/24",
                "--publish",
                "site.test");
        Path clientToken = gateways.holder("client", "laptop", "--allow", "office:192.168.77.0/24");
        gateways.share();
        startGateway(0);
        startGateway(1);
        for (int i = 0; i < AGENTS; i++) {
            Program agent = lab.start(
                    lab.office,
                    "agent-" + i,
                    lab.script("agent"),
                    "--token-file",
                    agentToken.toString(),
                    "--state",
                    lab.directory().resolve("agent-" + i).toString(),
                    "--publish",
                    "site.test=http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP);
            agent.awaitOutput("connected to", TwoGateways.PATIENCE);
        }
        lab.startClient(clientToken);
        startBalancer();
        await().atMost(Probes.PATIENCE).ignoreExceptions().until(probes::isOfficeThere);
    }

    private static void startGateway(int which) throws Exception {
        gateways.start(
                which, "--certificate", certificate + "," + lab.directory().resolve("site.key"));
    }

    /** What stands in front of gateways for visitors: asks the other one when one does not answer. */
    private static void startBalancer() throws Exception {
        Path conf = lab.directory().resolve("balancer.conf");
        Files.writeString(conf, """
                user root; worker_processes 1; daemon off; pid balancer.pid; error_log stderr crit;
                events { worker_connections 1024; }
                http {
                  map $status $failed { 200 0; default 1; }
                  log_format failed "$time_local $status: $upstream_addr $upstream_status in $upstream_response_time";
                  access_log /dev/stderr failed if=$failed;
                  client_body_temp_path b1; proxy_temp_path b2; fastcgi_temp_path b3; uwsgi_temp_path b4; scgi_temp_path b5;
                  upstream gateways { server 10.71.1.1:%d max_fails=0; server 10.71.1.1:%d max_fails=0; keepalive 32; }
                  server { listen %d;
                    location / { proxy_pass https://gateways; proxy_http_version 1.1; proxy_set_header Connection "";
                      proxy_set_header Host site.test; proxy_ssl_name site.test; proxy_ssl_server_name on;
                      proxy_ssl_trusted_certificate site.crt; proxy_ssl_verify on;
                      proxy_next_upstream error timeout http_502 http_503 non_idempotent; } }
                }
                """.formatted(Lab.PORT, Lab.PORT + 1, BALANCER));
        lab.start(lab.client, "balancer", "nginx", "-p", lab.directory() + "/", "-c", conf.toString(), "-e", "stderr");
    }

    private static String http(int port, String host, String path) {
        return "http://" + host + ":" + port + path;
    }

    private static Program wrk(String url) throws Exception {
        return lab.start(lab.client, "wrk", "wrk", "-t1", "-c4", "-d3600s", "--timeout", "60s", url);
    }

    /** Until that gateway has what is published. */
    private static void awaitServed(int which) {
        int port = Lab.PORT + which;
        await("the site at gateway " + which)
                .atMost(Probes.PATIENCE)
                .until(() -> lab.run(
                                        lab.client,
                                        Probes.PATIENCE,
                                        "curl",
                                        "-sf",
                                        "--cacert",
                                        certificate.toString(),
                                        "--resolve",
                                        "site.test:" + port + ":" + Lab.GATEWAY,
                                        "https://site.test:" + port + "/small")
                                .exit()
                        == 0);
    }

    /** Ends it, and looks at what it has counted. */
    private static void nothingFailed(Program wrk) throws Exception {
        wrk.signal("INT");
        assertThat(wrk.exitWithin(Probes.PATIENCE)).isZero();
        Matcher requests = Pattern.compile("(\\d+) requests in").matcher(wrk.output());
        assertThat(requests.find()).as(wrk.output()).isTrue();
        assertThat(Integer.parseInt(requests.group(1))).isPositive();
        assertThat(wrk.output()).doesNotContain("Socket errors").doesNotContain("Non-2xx");
        System.out.println("GatewaysDrillIT: both restarted in order: " + requests.group() + ", none failed");
    }

    /** Visitors come by a balancer, and the client's own requests by the tunnel. */
    @Test
    @Order(1)
    void bothAreRestartedInOrderAndNoRequestFails() throws Exception {
        awaitServed(0);
        awaitServed(1);
        try (Program visits = wrk(http(BALANCER, "127.0.0.1", "/small"));
                Program requests = wrk(http(LanServices.HTTP, Lab.OFFICE_HOST, "/small"))) {
            for (int which = 0; which < 2; which++) {
                assertThat(gateways.get(which).terminate()).isEqualTo(143);
                startGateway(which);
                gateways.awaitAttached(AGENTS);
                awaitServed(which); // before that a balancer has one only
            }
            nothingFailed(visits);
            nothingFailed(requests);
        }
    }

    /** Then one of them is not started again, and what comes after that works, too. */
    @Test
    @Order(2)
    void eachIsKilledInTurnUnderEverythingAndOneIsLostForGood() throws Exception {
        Program downloads = downloads();
        Program session = lab.start(
                lab.client,
                "ssh",
                lan.sshCommand("n=0; until [ -e " + enough + " ]; do n=$((n+1)); echo $n; sleep 0.02; done; echo end"));
        Program up = iperf(LanServices.IPERF);
        Program down = iperf(BACKWARDS, "-R");
        Program datagrams = probes.begin("udptalk", Lab.OFFICE_HOST, "7005");
        Program ping = lab.start(lab.client, "ping", "ping", "-i", "0.2", Lab.OFFICE_HOST);
        Program talk = probes.begin("talk", Lab.OFFICE_HOST, "7003");
        session.awaitOutput("1\n", Probes.PATIENCE);

        long start = System.nanoTime();
        int kills = 0;
        while (kills < 2 || System.nanoTime() - start < KILLING.toNanos()) {
            int which = kills++ % 2;
            gateways.get(which).kill();
            startGateway(which);
            gateways.awaitAttached(AGENTS);
            Duration next = BETWEEN_KILLS.multipliedBy(kills);
            await().atMost(KILLING.plus(next)).until(() -> System.nanoTime() - start >= next.toNanos());
        }
        gateways.get(kills % 2).kill();
        probes.copyHalfDone("16");
        int pings = ping.mark();
        ping.awaitOutputAfter(pings, "bytes from", Probes.PATIENCE);

        Lab.must("touch", enough.toString());
        assertThat(session.exitWithin(Probes.PATIENCE)).as(session.output()).isZero();
        List<String> lines = session.output().lines().toList();
        assertThat(lines.subList(0, lines.size() - 1))
                .isEqualTo(IntStream.range(1, lines.size())
                        .mapToObj(Integer::toString)
                        .toList());
        assertThat(lines.get(lines.size() - 1)).isEqualTo("end");
        assertThat(downloads.exitWithin(Probes.PATIENCE)).as(downloads.output()).isZero();
        assertThat(downloads.output()).containsPattern("[1-9]\\d* whole").doesNotContain("FAILED");
        String upwards = transferred(up);
        String downwards = transferred(down);
        talk.input("\n");
        assertThat(talk.exitWithin(Probes.PATIENCE)).as(talk.output()).isZero();
        datagrams.input("\n");
        assertThat(datagrams.exitWithin(Probes.PATIENCE)).isZero();
        assertThat(datagrams.output()).contains("PORTS 1\n");
        ping.interrupt();
        System.out.println("GatewaysDrillIT: " + (kills + 1) + " kills"
                + "; downloads: " + downloads.output().strip()
                + "; ssh: " + (lines.size() - 1) + " lines"
                + "; iperf3 up " + upwards + ", down " + downwards
                + "; talk: " + talk.output().strip()
                + "; UDP: " + datagrams.output().strip()
                + "; ping: "
                + ping.output()
                        .lines()
                        .filter(l -> l.contains("transmitted"))
                        .findFirst()
                        .orElse("?"));
    }

    /** One file again and again, each time compared; not so fast that it leaves nothing of two processors. */
    private static Program downloads() throws Exception {
        String sum = Lab.must("sha256sum", lan.bigFile().toString()).split(" ")[0];
        return lab.start(
                lab.client,
                "downloads",
                "bash",
                "-c",
                "set -o pipefail; n=0; until [ -e " + enough + " ]; do"
                        + " if [ \"$(curl -sS --limit-rate 60M " + http(LanServices.HTTP, Lab.OFFICE_HOST, "/big")
                        + " | sha256sum)\" = '" + sum
                        + "  -' ]; then n=$((n+1)); else echo FAILED; fi; done; echo $n whole");
    }

    /** Goes on a little longer than gateways are killed. */
    private static Program iperf(int port, String... more) throws Exception {
        List<String> line = new ArrayList<>(List.of(
                "iperf3",
                "-c",
                Lab.OFFICE_HOST,
                "-p",
                Integer.toString(port),
                "-t",
                Long.toString(KILLING.plusSeconds(5).toSeconds()),
                "-b",
                "50M",
                "--json"));
        line.addAll(List.of(more));
        return lab.start(lab.client, "iperf3" + String.join("", more), line.toArray(String[]::new));
    }

    /** It ended in peace, and what one end has sent the other has got, but for what is under way at the end of its time. */
    private static String transferred(Program iperf) throws Exception {
        assertThat(iperf.exitWithin(Probes.PATIENCE)).as(iperf.output()).isZero();
        JsonNode end = JsonMapper.shared().readTree(iperf.output()).path("end");
        long sent = end.path("sum_sent").path("bytes").asLong();
        long received = end.path("sum_received").path("bytes").asLong();
        assertThat(received).isPositive().isLessThanOrEqualTo(sent);
        return received + " of " + sent + " bytes";
    }
}
