package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An agent is stopped in order: beside another instance of it, and alone. */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class AgentStopIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private static Program last;

    private static Program connect() throws Exception {
        Program p = lab.startProbe(lab.client, "wait", Lab.OFFICE_HOST, "7003");
        p.awaitOutput("CONNECTED", PATIENCE);
        return p;
    }

    private static void answers(Program waiting, String word) throws Exception {
        waiting.input(word + "\n");
        waiting.awaitOutput("GOT " + word, PATIENCE);
    }

    private static void newConnectionsWork() throws Exception {
        for (int i = 0; i < 3; i++) {
            assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001")).startsWith("220 ");
        }
    }

    /** One goes on until its application is done; the next is not waited for when somebody is in a hurry. */
    @Test
    @Order(1)
    void besideAnotherItLetsItsConnectionsEnd() throws Exception {
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        lab.startGateway();
        Program first = lab.startOffice();
        lab.startLaptop();
        await().atMost(PATIENCE).ignoreExceptions().untilAsserted(AgentStopIT::newConnectionsWork);
        Program ofFirst = connect();
        Program second = lab.startOffice();

        first.signal("TERM");
        first.awaitOutput("stopping; new flows go to another instance, and 1 connection may go on for 30 s", PATIENCE);
        Program ofSecond = connect();
        newConnectionsWork();
        answers(ofFirst, "still-there");
        assertThat(first.isAlive()).isTrue();
        ofFirst.endInput();
        assertThat(ofFirst.exitWithin(PATIENCE)).isZero();
        assertThat(first.exitWithin(PATIENCE)).isEqualTo(143);
        assertThat(first.output()).doesNotContain("did not end");

        last = lab.startOffice();
        second.signal("TERM");
        second.awaitOutput("may go on for 30 s", PATIENCE);
        answers(ofSecond, "still-there");
        second.signal("TERM");
        assertThat(second.exitWithin(PATIENCE)).isEqualTo(143);
        assertThat(second.output()).doesNotContain("did not end");
        ofSecond.input("gone\n");
        assertThat(ofSecond.exitWithin(PATIENCE)).as("reset").isNotZero();
        newConnectionsWork();
    }

    @Test
    @Order(2)
    void aloneItEndsAtOnce() throws Exception {
        Program connection = connect();
        assertThat(last.terminate()).isEqualTo(143);
        assertThat(last.output())
                .contains("stopping; no other instance is connected, so it ends now, and 1 connection with it");
        connection.input("gone\n");
        assertThat(connection.exitWithin(PATIENCE)).as("reset").isNotZero();
    }
}
