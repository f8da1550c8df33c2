package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.up.WintunClient;
import dev.culvert.tun.fixture.FakeWintun;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * {@code client up} through the classes for Windows, with a wintun.dll for Linux below them whose adapters are TUN interfaces: the same
 * calls, wide strings, rings and error codes. What it cannot show is Windows.
 */
@Tag("netns")
final class WintunIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** Several times what the rings hold, and in both directions. */
    private static final String MEBIBYTES = "64";

    @BeforeAll
    static void start() throws Exception {
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        lab.startGateway();
        lab.startOffice();
    }

    private static String place(Class<?> of) {
        try {
            return Path.of(of.getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void clientUpRunsOverWintun() throws Exception {
        String before = lab.network(lab.client);
        String[] up = lab.up(lab.clientToken("laptop", "office:192.168.77.0/24"));
        String path = Stream.concat(
                        Stream.of(WintunClient.class, FakeWintun.class)
                                .map(WintunIT::place)
                                .distinct(),
                        Stream.of(lab.jars() + "/*"))
                .collect(Collectors.joining(":"));
        String[] line = Stream.concat(
                        Stream.of(
                                Path.of(System.getProperty("java.home"), "bin", "java")
                                        .toString(),
                                "-Dculvert.bin=" + lab.script(""),
                                "-cp",
                                path,
                                WintunClient.class.getName()),
                        Arrays.stream(up).skip(2)) // the program and its command
                .toArray(String[]::new);
        try (Program client = lab.start(lab.client, "client", line)) {
            client.awaitOutput("routes: 192.168.77.0/24", PATIENCE);
            assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001")).startsWith("220 ");
            assertThat(lab.must(lab.client, "ping", "-c", "2", "-i", "0.2", "-s", "1300", Lab.OFFICE_HOST))
                    .contains(" 0% packet loss");
            Program copy = lab.startProbe(lab.client, "copy", Lab.OFFICE_HOST, "7003", MEBIBYTES);
            assertThat(copy.exitWithin(PATIENCE)).as(copy.output()).isZero();
            assertThat(copy.output()).contains("SAME");
            assertThat(client.terminate()).isEqualTo(143);
            assertThat(client.output()).contains("down; this machine's network is as it was");
        }
        assertThat(lab.network(lab.client).lines().sorted())
                .containsExactlyElementsOf(before.lines().sorted().toList());
    }
}
