package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A client behind a line that is long and loses packets (scripts/lib/bench/line.py). */
@Tag("netns")
final class BadLineIT {
    private static final String HERE = "10.71.9.2";
    private static final String THERE = "10.71.9.1";
    private static final int BYTES = 3 << 20;

    @RegisterExtension
    static final Lab lab = new Lab();

    @BeforeAll
    static void start() throws Exception {
        Path www = Files.createDirectories(lab.directory().resolve("www"));
        byte[] data = new byte[BYTES];
        new Random(1).nextBytes(data);
        Files.write(www.resolve("data"), data);
        lab.start(lab.officeHost, "web", "python3", "-u", "-m", "http.server", "8000", "--directory", www.toString())
                .awaitOutput("Serving", Lab.START);
        lab.start(
                        lab.gateway,
                        "line",
                        "python3",
                        lab.script("lib/bench/line.py"),
                        lab.client.namespace(),
                        HERE + "/30",
                        lab.gateway.namespace(),
                        THERE + "/30",
                        "80",
                        "1",
                        "200")
                .awaitOutput("up", Lab.START);
        lab.startGateway();
        lab.startOffice();
        Path token =
                lab.clientToken("laptop", "office:192.168.77.0/24", "--gateway", "wss://" + THERE + ":" + Lab.PORT);
        lab.startClient(token);
    }

    /** The congestion control of each connection of the gateway's port there, with this address at one of its ends. */
    private static List<String> controls(Host host, String address) throws Exception {
        List<String> lines = lab.must(host, "ss", "-Htin", "state", "established", "( sport = :8443 or dport = :8443 )")
                .lines()
                .toList();
        // Two lines each: the ends, and what the kernel knows.
        return Stream.iterate(0, i -> i + 1 < lines.size(), i -> i + 2)
                .filter(i -> lines.get(i).contains(address))
                .map(i -> lines.get(i + 1).strip().split(" ")[0])
                .toList();
    }

    @Test
    void theLinkGoesByWhatArrivesNotByWhatIsLost() throws Exception {
        // As root the programs may choose it, so the kernel need only have it.
        String usual = Files.readString(Path.of("/proc/sys/net/ipv4/tcp_congestion_control"))
                .strip();
        boolean there = Files.readString(Path.of("/proc/sys/net/ipv4/tcp_available_congestion_control"))
                .contains("bbr");
        String far = there && List.of("cubic", "reno").contains(usual) ? "bbr" : usual;
        await().atMost(Lab.START).untilAsserted(() -> {
            assertThat(controls(lab.client, THERE)).as("upwards").containsExactly(far);
            assertThat(controls(lab.gateway, HERE)).as("downwards").containsExactly(far);
        });
        assertThat(controls(lab.office, "10.71.2.1")).as("a near one").containsExactly(usual);
    }

    @Test
    void allArrivesAsItWasSent() throws Exception {
        Path got = lab.directory().resolve("got");
        lab.must(
                lab.client,
                "curl",
                "-sS",
                "--max-time",
                "60",
                "-o",
                got.toString(),
                "http://" + Lab.OFFICE_HOST + ":8000/data");
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        assertThat(sha.digest(Files.readAllBytes(got)))
                .isEqualTo(sha.digest(Files.readAllBytes(lab.directory().resolve("www/data"))));
    }
}
