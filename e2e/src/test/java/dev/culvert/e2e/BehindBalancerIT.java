package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The PROXY protocol, from a balancer in front and to a target behind, with curl and nginx. */
@Tag("netns")
final class BehindBalancerIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final String BALANCER = "10.71.1.9";

    private static Path access;

    @BeforeAll
    static void start() throws Exception {
        lab.must(lab.client, "ip", "addr", "add", BALANCER + "/24", "dev", "gw");
        Path conf = lab.directory().resolve("nginx.conf");
        Files.writeString(conf, """
                user root; worker_processes 1; daemon off; pid nginx.pid; error_log nginx.err;
                events { worker_connections 64; }
                http {
                  access_log off;
                  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                  server { listen 8081; location / { return 200 "$http_x_forwarded_for $http_x_real_ip\\n"; } }
                  server { listen 8082 proxy_protocol; set_real_ip_from 192.168.77.1; real_ip_header proxy_protocol;
                    location / { return 200 "$remote_addr $proxy_protocol_port\\n"; } }
                }
                """);
        lab.startNginx(conf);
        access = lab.directory().resolve("access");
        Path certificate = lab.certificate("app", "DNS:app.test,DNS:told.test");
        lab.startGateway(
                "--certificate",
                certificate + "," + lab.directory().resolve("app.key"),
                "--proxy-protocol-from",
                BALANCER,
                "--access-log",
                access.toString(),
                "--access-log-format",
                "json");
        lab.startAgent(
                lab.office,
                lab.publishersToken(),
                "--publish",
                "app.test=http://192.168.77.2:8081",
                "--publish",
                "told.test=http://192.168.77.2:8082,proxy-protocol=v2");
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() -> curl("app", "10.71.1.2", "").exit() == 0);
    }

    private static Outcome curl(String name, String from, String options) throws Exception {
        return lab.run(
                lab.client,
                PATIENCE,
                "bash",
                "-c",
                "curl -sSf --max-time 100 --interface " + from + " --cacert "
                        + lab.directory().resolve("app.crt")
                        + " --resolve " + name + ".test:" + Lab.PORT + ":" + Lab.GATEWAY + " " + options + " https://"
                        + name
                        + ".test:" + Lab.PORT + "/");
    }

    /** What balancer.py has got for a visitor that it names in a header. */
    private static String balanced(String name, String from, String header) throws Exception {
        return lab.run(
                        lab.client,
                        PATIENCE,
                        "python3",
                        lab.resource("balancer.py").toString(),
                        from,
                        Lab.GATEWAY,
                        Integer.toString(Lab.PORT),
                        name + ".test",
                        lab.directory().resolve("app.crt").toString(),
                        header)
                .output();
    }

    private static List<String> log(String name) throws Exception {
        return Files.readAllLines(access.resolve(name + ".test.log"));
    }

    /** Version 1 by curl names the end that curl connects from, which is the balancer's own here; version 2 any. */
    @Test
    void aListedBalancerIsBelieved() throws Exception {
        assertThat(curl("app", BALANCER, "--haproxy-protocol").output()).isEqualTo(BALANCER + " " + BALANCER + "\n");
        assertThat(balanced("app", BALANCER, "PROXY TCP4 203.0.113.7 10.71.1.1 41000 8443"))
                .isEqualTo("203.0.113.7 203.0.113.7\n");
        assertThat(balanced("app", BALANCER, "v2 198.51.100.23 10.71.1.1 41001 8443"))
                .isEqualTo("198.51.100.23 198.51.100.23\n");
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(log("app"))
                        .anyMatch(l -> l.contains("\"visitor\":\"203.0.113.7\""))
                        .anyMatch(l -> l.contains("\"visitor\":\"198.51.100.23\"")));
    }

    @Test
    void aBalancerWithoutAHeaderIsNot() throws Exception {
        assertThat(curl("app", BALANCER, "").exit()).isNotZero();
        assertThat(curl("app", BALANCER, "--haproxy-protocol").exit()).isZero();
    }

    /** To the others it is no TLS. */
    @Test
    void aHeaderOfAnybodyElseIsNone() throws Exception {
        assertThat(curl("app", "10.71.1.2", "--haproxy-protocol").exit()).isNotZero();
        assertThat(balanced("app", "10.71.1.2", "PROXY TCP4 192.0.2.66 10.71.1.1 41000 8443"))
                .doesNotContain("192.0.2.66 ");
        assertThat(balanced("app", "10.71.1.2", "v2 192.0.2.66 10.71.1.1 41000 8443"))
                .doesNotContain("192.0.2.66 ");
        assertThat(curl("app", "10.71.1.2", "").output()).isEqualTo("10.71.1.2 10.71.1.2\n");
        assertThat(log("app")).noneMatch(l -> l.contains("192.0.2.66"));
    }

    @Test
    void aTargetIsToldWhoTheVisitorIs() throws Exception {
        assertThat(curl("told", "10.71.1.2", "").output()).startsWith("10.71.1.2 ");
        assertThat(curl("told", "10.71.1.2", "--http1.1").output()).startsWith("10.71.1.2 ");
        assertThat(balanced("told", BALANCER, "v2 198.51.100.23 10.71.1.1 41001 8443"))
                .isEqualTo("198.51.100.23 41001\n");
    }
}
