package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The kernel as the judge of what the stack emits: super-packets of every segment size that a peer may ask for, with the
 * device's offload and with segmentation of our own, arrive whole, and no checksum is wrong. (That a packet analyser reads
 * them is proven in the modules, for each half by itself.)
 */
@Tag("netns")
final class SegmentsIT {
    /**
     * A SYN-ACK that is sent again because this machine stood still before the ACK was read is answered by a challenge ACK (RFC 5961
     * section 4), and the kernel counts it among its errors, and also by itself.
     */
    private static final String ERRORS = "cat /proc/net/snmp /proc/net/netstat | awk '"
            + "/^Tcp:/ { if (n++) { errors = $14; sums = $NF } }"
            + "/^TcpExt:/ { if (!m++) for (i = 1; i <= NF; i++) { if ($i == \"TCPSYNChallenge\") at = i } else again = $at }"
            + "END { print errors - again, sums }'";

    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int CONNECTIONS = 6;
    private static final AtomicInteger NEXT = new AtomicInteger();

    @ParameterizedTest
    @CsvSource({"1500, true", "1500, false", "1280, true", "9000, true", "9000, false", "65535, true"})
    void theKernelTakesEverySegmentSize(int mtu, boolean offload) throws Exception {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        Random random = new Random(seed);
        String device = "cvs" + NEXT.incrementAndGet();
        Path classes = Path.of(SegmentSource.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        try (Program source = lab.start(
                lab.client,
                "segment-source",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dculvert.bin=" + lab.script(""),
                "-cp",
                classes + ":" + lab.jars() + "/*",
                SegmentSource.class.getName(),
                device,
                Integer.toString(mtu),
                Boolean.toString(offload),
                Long.toString(seed))) {
            source.awaitOutput("READY", PATIENCE);
            lab.must(lab.client, "ip", "addr", "add", "10.66.0.1/24", "dev", device);
            lab.must(lab.client, "ip", "-6", "addr", "add", "fd66::1/64", "dev", device, "nodad");
            lab.must(lab.client, "ip", "link", "set", device, "up");
            for (int i = 0; i < CONNECTIONS; i++) {
                // At least what IPv4 hosts must take, at most what the interface carries: the kernel lowers it then.
                int segment = 536 + random.nextInt(mtu < 9000 ? mtu - 536 : 8464);
                String[] got = lab.probe(
                                lab.client,
                                "digest",
                                i % 2 == 0 ? "10.66.0.2" : "fd66::2",
                                "80",
                                Integer.toString(segment))
                        .split(" ");
                source.awaitOutput("SENT " + got[0] + " ", PATIENCE);
                assertThat(source.output())
                        .as("seed " + seed + " segment " + segment)
                        .contains("SENT " + got[0] + " " + got[1] + " super=" + offload + " software=" + !offload
                                + " refused=0");
            }
            assertThat(lab.shell(lab.client, PATIENCE, ERRORS))
                    .as("the kernel's Tcp InErrs, but for SYN-ACKs that came again, and InCsumErrors, seed " + seed)
                    .isEqualToIgnoringWhitespace("0 0");
        }
    }
}
