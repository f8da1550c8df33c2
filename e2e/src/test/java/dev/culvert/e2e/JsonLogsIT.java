package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A run of all three programs from their start to their end, of which every line is a JSON object. */
@Tag("netns")
final class JsonLogsIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final Map<String, String> JSON = Map.of("CULVERT_LOG", "DEBUG", "CULVERT_LOG_FORMAT", "json");

    private static List<JsonNode> lines(String text) {
        return text.lines().map(JsonLogsIT::line).toList();
    }

    private static JsonNode line(String line) {
        JsonNode one = JsonMapper.shared().readTree(line);
        assertThat(one.isObject()).as(line).isTrue();
        return one;
    }

    private static Set<String> flows(List<JsonNode> lines, String member) {
        return lines.stream()
                .filter(one -> one.path(member).isString())
                .map(one -> one.path(member).stringValue())
                .collect(Collectors.toSet());
    }

    @Test
    void everyLineParsesAndAFlowIsFoundInAll() throws Exception {
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        String state = lab.state().toString();
        Program gateway = lab.start(
                lab.gateway, "gateway", JSON, lab.script("gateway"), "--state", state, "--listen", ":" + Lab.PORT);
        gateway.awaitOutput("listening on", Lab.START);
        Path agentToken = lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.77.0/24");
        Path clientToken = lab.clientToken("laptop", "office:192.168.77.0/24");
        Program agent = lab.start(
                lab.office,
                "agent",
                Map.of("CULVERT_LOG", "DEBUG"),
                lab.script("agent"),
                "--log-format",
                "json",
                "--token-file",
                agentToken.toString(),
                "--state",
                lab.directory().resolve("agent-state").toString());
        agent.awaitOutput("connected to", Lab.START);
        Program client = lab.start(lab.client, "client", JSON, lab.up(clientToken));
        client.awaitOutput("routes: ", Lab.START);
        assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001")).startsWith("220 ");
        lab.must(lab.client, "ping", "-c", "1", "-W", "20", Lab.OFFICE_HOST);
        client.terminate();
        agent.terminate();
        gateway.terminate();
        for (Program program : List.of(client, agent, gateway)) {
            program.exitWithin(PATIENCE);
        }
        for (Program program : List.of(client, agent, gateway)) {
            assertThat(lines(program.output())).as(program.name()).isNotEmpty().allSatisfy(one -> {
                assertThat(Instant.parse(one.path("time").stringValue())).isNotNull();
                assertThat(one.path("level").stringValue()).isIn("DEBUG", "INFO", "WARN", "ERROR");
                assertThat(one.path("name").stringValue()).isNotBlank();
                assertThat(one.path("message").isString()).isTrue();
            });
            for (Path token : List.of(agentToken, clientToken)) {
                assertThat(program.output())
                        .doesNotContain(Files.readString(token).strip().substring(0, 60));
            }
        }
        List<JsonNode> audited = lines(audit("audit-flows.jsonl"));
        Set<String> ids = flows(audited, "id");
        assertThat(ids).hasSizeGreaterThanOrEqualTo(2).allMatch(id -> id.matches("[0-9a-f]{10}-\\d+"));
        assertThat(flows(lines(gateway.output()), "flow")).containsAll(ids);
        assertThat(flows(lines(agent.output()), "flow")).containsAll(ids);
        assertThat(audited.stream().map(one -> one.path("protocol").asString("")))
                .contains("tcp", "icmp");
    }

    private static String audit(String file) throws IOException {
        return Files.readString(lab.state().resolve(file));
    }

    /** What is wrong with the option itself is said to people. */
    @Test
    void anotherFormatIsRefusedInOneLine() throws Exception {
        Outcome outcome = lab.run(lab.gateway, Lab.COMMAND, lab.script("gateway"), "--log-format", "xml");
        assertThat(outcome.exit()).isEqualTo(2);
        assertThat(outcome.output()).startsWith("gateway: --log-format: 'xml' is neither text nor json");
    }
}
