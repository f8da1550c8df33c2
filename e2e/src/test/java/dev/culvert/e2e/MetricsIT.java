package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the three programs measure while they run: as docs/metrics.md has it, and as Prometheus takes it. */
@Tag("netns")
final class MetricsIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final String PORT = "9464";

    /** A row of the table: name, type, labels. */
    private static final Pattern ROW =
            Pattern.compile("\\| `(\\w+)` \\| (counter|gauge|histogram) \\| ([^|]*) \\| [^|]+ \\|");

    private static final Pattern TYPE = Pattern.compile("# TYPE (\\w+) (\\w+)");
    private static final Pattern SERIES = Pattern.compile("(\\w+?)(_bucket|_sum|_count)?(\\{(.*)})? [^ ]+");
    private static final Pattern LABEL = Pattern.compile("(\\w+)=\"(?:[^\"\\\\]|\\\\.)*\"");

    private static final Map<String, String> scrapes = new TreeMap<>();

    private static String scrape(Host host) throws Exception {
        return lab.must(host, "curl", "-sS", "--fail", "--max-time", "20", "http://127.0.0.1:" + PORT + "/metrics");
    }

    @BeforeAll
    static void start() throws Exception {
        Path certificate = lab.certificate("app", "DNS:app.test");
        Files.writeString(lab.state().resolve("policy.yaml"), """
                grants:
                  - {who: "*", agents: "*", to: 192.168.77.0/24}
                publish:
                  - {agents: office, hosts: ["*.test"]}
                """);
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        lab.startGateway(
                "--metrics",
                PORT,
                "--metrics-clients",
                "--certificate",
                certificate + "," + lab.directory().resolve("app.key"));
        lab.startAgent(
                lab.office, lab.publishersToken(), "--metrics", PORT, "--publish", "app.test=http://192.168.77.2:8081");
        lab.startClient(lab.clientToken("laptop", "office:192.168.77.0/24"), "--metrics", PORT);
        assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001")).startsWith("220 ");
        lab.must(lab.client, "ping", "-c", "1", "-W", "20", Lab.OFFICE_HOST);
        await().atMost(PATIENCE)
                .untilAsserted(
                        () -> { // a flow that has ended, and a PING that was answered
                            scrapes.put("gateway", scrape(lab.gateway));
                            scrapes.put("agent", scrape(lab.office));
                            scrapes.put("client", scrape(lab.client));
                            assertThat(scrapes.get("gateway"))
                                    .contains(
                                            "culvert_gateway_flows_ended_total{end=\"finished\",protocol=\"tcp\"} 1.0")
                                    .containsPattern(
                                            "culvert_gateway_link_round_trip_seconds_count\\{kind=\"agent\"} [1-9]")
                                    .containsPattern(
                                            "culvert_gateway_link_round_trip_seconds_count\\{kind=\"client\"} [1-9]");
                            assertThat(scrapes.get("agent"))
                                    .containsPattern("culvert_agent_link_round_trip_seconds_count.* [1-9]");
                            assertThat(scrapes.get("client"))
                                    .containsPattern("culvert_client_link_round_trip_seconds_count [1-9]");
                        });
    }

    private static Path source(String path) {
        return Path.of(lab.script("")).resolveSibling(path);
    }

    /** Of a scrape, each metric as its row of the table begins. */
    private static Set<String> rows(String scrape) {
        Map<String, String> types = new TreeMap<>();
        Map<String, Set<String>> labels = new TreeMap<>();
        for (String line : scrape.lines().toList()) {
            Matcher type = TYPE.matcher(line);
            Matcher series = SERIES.matcher(line);
            if (type.matches()) {
                types.put(type.group(1), type.group(2));
                labels.put(type.group(1), new TreeSet<>());
            } else if (series.matches()) {
                String name = types.containsKey(series.group(1)) && "histogram".equals(types.get(series.group(1)))
                        ? series.group(1)
                        : line.split("[{ ]", 2)[0];
                if (series.group(4) != null) {
                    LABEL.matcher(series.group(4))
                            .results()
                            .map(found -> found.group(1))
                            .filter(label -> !label.equals("le"))
                            .forEach(labels.get(name)::add);
                }
            } else {
                assertThat(line).startsWith("# HELP ");
            }
        }
        Set<String> rows = new TreeSet<>();
        types.forEach((name, type) -> rows.add(name + " " + type + " " + String.join(", ", labels.get(name))));
        return rows;
    }

    /** None is missing, and none invented. */
    @Test
    void theTableIsWhatIsMeasured() throws Exception {
        Set<String> table = new TreeSet<>();
        for (String line : Files.readAllLines(source("docs/metrics.md"))) {
            Matcher row = ROW.matcher(line);
            if (row.matches()) {
                String labels = Stream.of(row.group(3).replace("`", "").split(",\\s*"))
                        .filter(label -> !label.isBlank())
                        .sorted()
                        .reduce((a, b) -> a + ", " + b)
                        .orElse("");
                assertThat(table.add(row.group(1) + " " + row.group(2) + " " + labels))
                        .as(line)
                        .isTrue();
            }
        }
        Set<String> measured = new TreeSet<>();
        scrapes.values().forEach(scrape -> measured.addAll(rows(scrape)));
        assertThat(table).isEqualTo(measured);
    }

    /** By the conventions, too: units, suffixes, helps. */
    @Test
    void prometheusTakesThem() throws Exception {
        for (Map.Entry<String, String> scrape : scrapes.entrySet()) {
            Path file = lab.directory().resolve(scrape.getKey() + ".prom");
            Files.writeString(file, scrape.getValue());
            assertThat(Lab.must("bash", "-c", "promtool check metrics <" + file + " 2>&1"))
                    .as(scrape.getKey())
                    .isEmpty();
        }
    }

    /** Who connects from elsewhere finds nothing: it listens on loopback. */
    @Test
    void onlyThisMachineIsTold() throws Exception {
        Outcome outcome = lab.run(
                lab.client, Lab.COMMAND, "curl", "-sS", "--max-time", "20", "http://" + Lab.GATEWAY + ":" + PORT);
        assertThat(outcome.exit()).as(outcome.output()).isNotZero();
    }

    /** What alerts and the dashboard ask for there is. */
    @Test
    void alertsAndDashboardAskForWhatThereIs() throws Exception {
        Path monitoring = source("scripts/monitoring");
        Lab.must("promtool", "check", "rules", monitoring.resolve("alerts.yml").toString());
        Lab.must(
                "promtool",
                "test",
                "rules",
                monitoring.resolve("alerts-test.yml").toString());
        String dashboard = Files.readString(monitoring.resolve("grafana.json"));
        List<String> expressions = expressions(dashboard);
        assertThat(expressions).hasSizeGreaterThan(10);
        StringBuilder rules = new StringBuilder("groups:\n- name: dashboard\n  rules:\n");
        for (int i = 0; i < expressions.size(); i++) {
            rules.append("  - record: panel:").append(i).append("\n    expr: |-\n      ");
            rules.append(expressions.get(i).replace("$__rate_interval", "5m").replace("$instance", "x"));
            rules.append('\n');
        }
        Path file = lab.directory().resolve("dashboard.yml");
        Files.writeString(file, rules);
        Lab.must("promtool", "check", "rules", file.toString());
        Set<String> there = new HashSet<>();
        scrapes.values()
                .forEach(scrape -> scrape.lines()
                        .filter(line -> !line.startsWith("#"))
                        .map(line -> line.split("[{ ]", 2)[0])
                        .forEach(there::add));
        String asked = Files.readString(monitoring.resolve("alerts.yml")) + String.join("\n", expressions);
        assertThat(Pattern.compile("\\b(culvert|process|jvm|netty)_\\w+")
                        .matcher(asked)
                        .results()
                        .map(found -> found.group()))
                .isNotEmpty()
                .allMatch(there::contains);
    }

    private static List<String> expressions(String dashboard) {
        return tools.jackson.databind.json.JsonMapper.shared()
                .readTree(dashboard)
                .path("panels")
                .valueStream()
                .flatMap(panel -> panel.path("targets").valueStream())
                .map(target -> target.path("expr").stringValue())
                .toList();
    }

    /** Who does not ask for metrics has nothing of them. */
    @Test
    void offNothingOfItIsLoaded() throws Exception {
        Path classes = lab.directory().resolve("classes.log");
        Program agent = lab.start(
                lab.plant,
                "agent",
                Map.of("CULVERT_JAVA_OPTS", "-Xlog:class+load:file=" + classes),
                lab.script("agent"),
                "--token-file",
                lab.agentToken("plant", "wss://10.71.3.1:" + Lab.PORT, "192.168.88.0/24")
                        .toString(),
                "--state",
                lab.directory().resolve("plant").toString());
        agent.awaitOutput("connected to", Lab.START);
        assertThat(Files.readString(classes))
                .contains("dev.culvert.agent.Agent ")
                .doesNotContain("io.prometheus.", "dev.culvert.command.metrics.MetricsServer ");
    }
}
