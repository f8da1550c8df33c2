package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Two gateways on the lab's gateway machine, at ports of their own, with a directory each: what they share is on a store, or they
 * have copies of it.
 */
final class TwoGateways {
    /** A Redis on the same machine. */
    static final String REDIS = "redis://127.0.0.1:6379/0";

    /** The exit code that says that the store is away. */
    static final int AWAY = 7;

    /** Programs that load a store's client too, several of them at once, on a machine that others use. */
    static final Duration PATIENCE = Duration.ofMinutes(3);

    private static final int[] PORTS = {Lab.PORT, Lab.PORT + 1};

    private final Lab lab;
    private final List<String> store;
    private final Program[] running = new Program[2];

    /** @param store null for copies */
    TwoGateways(Lab lab, @Nullable String store) {
        this.lab = lab;
        this.store = store == null ? List.of() : List.of("--store", store);
    }

    static Program startRedis(Lab lab) throws Exception {
        Program redis = lab.start(
                lab.gateway, "redis", "redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no");
        redis.awaitOutput("Ready to accept connections", PATIENCE);
        return redis;
    }

    Path state(int which) {
        return lab.directory().resolve("gateway-" + which);
    }

    static String urls(String host) {
        return urls(host, host);
    }

    static String urls(String one, String other) {
        return "wss://" + one + ":" + PORTS[0] + ",wss://" + other + ":" + PORTS[1];
    }

    /** Runs a command of the token program at the first one. */
    Outcome token(String command, String... arguments) throws Exception {
        return run(List.of(lab.script("token"), command), arguments);
    }

    private Outcome run(List<String> program, String... arguments) throws Exception {
        List<String> line = new ArrayList<>(program);
        line.addAll(store);
        line.addAll(List.of("--state", state(0).toString()));
        line.addAll(List.of(arguments));
        return lab.run(lab.gateway, PATIENCE, line.toArray(String[]::new));
    }

    /** Does it; a machine that froze may have taken the store to be away, of which nothing comes. */
    void done(String command, String... arguments) throws Exception {
        isDone("token " + command, () -> token(command, arguments));
    }

    private static void isDone(String what, Callable<Outcome> command) {
        Outcome outcome = await(what).atMost(PATIENCE).until(command, said -> said.exit() != AWAY);
        assertThat(outcome.exit()).as(outcome.output()).isZero();
    }

    /** Pushes a policy at the first one. */
    void push(String policy) throws Exception {
        Path file = Files.writeString(lab.directory().resolve("pushed.yaml"), policy);
        isDone("policy push", () -> run(List.of(lab.script("gateway"), "policy", "push"), file.toString()));
    }

    /** Makes a token of the office's LAN, or of a client; {@code more} are further options. */
    Path holder(String kind, String name, String... more) throws Exception {
        Path file = lab.directory().resolve(name + ".token");
        List<String> arguments = new ArrayList<>(List.of("--name", name, "--out", file.toString()));
        arguments.addAll(List.of(more));
        done(kind, arguments.toArray(String[]::new));
        return file;
    }

    /** Gives the second one what it needs of the first: all, or what opens the store. */
    void share() throws Exception {
        if (store.isEmpty()) {
            Lab.must("cp", "-a", state(0).toString(), state(1).toString());
            return;
        }
        Files.createDirectory(state(1));
        Lab.must("cp", "-p", state(0).resolve("cluster.key").toString(), state(1).toString());
        Lab.must("chmod", "700", state(1).toString());
    }

    /** Starts one, again perhaps. */
    Program start(int which, String... more) throws Exception {
        List<String> line = new ArrayList<>(List.of(lab.script("gateway")));
        line.addAll(store);
        line.addAll(List.of("--state", state(which).toString(), "--listen", ":" + PORTS[which]));
        line.addAll(List.of(more));
        running[which] = lab.start(lab.gateway, "gateway-" + which, line.toArray(String[]::new));
        running[which].awaitOutput("listening on", PATIENCE);
        return running[which];
    }

    /** The one that runs, or ran last. */
    Program get(int which) {
        return running[which];
    }

    /** Until so many agents of the office have links to each. */
    void awaitAttached(int agents) {
        String links = "ss -Htn state established | awk '{ sub(/.*:/, \"\", $4); n[$4]++ }"
                + " END { if (n[" + PORTS[0] + "] >= " + agents + " && n[" + PORTS[1] + "] >= " + agents
                + ") print \"all\" }'";
        await("links of " + agents + " agents to each gateway")
                .atMost(PATIENCE)
                .until(() -> lab.shell(lab.office, Lab.COMMAND, links).strip().equals("all"));
    }

    /** Which of them the client is attached to. */
    int ofClient() throws Exception {
        String port = lab.shell(
                        lab.client,
                        Lab.COMMAND,
                        "ss -Htn state established | awk '{print $4}' | grep -oE '(" + PORTS[0] + "|" + PORTS[1]
                                + ")$' | head -1")
                .strip();
        return Integer.parseInt(port) - PORTS[0];
    }

    /** What comes for one of them vanishes, without any error, until it is {@linkplain #heal healed}. */
    void silence(int which) throws Exception {
        lab.shell(
                lab.gateway,
                Lab.COMMAND,
                "nft add table inet hole"
                        + " && nft 'add chain inet hole in { type filter hook input priority 0; }'"
                        + " && nft add rule inet hole in tcp dport " + PORTS[which] + " drop");
    }

    void heal() throws Exception {
        lab.shell(lab.gateway, Lab.COMMAND, "nft delete table inet hole");
    }
}
