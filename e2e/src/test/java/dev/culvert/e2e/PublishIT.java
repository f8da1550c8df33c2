package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Services behind an agent, published at the gateway: nginx there, curl in front. */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class PublishIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final int BIG = 64 << 20;

    private static Path app;
    private static Path www;
    private static Path token;
    private static Program agent;

    private static String curl(String... arguments) throws Exception {
        StringBuilder line = new StringBuilder("curl -sS --max-time 100 --cacert " + app);
        for (String name : new String[] {"app.test", "api.test", "mail.test", "nobody.test"}) {
            line.append(" --resolve ")
                    .append(name)
                    .append(":")
                    .append(Lab.PORT)
                    .append(":")
                    .append(Lab.GATEWAY);
            line.append(" --resolve ").append(name).append(":8080:").append(Lab.GATEWAY);
        }
        line.append(' ').append(String.join(" ", arguments));
        return lab.shell(lab.client, PATIENCE, line.toString());
    }

    private static String url(String host, String path) {
        return "https://" + host + ".test:" + Lab.PORT + path;
    }

    @BeforeAll
    static void start() throws Exception {
        app = lab.certificate("app", "DNS:app.test,DNS:api.test");
        lab.certificate("mail", "DNS:mail.test"); // not the gateway's to have
        www = Files.createDirectories(lab.directory().resolve("www"));
        Files.writeString(www.resolve("small"), "a short answer\n");
        Lab.must("bash", "-c", "head -c " + BIG + " /dev/urandom >" + www.resolve("big"));
        Path conf = lab.directory().resolve("nginx.conf");
        Files.writeString(conf, """
                user root; worker_processes 1; daemon off; pid nginx.pid; error_log nginx.err;
                events { worker_connections 1024; }
                http {
                  access_log off; client_max_body_size 0; sendfile on; tcp_nodelay on;
                  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                  server { listen 8081; root www;
                    location / { dav_methods PUT; add_header X-Seen-Host $http_host; add_header X-Seen-Proto $http_x_forwarded_proto;
                                 add_header X-Seen-For $http_x_forwarded_for; add_header X-Connection $connection; }
                  }
                  server { listen 8444 ssl; ssl_certificate mail.crt; ssl_certificate_key mail.key;
                    location / { return 200 "unread\\n"; } }
                }
                """);
        lab.startNginx(conf);
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        Files.writeString(lab.state().resolve("policy.yaml"), """
                grants:
                  - {who: "*", agents: "*", to: 0.0.0.0/0}
                publish:
                  - {agents: office, hosts: ["*.test"], ports: 2222/tcp}
                publications:
                  - agent: office
                    public: mail.test
                    target: tls://192.168.77.2:8444
                """);
        lab.startGateway(
                "--http", ":8080", "--certificate", app + "," + lab.directory().resolve("app.key"));
        token = lab.publishersToken("--publish", ":2222/tcp");
        agent = startAgent();
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(curl(url("app", "/small"))).isEqualTo("a short answer\n"));
    }

    private static Program startAgent() throws Exception {
        return lab.startAgent(
                lab.office,
                token,
                "--publish",
                "app.test=http://192.168.77.2:8081",
                "--publish",
                "api.test/v1=http://192.168.77.2:8081,strip-prefix,hsts=3600",
                "--publish",
                "tcp:2222=192.168.77.2:7001");
    }

    /** Twenty requests on one connection of curl's use one connection to the target, which hears who asks. */
    @ParameterizedTest
    @ValueSource(strings = {"--http1.1", "--http2"})
    @Order(1)
    void pagesComeFromBehindTheAgent(String version) throws Exception {
        String heads = curl(version, "-o /dev/null -D -", url("app", "/small") + "?[1-20]");
        assertThat(heads.lines().filter(l -> l.startsWith("HTTP/")))
                .hasSize(20)
                .allMatch(l -> l.startsWith("HTTP/" + (version.endsWith("2") ? "2 200" : "1.1 200")));
        assertThat(heads)
                .containsIgnoringCase("X-Seen-Host: app.test:" + Lab.PORT)
                .containsIgnoringCase("X-Seen-Proto: https")
                .containsIgnoringCase("X-Seen-For: 10.71.1.2");
        assertThat(heads.lines()
                        .filter(l -> l.regionMatches(true, 0, "X-Connection", 0, 12))
                        .distinct())
                .hasSize(1);
        assertThat(curl(version, "-H 'X-Forwarded-For: 6.6.6.6' -o /dev/null -D -", url("app", "/small")))
                .containsIgnoringCase("X-Seen-For: 10.71.1.2")
                .doesNotContain("6.6.6.6");
    }

    @Test
    @Order(2)
    void largeBodiesGoBothWays() throws Exception {
        String sum = Lab.must("sha256sum", www.resolve("big").toString()).substring(0, 64);
        assertThat(curl(url("app", "/big"), "| sha256sum")).startsWith(sum);
        assertThat(curl("-o /dev/null -w '%{http_code}' -T " + www.resolve("big"), url("app", "/up")))
                .startsWith("20");
        assertThat(Lab.must("sha256sum", www.resolve("up").toString())).startsWith(sum);
    }

    @Test
    @Order(3)
    void pathsAndOptionsCount() throws Exception {
        assertThat(curl("-D -", url("api", "/v1/small")))
                .contains("a short answer")
                .containsIgnoringCase("strict-transport-security: max-age=3600");
        assertThat(curl("-o /dev/null -w '%{http_code}'", url("api", "/v2/small")))
                .isEqualTo("404");
        assertThat(curl("-o /dev/null -w '%{http_code} %{redirect_url}'", "http://app.test:8080/small?x=1"))
                .isEqualTo("308 " + url("app", "/small?x=1"));
    }

    /** A browser is shown no certificate for a name that nobody publishes, and no page; a published one never shows the gateway's. */
    @Test
    @Order(4)
    void namesAreToldApart() throws Exception {
        assertThat(curl(url("nobody", "/small"), "-k -o /dev/null -w '%{http_code}' 2>&1 || true"))
                .contains("unrecognized name")
                .endsWith("000");
        assertThat(curl("-k --no-alpn -o /dev/null -w '%{http_code}'", url("nobody", "/")))
                .isEqualTo("404");
        assertThat(curl("--cacert " + lab.directory().resolve("mail.crt"), url("mail", "/")))
                .isEqualTo("unread\n");
        assertThat(lab.probe(lab.client, "banner", Lab.GATEWAY, "2222")).startsWith("220 ");
    }

    /** A download goes on when the agent's way to the gateway is gone for some seconds. */
    @Test
    @Order(5)
    void aDownloadOutlivesTheAgentsLink() throws Exception {
        String sum = Lab.must("sha256sum", www.resolve("big").toString()).substring(0, 64);
        Program download = lab.start(
                lab.client,
                "curl",
                "sh",
                "-c",
                "curl -sS --limit-rate 8M --max-time 110 --cacert " + app + " --resolve app.test:" + Lab.PORT + ":"
                        + Lab.GATEWAY + " " + url("app", "/big") + " | sha256sum");
        Lab.must("sleep", "2");
        lab.must(lab.office, Lab.COMMAND, "ip", "link", "set", "gw", "down");
        Lab.must("sleep", "4");
        lab.must(lab.office, Lab.COMMAND, "ip", "link", "set", "gw", "up");
        lab.must(lab.office, Lab.COMMAND, "ip", "route", "replace", "10.71.1.0/24", "via", "10.71.2.1");
        assertThat(download.exitWithin(PATIENCE)).isZero();
        assertThat(download.output()).startsWith(sum);
    }

    @Test
    @Order(6)
    void saysThatTheAgentIsAway() throws Exception {
        agent.terminate();
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(curl("-H 'Accept: text/html' -w '%{http_code}'", url("app", "/small")))
                        .endsWith("503")
                        .contains("agent"));
        agent = startAgent();
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(curl(url("app", "/small"))).isEqualTo("a short answer\n"));
    }
}
