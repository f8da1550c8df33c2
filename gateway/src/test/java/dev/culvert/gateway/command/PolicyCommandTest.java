package dev.culvert.gateway.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@NullUnmarked
final class PolicyCommandTest {
    @TempDir
    Path dir;

    private Path good;
    private Path wrong;
    private String out;
    private String err;

    @BeforeEach
    void write() throws Exception {
        good = Files.writeString(dir.resolve("policy.yaml"), """
                hosts: {wiki: 10.0.0.1}
                grants:
                  - {name: web, who: laptop, agents: office, to: wiki, ports: 80/tcp,
                     when: {from: 08:00, to: 18:00, zone: UTC}}
                tests:
                  - {client: laptop, agent: office, allow: ["wiki:80"], deny: ["wiki:81"]}
                """);
        wrong = Files.writeString(dir.resolve("wrong.yaml"), "grant: []\n");
    }

    private int run(String... args) {
        StringWriter o = new StringWriter();
        StringWriter e = new StringWriter();
        CommandLine line = GatewayCommand.commandLine();
        line.setOut(new PrintWriter(o));
        line.setErr(new PrintWriter(e));
        int code = line.execute(args);
        out = o.toString();
        err = e.toString();
        return code;
    }

    private JsonNode json() {
        return JsonMapper.shared().readTree(out);
    }

    @Test
    void check() {
        assertThat(run("policy", "check", "--state", dir.toString())).isZero();
        assertThat(out).isEqualToIgnoringNewLines(good + ": in order: 1 grants, 0 denies, all 2 tests pass");
        assertThat(run("policy", "check", "--json", good.toString())).isZero();
        assertThat(json().get("valid").asBoolean()).isTrue();
        assertThat(run("policy", "check", wrong.toString())).isEqualTo(1);
        assertThat(err).contains(wrong + ":1:1: a policy has no 'grant'; did you mean 'grants'?");
        assertThat(run("policy", "check", "--json", wrong.toString())).isEqualTo(1);
        assertThat(json().at("/errors/0/line").asInt()).isEqualTo(1);
        assertThat(run("policy", "check", dir.resolve("none.yaml").toString())).isEqualTo(1);
        assertThat(err).contains("there is no such file");
        assertThat(run("policy")).isEqualTo(2);
        assertThat(run("policy", "check", "--nonsense")).isEqualTo(2);
    }

    @Test
    void test() throws Exception {
        assertThat(run("policy", "test", good.toString())).isZero();
        assertThat(out)
                .contains("pass  line 6: laptop to 10.0.0.1:80/tcp through office")
                .contains("2 tests, 0 failed");
        Files.writeString(good, Files.readString(good).replace("allow: [\"wiki:80\"]", "allow: [\"wiki:82\"]"));
        assertThat(run("policy", "test", good.toString())).isEqualTo(PolicyCommand.NO);
        assertThat(out).contains("FAIL  line 6: laptop to 10.0.0.1:82/tcp");
        assertThat(run("policy", "check", good.toString())).isEqualTo(PolicyCommand.NO);
        assertThat(err).contains(good + ":6:1: test fails:");
        assertThat(run("policy", "test", "--json", good.toString())).isEqualTo(PolicyCommand.NO);
        assertThat(json().get("failed").asInt()).isEqualTo(1);
    }

    @Test
    void explain() {
        String[] asked = {
            "policy",
            "explain",
            "--client",
            "laptop",
            "--agent",
            "office",
            "--at",
            "2026-11-22T12:00:00Z",
            "--state",
            dir.toString(),
            "--to",
            "10.0.0.1:80"
        };
        assertThat(run(asked)).isZero();
        assertThat(out)
                .contains("allowed: laptop to 10.0.0.1:80/tcp through office")
                .contains("by grant 'web' (line 3)");
        asked[7] = "2026-11-22T18:00:00Z";
        assertThat(run(asked)).isEqualTo(PolicyCommand.NO);
        assertThat(out).contains("near: grant 'web' (line 3) holds only daily 08:00-18:00 UTC");
        asked[asked.length - 1] = "10.0.0.1";
        assertThat(run(asked)).isEqualTo(2);
        assertThat(err).contains("--to: destination '10.0.0.1' has no port");
    }

    @Test
    void diff() throws Exception {
        Path other = Files.writeString(dir.resolve("other.yaml"), "grants: []\n");
        assertThat(run("policy", "diff", good.toString(), good.toString())).isZero();
        assertThat(run("policy", "diff", other.toString(), "--state", dir.toString()))
                .isEqualTo(PolicyCommand.NO);
        assertThat(out)
                .isEqualToIgnoringNewLines("+ grant laptop through office to 10.0.0.1/32 80/tcp daily 08:00-18:00 UTC");
        assertThat(run("policy", "diff", "--json", other.toString(), good.toString()))
                .isEqualTo(PolicyCommand.NO);
        assertThat(json().get("added").size()).isEqualTo(1);
    }
}
