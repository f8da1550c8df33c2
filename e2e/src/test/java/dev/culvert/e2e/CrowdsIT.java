package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A thousand visitors who say nothing, hundreds who say it slowly, and what others feel of them; tens of thousands with {@code
 * -Dculvert.crowds=10000}, which takes minutes.
 */
@Tag("netns")
final class CrowdsIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofMinutes(4);
    /** Who says nothing, half of them by each version of HTTP; a tenth as many are slow in each way. */
    private static final int CROWD = Integer.getInteger("culvert.crowds", 1_000);

    private static final int HONEST = 300;

    /** Of the gateway, for an idle connection. */
    private static final long MOST_RESIDENT = 32 << 10;

    /** What its heap and its compiled code grow by meanwhile, however few come. */
    private static final long MOST_RESIDENT_OF_ITSELF = 160 << 20;

    private static final Pattern TALKED = Pattern.compile("LONGEST (\\d+) OF ([1-9]\\d*)");

    /** A proxy with many users behind it. */
    private static final String PROXY = "10.71.1.5";

    /** More than the 1,024 of any other address. */
    private static final int BEHIND_PROXY = 1_200;

    /** In the /24 that the honest visitor is in, too; five of them in a /28, of which strangers have a bound as well. */
    private static final List<String> ADDRESSES =
            IntStream.range(0, 64).mapToObj(i -> "10.71.1." + (16 + 3 * i)).toList();

    private static final String ALL = String.join(",", ADDRESSES);

    private static Program gateway;
    private static Program laptop;
    private static Program talk;
    private final List<Program> crowds = new ArrayList<>();

    @BeforeAll
    static void start() throws Exception {
        for (String address : ADDRESSES) {
            lab.must(lab.client, "ip", "addr", "add", address + "/24", "dev", "gw");
        }
        lab.must(lab.client, "ip", "addr", "add", PROXY + "/24", "dev", "gw");
        Path www = Files.createDirectories(lab.directory().resolve("www"));
        Files.writeString(www.resolve("index.html"), "a short answer\n");
        Lab.must("truncate", "-s", "64M", www.resolve("big").toString());
        Path conf = lab.directory().resolve("nginx.conf");
        Files.writeString(conf, """
                user root; worker_processes 1; daemon off; pid nginx.pid; error_log nginx.err;
                events { worker_connections 8192; }
                http {
                  access_log off; client_max_body_size 0; sendfile on; tcp_nodelay on;
                  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                  server { listen 8081 backlog=4096; root www; location / { dav_methods PUT; } }
                }
                """);
        lab.startNginx(conf);
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        Path certificate = lab.certificate("app", "DNS:app.test,DNS:other.test");
        gateway = lab.start(
                lab.gateway,
                "gateway",
                Map.of("CULVERT_JAVA_OPTS", "-Dio.netty.leakDetection.level=simple"),
                lab.script("gateway"),
                "--state",
                lab.state().toString(),
                "--listen",
                ":" + Lab.PORT,
                "--certificate",
                certificate + "," + lab.directory().resolve("app.key"),
                "--trusted-proxy",
                PROXY);
        gateway.awaitOutput("listening on", Lab.START);
        lab.startAgent(
                lab.office,
                lab.publishersToken(),
                "--publish",
                "app.test=http://192.168.77.2:8081",
                "--publish",
                "other.test=http://192.168.77.2:8081");
        laptop = lab.startLaptop();
        await().atMost(PATIENCE).ignoreExceptions().untilAsserted(CrowdsIT::othersAreServed);
    }

    @BeforeEach
    void talk() throws Exception {
        talk = lab.startProbe(lab.client, "talk", Lab.OFFICE_HOST, Integer.toString(LanServices.ECHO));
        talk.awaitOutput("CONNECTED", PATIENCE);
    }

    @AfterEach
    void allGo() throws Exception {
        for (Program crowd : crowds) {
            crowd.kill();
        }
        assertThat(talk.isAlive()).isTrue();
        talk.endInput();
        assertThat(talk.exitWithin(PATIENCE)).isZero();
        Matcher talked = TALKED.matcher(talk.output());
        assertThat(talked.find()).as(talk.output()).isTrue();
        System.out.println("longest wait in the tunnel, ms: " + talked.group(1));
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(connections()).isLessThan(10));
        // What was lost is found by a collection, and said when others have buffers of their own.
        gateway.instances("io.netty.buffer.ByteBuf");
        honestLoad();
        othersAreServed();
        assertThat(gateway.output())
                .doesNotContain("Exception")
                .doesNotContain("LEAK")
                .doesNotContain("memory is short");
    }

    private Program crowd(String kind, int count, String from) throws Exception {
        Path classes = Path.of(
                Crowd.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        Program crowd = lab.start(
                lab.client,
                kind,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-cp",
                classes + ":" + lab.jars() + "/*",
                Crowd.class.getName(),
                kind,
                Integer.toString(count),
                Lab.GATEWAY,
                Integer.toString(Lab.PORT),
                "app.test",
                from);
        crowds.add(crowd);
        return crowd;
    }

    private static String last(Program crowd) {
        return crowd.output().lines().reduce("", (a, b) -> b);
    }

    private static int number(Program crowd, String what) {
        List<String> words = List.of(last(crowd).split(" "));
        int at = words.indexOf(what);
        return at < 0 ? 0 : Integer.parseInt(words.get(at + 1));
    }

    /** That the gateway's kernel has of its port. */
    private static int connections() throws Exception {
        return Integer.parseInt(
                lab.shell(lab.gateway, Lab.COMMAND, "ss -tnH state established sport = :" + Lab.PORT + " | wc -l")
                        .strip());
    }

    /** Another visitor, of this publication and another, by both versions of HTTP; and a link, its old flows and new ones. */
    private static void othersAreServed() throws Exception {
        for (String name : List.of("app", "other")) {
            for (String version : List.of("--http1.1", "--http2")) {
                assertThat(lab.shell(
                                lab.client,
                                PATIENCE,
                                "curl -sSf --interface 10.71.1.2 --max-time 100 " + version + " --cacert "
                                        + lab.directory().resolve("app.crt") + " --resolve " + name + ".test:"
                                        + Lab.PORT
                                        + ":" + Lab.GATEWAY + " https://" + name + ".test:" + Lab.PORT + "/"))
                        .isEqualTo("a short answer\n");
            }
        }
        assertThat(lab.must(lab.client, PATIENCE, "curl", "-sSf", "http://" + Lab.OFFICE_HOST + ":8081/"))
                .isEqualTo("a short answer\n");
        assertThat(laptop.isAlive()).isTrue();
    }

    /** Of many requests over connections of their own all are answered. */
    private static void honestLoad() throws Exception {
        String codes = lab.shell(
                lab.client,
                PATIENCE,
                "curl -s --http1.1 -Z --parallel-max 32 --parallel-immediate --interface 10.71.1.2 --max-time 200 --cacert "
                        + lab.directory().resolve("app.crt") + " --resolve other.test:" + Lab.PORT + ":" + Lab.GATEWAY
                        + " -o /dev/null -w '%{http_code}\\n' 'https://other.test:" + Lab.PORT + "/?[1-" + HONEST
                        + "]' 2>/dev/null | sort | uniq -c");
        assertThat(codes.strip()).isEqualTo(HONEST + " 200");
    }

    /** They count against the name, not against strangers; and a proxy's users not by its address. */
    @Test
    void manyThatAreIdle() throws Exception {
        int connectionsBefore = connections();
        long before = gateway.residentKilobytes();
        Program http1 = crowd("idle1", CROWD / 2, ALL);
        Program http2 = crowd("idle2", CROWD / 2, ALL);
        http1.awaitOutput("ALL", PATIENCE);
        http2.awaitOutput("ALL", PATIENCE);
        await().atMost(PATIENCE)
                .untilAsserted(
                        () -> assertThat(connections() - connectionsBefore).isGreaterThanOrEqualTo(CROWD / 2 * 2));
        int idle = connections() - connectionsBefore;
        long bytes = (gateway.residentKilobytes() - before) * 1024;
        System.out.printf(
                "%d idle connections: %d bytes resident each, %d descriptors%n",
                idle, bytes / idle, gateway.descriptors());
        assertThat(bytes).isLessThan(MOST_RESIDENT_OF_ITSELF + idle * MOST_RESIDENT);
        othersAreServed();
        honestLoad();

        Program proxied = crowd("idle1", BEHIND_PROXY, PROXY);
        proxied.awaitOutput("ALL", PATIENCE);
        othersAreServed();
    }

    /** Of each kind so many as one attacker with some addresses has; those that a deadline is for are ended by it. */
    @Test
    void manyThatAreSlow() throws Exception {
        long before = gateway.residentKilobytes();
        Program hello = crowd("hello", CROWD / 10, ALL);
        Program head = crowd("head", CROWD / 10, ALL);
        Program body = crowd("body", CROWD / 20, ALL);
        Program read = crowd("read", CROWD / 20, ALL);
        body.awaitOutput("ALL", PATIENCE);
        read.awaitOutput("ALL", PATIENCE);
        honestLoad();
        othersAreServed();
        // A ClientHello has 10 s, a head 15 s, however steadily they drip.
        for (Program crowd : List.of(hello, head)) {
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(number(crowd, "ended") + number(crowd, "failed"))
                            .isGreaterThanOrEqualTo(CROWD / 10));
        }
        System.out.println("after the slow: " + (gateway.residentKilobytes() - before) + " KiB more, "
                + crowds.stream().map(c -> c.name() + " " + last(c)).collect(Collectors.joining("; ")));
        othersAreServed();
    }
}
