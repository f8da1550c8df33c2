package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A client with a bandwidth and one without. Of speed only this is asserted: that 20 MB cannot have passed in less than 6 s
 * at 20 Mbit/s, where they take 8.
 */
@Tag("netns")
final class BandwidthIT {
    private static final int BYTES = 20_000_000;
    private static final Duration AT_LEAST = Duration.ofSeconds(6);
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final String URL = "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP + "/";

    @RegisterExtension
    static final Lab lab = new Lab();

    private static LanServices services;
    private static Path file;
    private static Program gateway;
    private static Host other;

    @BeforeAll
    static void start() throws Exception {
        services = LanServices.start(lab);
        file = services.uploaded("file");
        Lab.must("bash", "-c", "head -c " + BYTES + " " + services.bigFile() + " >" + file);
        limit("20 Mbit/s");
        gateway = lab.startGateway();
        lab.startOffice();
        lab.startClient(lab.clientToken("laptop", "office:192.168.77.0/24"));
        other = lab.add("other");
        lab.cable(other, "gw", "10.71.4.2/24", "fd71:4::2/64", lab.gateway, "other", "10.71.4.1/24", "fd71:4::1/64");
        lab.must(other, "ip", "route", "add", "default", "via", "10.71.4.1");
        lab.start(
                        other,
                        "other",
                        Map.of("CULVERT_JAVA_OPTS", "-Dculvert.terminal=true"),
                        lab.script("client"),
                        "up",
                        "--token-file",
                        lab.clientToken("other", "office:192.168.77.0/24").toString(),
                        "--state",
                        lab.directory().resolve("other-state").toString())
                .awaitOutput("routes: ", Lab.START);
    }

    private static void limit(String bandwidth) throws Exception {
        Path fresh = Files.writeString(
                lab.state().resolve("policy.new"),
                "grants: [{who: \"*\", agents: office, to: 192.168.77.0/24}]\n"
                        + (bandwidth == null ? "" : "limits: [{who: laptop, bandwidth: " + bandwidth + "}]\n"));
        Files.move(fresh, lab.state().resolve("policy.yaml"), StandardCopyOption.ATOMIC_MOVE);
    }

    private static Outcome curl(Host host, String... arguments) throws Exception {
        String[] line = new String[arguments.length + 2];
        line[0] = "curl";
        line[1] = "-sS";
        System.arraycopy(arguments, 0, line, 2, arguments.length);
        Outcome outcome = lab.run(host, PATIENCE, line);
        assertThat(outcome.exit()).as(outcome.output()).isZero();
        return outcome;
    }

    /** The other client's transfer of ten times as much, in the same direction, while the limited one's runs. */
    private static void otherGoesOn(Program limited, String... arguments) throws Exception {
        curl(other, arguments);
        assertThat(limited.exitWithin(PATIENCE)).as(limited.output()).isZero();
    }

    @Test
    void bothDirectionsAreHeldToItAndAllBytesArrive() throws Exception {
        Path got = lab.directory().resolve("got");
        long start = System.nanoTime();
        Program download = lab.start(lab.client, "download", "curl", "-sS", "-o", got.toString(), URL + "file");
        // A person at work beside it.
        lab.must(lab.client, "ping", "-c", "5", "-i", "0.2", "-W", "20", Lab.OFFICE_HOST);
        assertThat(curl(lab.client, URL + "small").output()).isEqualTo("a short answer\n");
        otherGoesOn(download, "-o", "/dev/null", URL + "big");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(AT_LEAST);
        assertThat(Files.mismatch(file, got)).isEqualTo(-1);

        start = System.nanoTime();
        Program upload = lab.start(lab.client, "upload", "curl", "-sS", "-T", file.toString(), URL + "sent");
        lab.must(lab.client, "ping", "-c", "5", "-i", "0.2", "-W", "20", Lab.OFFICE_HOST);
        otherGoesOn(upload, "-T", services.bigFile().toString(), URL + "sent-by-other");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(AT_LEAST);
        assertThat(Files.mismatch(file, services.uploaded("sent"))).isEqualTo(-1);
        assertThat(Files.mismatch(services.bigFile(), services.uploaded("sent-by-other")))
                .isEqualTo(-1);
        assertThat(gateway.output()).doesNotContain("Exception").doesNotContain("LEAK");
    }

    /** With 100 kbit/s the upload would take 27 minutes. */
    @Test
    void aLimitIsChangedAndLiftedWhileATransferRuns() throws Exception {
        limit("100 kbit/s");
        gateway.awaitOutput("bandwidth of 100 kbit/s up, 100 kbit/s down", PATIENCE);
        Program upload = lab.start(lab.client, "upload-2", "curl", "-sS", "-T", file.toString(), URL + "sent-2");
        lab.must(lab.client, "ping", "-c", "2", "-W", "20", Lab.OFFICE_HOST);
        assertThat(upload.isAlive()).isTrue();
        limit(null);
        gateway.awaitOutput("bandwidth of any up, any down", PATIENCE);
        assertThat(upload.exitWithin(PATIENCE)).as(upload.output()).isZero();
        assertThat(Files.mismatch(file, services.uploaded("sent-2"))).isEqualTo(-1);
        int mark = gateway.mark();
        limit("20 Mbit/s");
        gateway.awaitOutputAfter(mark, "bandwidth of 20 Mbit/s up, 20 Mbit/s down", PATIENCE);
    }
}
