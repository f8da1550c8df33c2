package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** As {@link ResumeIT}, with much to carry and much time: a gigabyte each way, and a machine that sleeps. */
@Tag("netns")
final class LongOutageIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** Of a busy machine: a gigabyte each way through two Python programs. */
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private static Program gateway;
    private static Program client;

    @BeforeAll
    static void start() throws Exception {
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        gateway = lab.startGateway();
        lab.startOffice();
        client = lab.startLaptop();
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() ->
                        lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 "));
    }

    private static Program copy(String mib) throws Exception {
        Program copy = lab.startProbe(lab.client, "copy", Lab.OFFICE_HOST, "7003", mib);
        copy.awaitOutput("HALF", PATIENCE);
        return copy;
    }

    private static void endsWell(Program copy) throws Exception {
        assertThat(copy.exitWithin(PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
    }

    private static void pingAnswersAfter(Program ping) {
        ping.awaitOutputAfter(ping.mark(), "bytes from " + Lab.OFFICE_HOST, PATIENCE);
    }

    /** One exchange, whose identifier stays: the kernel takes an answer with another one for none of its own. */
    @Test
    void aGatewayIsKilledAndThenStoppedInTheMiddleOfAGigabyte() throws Exception {
        Program ping = lab.start(lab.client, "ping", "ping", "-i", "0.5", Lab.OFFICE_HOST);
        pingAnswersAfter(ping);
        Program copy = copy("1024");
        int mark = client.mark();
        gateway.kill();
        gateway = lab.startGateway();
        client.awaitOutputAfter(mark, "go on", PATIENCE);
        pingAnswersAfter(ping);
        mark = client.mark();
        assertThat(gateway.terminate()).isEqualTo(143);
        gateway = lab.startGateway();
        client.awaitOutputAfter(mark, "connected to the gateway", PATIENCE);
        pingAnswersAfter(ping);
        endsWell(copy);
        ping.kill();
    }

    @Test
    void theClientStandsStillForTwoMinutes() throws Exception {
        Program idle = lab.startProbe(lab.client, "wait", Lab.OFFICE_HOST, "7003");
        idle.awaitOutput("CONNECTED", PATIENCE);
        Program copy = copy("256");
        client.standStill(Duration.ofMinutes(2));
        endsWell(copy);
        idle.input("still-there\n");
        idle.awaitOutput("GOT still-there", PATIENCE);
    }
}
