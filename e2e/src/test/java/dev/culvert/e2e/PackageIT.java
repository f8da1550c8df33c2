package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The packages: made twice, installed, used as typed, installed again, purged. */
@Tag("netns")
final class PackageIT {
    private static final Duration PATIENCE = Duration.ofSeconds(240);

    @RegisterExtension
    static final Lab lab = new Lab();

    private static Path make(String name, String... environment) throws Exception {
        Path out = lab.directory().resolve(name);
        String[] command = Stream.concat(
                        Stream.concat(Stream.of("env"), Stream.of(environment)),
                        Stream.of(lab.script("package"), "--built", "--only", "deb", "--out", out.toString()))
                .toArray(String[]::new);
        lab.must(lab.plant, PATIENCE, command); // a machine that has no way anywhere
        return out;
    }

    private static List<Path> files(Path directory) throws Exception {
        try (Stream<Path> all = Files.list(directory)) {
            return all.sorted().toList();
        }
    }

    @Test
    void installsRunsAndGoesWithoutATrace() throws Exception {
        Path first = make("first");
        Path second = make("second", "TZ=Asia/Kolkata", "LC_ALL=C");
        assertThat(files(first)).isNotEmpty().hasSameSizeAs(files(second));
        for (Path file : files(first)) {
            assertThat(Files.mismatch(file, second.resolve(file.getFileName())))
                    .as(file.toString())
                    .isEqualTo(-1);
        }
        Path deb = files(first).stream()
                .filter(f -> f.toString().endsWith(".deb"))
                .findFirst()
                .orElseThrow();

        LanServices.start(lab);
        lab.startGateway();
        lab.startOffice();
        Path token = lab.clientToken("laptop", "office:192.168.77.0/24");
        String url = "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP + "/small";
        Map<String, String> said = steps(lab.must(
                lab.client,
                PATIENCE,
                "unshare",
                "-m",
                "bash",
                lab.resource("package.sh").toString(),
                deb.toString(),
                token.toString(),
                url));

        assertThat(said.get("names").lines())
                .containsExactly(
                        "/usr/lib/culvert/bin/culvert",
                        "/usr/lib/culvert/bin/client",
                        "/usr/lib/culvert/bin/agent",
                        "/usr/lib/culvert/bin/gateway",
                        "/usr/bin/token");
        assertThat(said.get("install")).contains("/usr/bin/token is somebody else's; use 'culvert token'");
        assertThat(said.get("versions").lines())
                .hasSize(3)
                .allMatch(line -> line.matches("culvert (client |agent )?\\d+\\.\\d+\\.\\d+.*"));
        assertThat(said.get("manual")).contains("CLIENT(1)", ".TH \"CULVERT\" \"1\"");
        assertThat(said.get("archive")).isEqualTo("1\n");
        assertThat(said.get("files")).isEmpty();
        assertThat(said.get("units").lines())
                .hasSize(5)
                .startsWith(
                        "culvert-agent.service",
                        "culvert-client.service",
                        "culvert-gateway.service",
                        "culvert-repair.service");
        assertThat(said.get("verify")).isEmpty();
        assertThat(said.get("exposure")).isEqualTo("gateway is fine\nagent is fine\nclient is fine\n");
        assertThat(said.get("complete")).isEqualTo("status\nstatus\n");
        assertThat(said.get("login")).startsWith("client: logged in as 'laptop'");
        assertThat(said.get("up")).contains("client: up, in the background as process");
        assertThat(said.get("fetch")).isEqualTo("200\n200\n");
        assertThat(said.get("status")).contains("\"state\" : \"up\"");
        assertThat(said.get("purge")).contains("client: down");
        assertThat(said.get("after")).isEqualTo(said.get("before"));
        assertThat(said.get("left")).isEqualTo("#!/bin/sh\n");
    }

    /** What followed each step's name, of steps of one name together. */
    private static Map<String, String> steps(String output) {
        Map<String, String> steps = new LinkedHashMap<>();
        String step = "";
        for (String line : output.lines().toList()) {
            if (line.startsWith("== ")) {
                step = line.substring(3);
                steps.putIfAbsent(step, "");
            } else {
                steps.merge(step, line + "\n", String::concat);
            }
        }
        return steps;
    }
}
