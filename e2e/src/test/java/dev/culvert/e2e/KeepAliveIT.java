package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An application's TCP keep-alive on a LAN host that dies without a word: the same as from a machine of that LAN. */
@Tag("netns")
final class KeepAliveIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration MINUTE = Duration.ofSeconds(60);

    @BeforeAll
    static void start() throws Exception {
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        lab.startGateway();
        lab.startOffice();
        lab.startLaptop();
    }

    @Test
    void aHostThatDiedTimesOutAsOnTheLan() throws Exception {
        String port = Integer.toString(LanServices.ECHO);
        Program unasked = lab.startProbe(lab.client, "hold", Lab.OFFICE_HOST, port);
        unasked.awaitOutput("CONNECTED", Lab.START);
        List<Program> asking = new ArrayList<>();
        for (Host from : List.of(lab.office, lab.client)) { // the LAN first: it says what is right
            for (String host : List.of(Lab.OFFICE_HOST, Lab.OFFICE_HOST_6)) {
                for (String idle : List.of("1", "5")) {
                    asking.add(lab.startProbe(from, "alive", host, port, idle, "2", "3", "20"));
                }
            }
        }
        for (Program p : asking) {
            p.awaitOutput("CONNECTED", Lab.START);
        }
        // Longer than all of them let a host be silent: so long it has answered.
        for (Program p : asking) {
            p.awaitOutput("QUIET", MINUTE);
        }
        lab.must(lab.officeHost, "ip", "link", "set", "lan", "down");
        for (Program p : asking) {
            p.exitWithin(MINUTE);
            assertThat(p.output().lines()).as(p.name()).containsExactly("CONNECTED", "QUIET", "ETIMEDOUT");
        }
        assertThat(unasked.output()).as("who does not ask is not told").isEqualTo("CONNECTED\n");
        assertThat(unasked.isAlive()).isTrue();
    }
}
