package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Two gateways on one Redis: the office reaches the one, the plant the other; each is a directory with a cluster key only. */
@Tag("netns")
final class ClusterIT {
    private static final String STORE = "redis://127.0.0.1:6379/0";
    private static final int AWAY = 7;
    private static final String URLS = "wss://10.71.2.1:" + Lab.PORT + ",wss://10.71.3.1:" + (Lab.PORT + 1);

    /** Programs that load a store's client too, three of them at once, on a machine that others use. */
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    @RegisterExtension
    static final Lab lab = new Lab();

    private static Outcome token(String command, String... arguments) throws Exception {
        List<String> line = new ArrayList<>(List.of(
                lab.script("token"),
                command,
                "--store",
                STORE,
                "--state",
                state("one").toString()));
        line.addAll(List.of(arguments));
        return lab.run(lab.gateway, PATIENCE, line.toArray(String[]::new));
    }

    /** Does it; a machine that froze may have taken the store to be away, of which nothing comes. */
    private static void done(String command, String... arguments) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        Outcome outcome = token(command, arguments);
        while (outcome.exit() == AWAY && System.nanoTime() - end < 0) {
            outcome = token(command, arguments);
        }
        assertThat(outcome.exit()).as(outcome.output()).isZero();
    }

    private static Path state(String name) {
        return lab.directory().resolve("cluster-" + name);
    }

    private static Program redis() throws Exception {
        Program redis = lab.start(
                lab.gateway, "redis", "redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no");
        redis.awaitOutput("Ready to accept connections", PATIENCE);
        return redis;
    }

    private static Program gateway(String name, int port) throws Exception {
        return lab.start(
                lab.gateway,
                "gateway-" + name,
                lab.script("gateway"),
                "--store",
                STORE,
                "--state",
                state(name).toString(),
                "--listen",
                ":" + port);
    }

    private static Program agent(Host host, String name, Path token) throws Exception {
        return lab.start(
                host,
                name,
                lab.script("agent"),
                "--token-file",
                token.toString(),
                "--state",
                lab.directory().resolve("state-" + name).toString());
    }

    private static Path agentToken(String name, String... more) throws Exception {
        Path file = lab.directory().resolve(name + ".token");
        List<String> arguments =
                new ArrayList<>(List.of("--name", name, "--routes", "192.168.77.0/24", "--out", file.toString()));
        arguments.addAll(List.of(more));
        done("agent", arguments.toArray(String[]::new));
        return file;
    }

    @Test
    void whatOneIsToldBothKnow() throws Exception {
        try (Program redis = redis()) {
            done("init", "--gateway", URLS);
            Files.createDirectory(state("two"));
            Lab.must(
                    "cp",
                    "-p",
                    state("one").resolve("cluster.key").toString(),
                    state("two").toString());
            Lab.must("chmod", "700", state("two").toString());
            Program one = gateway("one", Lab.PORT);
            Program two = gateway("two", Lab.PORT + 1);
            one.awaitOutput("listening on", PATIENCE);
            two.awaitOutput("listening on", PATIENCE);
            assertThat(state("two").resolve("signing.pub")).doesNotExist();
            assertThat(state("one").resolve("ca.key")).doesNotExist();

            // One token that is good once, two machines, two gateways, at the same time.
            Path once = agentToken("office", "--enrol");
            Program atOne = agent(lab.office, "agent-office", once);
            Program atTwo = agent(lab.plant, "agent-plant", once);
            awaitAll(() -> ends(atOne) && ends(atTwo));
            assertThat(List.of(atOne.output(), atTwo.output()))
                    .filteredOn(said -> said.contains("connected to"))
                    .hasSize(1);
            assertThat(List.of(atOne.output(), atTwo.output()))
                    .filteredOn(said -> said.contains("already enrolled by another key"))
                    .hasSize(1);

            // A token that is in use at both.
            Path everywhere = agentToken("branch");
            Program hereToo = agent(lab.office, "agent-branch-office", everywhere);
            Program thereToo = agent(lab.plant, "agent-branch-plant", everywhere);
            hereToo.awaitOutput("connected to", PATIENCE);
            thereToo.awaitOutput("connected to", PATIENCE);
            done("revoke", "branch");
            hereToo.awaitOutput("your token was revoked", PATIENCE);
            thereToo.awaitOutput("your token was revoked", PATIENCE);

            // The store goes: nothing stops, what would write says so, and with what code.
            redis.kill();
            Outcome refused = token("revoke", "office");
            assertThat(refused.exit()).as(refused.output()).isEqualTo(AWAY);
            assertThat(refused.output()).contains("is away").hasLineCount(1);
            assertThat(one.isAlive()).isTrue();
            assertThat(two.isAlive()).isTrue();
            assertThat(one.terminate()).isEqualTo(143);
            assertThat(two.terminate()).isEqualTo(143);
        }
    }

    private static boolean ends(Program agent) {
        String said = agent.output();
        return said.contains("connected to") || said.contains("already enrolled by another key");
    }

    private interface Question {
        boolean ask();
    }

    private static void awaitAll(Question question) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!question.ask()) {
            assertThat(System.nanoTime()).isLessThan(end);
            Thread.sleep(50);
        }
    }
}
