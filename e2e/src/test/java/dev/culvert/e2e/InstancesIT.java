package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
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
 * One site behind two agents with one token, on the office's machine and on another one of its LAN host: nginx says by which of
 * them it was asked.
 */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class InstancesIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final String[] PEERS = {"192.168.77.1", "192.168.79.1"};

    private static final Program[] agents = new Program[2];
    private static Host[] machines;
    private static Path token;
    private static Path stop;
    private static Path go; // what is slow is answered when it is there
    private static String curl;

    private static void startAgent(int which) throws Exception {
        agents[which] = lab.startAgent(
                machines[which],
                token,
                "--publish",
                "site.test=http://192.168.77.2:8081,affinity,health=/,health-interval=1");
    }

    @BeforeAll
    static void start() throws Exception {
        Host annex = lab.add("annex");
        machines = new Host[] {lab.office, annex};
        lab.cable(lab.gateway, "annex", "10.71.4.1/24", "fd71:4::1/64", annex, "gw", "10.71.4.2/24", "fd71:4::2/64");
        lab.cable(
                annex, "lan", PEERS[1] + "/24", "fd79::1/64", lab.officeHost, "annex", "192.168.79.2/24", "fd79::2/64");
        lab.must(annex, "ip", "route", "add", "10.71.2.0/24", "via", "10.71.4.1");
        lab.must(annex, "ip", "route", "add", Lab.OFFICE_HOST + "/32", "via", "192.168.79.2");
        Path certificate = lab.certificate("site", "DNS:site.test");
        stop = lab.directory().resolve("stop");
        curl = "curl -s --http2 --max-time 100 -w '%{http_code}\\n' --cacert " + certificate + " --resolve site.test:"
                + Lab.PORT + ":" + Lab.GATEWAY + " ";
        Path conf = lab.directory().resolve("nginx.conf");
        Files.writeString(conf, """
                user root; worker_processes 1; daemon off; pid nginx.pid; error_log nginx.err;
                events { worker_connections 1024; }
                http {
                  log_format seen '$uri $remote_addr $status'; access_log seen.log seen;
                  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                  server { listen 8081;
                    location / { return 200 "$remote_addr "; }
                    location /slow { proxy_pass http://127.0.0.1:8082; } }
                }
                """);
        lab.startNginx(conf);
        go = lab.directory().resolve("go");
        Path slow = lab.directory().resolve("slow.sh");
        Files.writeString(slow, """
                while [ ! -e %s ]; do sleep 0.2; done
                printf 'HTTP/1.0 200 OK\\r\\n\\r\\nslow '
                """.formatted(go));
        lab.start(lab.officeHost, "socat", "socat", "-t", "10", "TCP4-LISTEN:8082,fork,reuseaddr", "EXEC:bash " + slow);
        lab.startGateway("--certificate", certificate + "," + lab.directory().resolve("site.key"));
        token = lab.publishersToken();
        startAgent(0);
        startAgent(1);
        await().atMost(PATIENCE).ignoreExceptions().until(() -> both(20));
    }

    private static String url(String path) {
        return "https://site.test:" + Lab.PORT + path;
    }

    /** Asks so many times, each on a connection of its own; lines as {@code 192.168.77.1 200}. */
    private static List<String> ask(int times, String options) throws Exception {
        return lab.shell(
                        lab.client,
                        PATIENCE,
                        "for i in $(seq " + times + "); do " + curl + options + ' ' + url("/")
                                + " || echo FAILED $?; done")
                .lines()
                .toList();
    }

    /** Whether all of so many requests are answered, and both instances serve. */
    private static boolean both(int times) throws Exception {
        List<String> answers = ask(times, "");
        return answers.stream().allMatch(a -> a.endsWith(" 200"))
                && answers.stream().distinct().count() == 2;
    }

    private static String jar() {
        String jar = lab.directory().resolve("jar").toString();
        return "-b " + jar + " -c " + jar;
    }

    /** Which instance serves whoever has the jar: the same each time. */
    private static int sticky() throws Exception {
        List<String> answers = ask(10, jar());
        assertThat(answers).hasSize(10).allMatch(a -> a.endsWith(" 200"));
        assertThat(answers.stream().distinct()).as("with one jar").hasSize(1);
        return answers.get(0).startsWith(PEERS[0] + " ") ? 0 : 1;
    }

    /** Asks without end, and says FAILED when anything but an answer comes. */
    private static Program loop(String options) throws Exception {
        return lab.start(
                lab.client,
                "loop",
                "bash",
                "-c",
                "while [ ! -e " + stop + " ]; do a=$(" + curl + options + " " + url("/") + ") || a=\"curl $?: $a\"; "
                        + "case $a in *' 200') echo \"$a\";; *) echo \"FAILED $a\";; esac; done");
    }

    private static JsonNode gateway(String... command) throws Exception {
        String line = lab.script("gateway") + " " + String.join(" ", command) + " --json --state " + lab.state();
        return JsonMapper.shared().readTree(lab.shell(lab.gateway, Lab.COMMAND, line));
    }

    /** The states of the instances that {@code gateway publish list} shows. */
    private static List<String> shown() throws Exception {
        return gateway("publish", "list").findValue("instances").findValuesAsString("state");
    }

    @Test
    @Order(1)
    void whoHasTheCookieStaysAtOne() throws Exception {
        sticky();
        assertThat(both(20)).isTrue();
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(shown()).containsExactly("well", "well"));
    }

    /** Those whose answer was being waited for get it by the other one, those with the cookie too; and it serves when it is back. */
    @Test
    @Order(2)
    void oneIsKilled() throws Exception {
        int gone = sticky();
        List<Program> loops = List.of(loop(""), loop(jar()));
        for (Program one : loops) {
            one.awaitOutput(" 200", PATIENCE);
        }
        Program slow = lab.start(
                lab.client,
                "slow",
                "bash",
                "-c",
                // Each says what it has at once: six write to one pipe.
                "for i in $(seq 6); do (a=$(" + curl + url("/slow")
                        + ") || a=\"FAILED $?\"; echo \"$a\") & done; wait");
        Program slowWithJar = lab.start(lab.client, "slow", "bash", "-c", curl + jar() + " " + url("/slow"));
        await().atMost(PATIENCE)
                .until(() -> lab.shell(lab.officeHost, Lab.COMMAND, "ss -Htn state established sport = :8082 | wc -l")
                        .strip()
                        .equals("7"));
        agents[gone].kill();
        Files.createFile(go);
        int[] marks = loops.stream().mapToInt(Program::mark).toArray();
        assertThat(slow.exitWithin(PATIENCE)).isZero();
        assertThat(slow.output().lines()).hasSize(6).containsOnly("slow 200");
        assertThat(slowWithJar.exitWithin(PATIENCE)).isZero();
        assertThat(slowWithJar.output()).isEqualTo("slow 200\n");
        assertThat(Files.readAllLines(lab.directory().resolve("seen.log")))
                .as("some were waiting for the one that was killed")
                .anyMatch(l -> l.startsWith("/slow " + PEERS[gone] + " "));
        for (int i = 0; i < marks.length; i++) {
            loops.get(i).awaitOutputAfter(marks[i], PEERS[1 - gone] + " 200", PATIENCE);
        }
        int back = loops.get(0).mark();
        startAgent(gone);
        loops.get(0).awaitOutputAfter(back, PEERS[gone] + " 200", PATIENCE);
        Files.createFile(stop);
        for (Program one : loops) {
            assertThat(one.exitWithin(PATIENCE)).isZero();
            assertThat(one.output()).doesNotContain("FAILED");
        }
        assertThat(sticky()).as("who has the cookie stays with the other").isEqualTo(1 - gone);
    }

    @Test
    @Order(3)
    void oneIsDrained() throws Exception {
        int before = sticky();
        String drained = null;
        for (String instance :
                gateway("status").path("agents").path(0).path("instances").findValuesAsString("instance")) {
            String name = "office/" + instance;
            assertThat(gateway("agent", "drain", name).path("changed").asBoolean())
                    .isTrue();
            await().atMost(PATIENCE)
                    .until(() -> gateway("status")
                            .path("agents")
                            .path(0)
                            .path("instances")
                            .findValuesAsString("state")
                            .contains("drained"));
            List<String> answers = ask(20, "");
            assertThat(answers).hasSize(20).allMatch(a -> a.endsWith(" 200"));
            assertThat(answers.stream().distinct()).as("nothing new goes to it").hasSize(1);
            if (sticky() != before) {
                drained = name;
                break;
            }
            assertThat(gateway("agent", "resume", name).path("changed").asBoolean())
                    .isTrue();
            await().atMost(PATIENCE).until(() -> both(20));
        }
        assertThat(drained).as("one of the two served the cookie").isNotNull();
        gateway("agent", "resume", drained);
        await().atMost(PATIENCE).until(() -> both(20));
    }

    /** The target can be reached through one of them only, which is found out by looking. */
    @Test
    @Order(4)
    void oneDoesNotReachTheTarget() throws Exception {
        lab.shell(
                lab.officeHost,
                Lab.COMMAND,
                "nft add table inet filter && nft 'add chain inet filter input { type filter hook input priority 0; }'"
                        + " && nft add rule inet filter input ip saddr " + PEERS[1] + " drop");
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(shown()).containsExactlyInAnyOrder("well", "unwell"));
        assertThat(ask(20, "")).hasSize(20).containsOnly(PEERS[0] + " 200");
        lab.must(lab.officeHost, "nft", "delete", "table", "inet", "filter");
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(shown()).containsExactly("well", "well"));
        assertThat(both(20)).isTrue();
    }
}
