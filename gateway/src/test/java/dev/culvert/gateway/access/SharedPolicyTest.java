package dev.culvert.gateway.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.cluster.TestCluster;
import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The policy of gateways that share a store: who may change it, and what each of them makes of it. */
@NullUnmarked
final class SharedPolicyTest {
    private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");
    private static final Document POLICY = new Document("policy.yaml", false, 1 << 20);
    private static final String OPEN = "grants: [{who: laptop, agents: office, to: 10.0.0.0/24}]\n";
    private static final String SHUT = "grants: []\n";

    @TempDir
    Path dir;

    private TestCluster cluster;
    private Store store;
    private SharedPolicy policy;

    @BeforeEach
    void store() throws Exception {
        cluster = new TestCluster(dir.resolve("store"));
        store = cluster.store();
        policy = new SharedPolicy(store);
    }

    @Test
    void eachThatIsPushedHasTheNextNumber() throws Exception {
        assertThat(policy.read()).isNull();
        assertThat(policy.stamp()).isNull();
        SharedPolicy.Pushed first = policy.push(SHUT, 0, "ann\u001b\n", NOW);
        assertThat(first.version()).isOne();
        assertThat(first.text())
                .isEqualTo("# culvert policy version 1, pushed 2026-11-30T12:00:00Z by ann\\u001b\\u000a\n" + SHUT);
        assertThat(policy.read()).isEqualTo(first);
        assertThat(policy.push(SHUT, 1, "bob", NOW)).as("it says so already").isEqualTo(first);
        assertThat(policy.push(SHUT, 0, "ann", NOW))
                .as("again, for the answer was lost")
                .isEqualTo(first);
        SharedPolicy.Pushed second = policy.push(first.text() + "# more\n", 1, "bob", NOW);
        assertThat(second.version()).isEqualTo(2);
        assertThat(second.text()).endsWith("bob\n" + SHUT + "# more\n").containsOnlyOnce("culvert policy version");
        assertThat(SharedPolicy.versionOf(second.text())).isEqualTo(2);
        assertThat(SharedPolicy.versionOf(SHUT)).isNull();
    }

    @Test
    void whatWasMadeOfAnotherVersionIsRefused() throws Exception {
        policy.push(SHUT, 0, "ann", NOW);
        assertThatThrownBy(() -> policy.push(OPEN, 0, "bob", NOW))
                .isInstanceOf(SharedPolicy.ChangedException.class)
                .hasMessageContaining("is version 1 now, and what was pushed was made of none: gateway policy pull");
        policy.push(OPEN, 1, "bob", NOW);
        assertThatThrownBy(() -> policy.push(SHUT, 1, "ann", NOW))
                .hasMessageContaining("is version 2 now, and what was pushed was made of version 1:");
        assertThat(policy.read().text()).endsWith(OPEN);
    }

    @Test
    void ofThoseThatPushAtOnceOneWins() throws Exception {
        ExecutorService people = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Long>> pushes = List.of(pushing(1), pushing(2), pushing(3), pushing(4));
            long sum = 0;
            for (Future<Long> pushed : people.invokeAll(pushes)) {
                sum += pushed.get();
            }
            assertThat(sum).as("one has version 1, and the others none").isOne();
        } finally {
            people.shutdown();
        }
    }

    private Callable<Long> pushing(int who) {
        SharedPolicy theirs = new SharedPolicy(cluster.store());
        return () -> {
            try {
                return theirs.push("grants: [] # " + who, 0, "p" + who, NOW).version();
            } catch (SharedPolicy.ChangedException e) {
                return 0L;
            }
        };
    }

    @Test
    void aGatewayTakesWhatIsInOrderAndKeepsTheOldOneElse() throws Exception {
        PolicyInForce inForce = new PolicyInForce(SensitiveAddresses.with(List.of()));
        try (PolicyKeeper keeper = new PolicyKeeper(policy, inForce, AuditLog.none(), Clock.systemUTC())) {
            keeper.start(false);
            assertThat(keeper.status().grants())
                    .as("the tokens' grants alone decide")
                    .isNull();
            SharedPolicy.Pushed pushed = policy.push(OPEN, 0, "ann", NOW);
            keeper.tick();
            assertThat(keeper.status().version()).isOne();
            assertThat(keeper.status().grants()).isOne();
            assertThat(keeper.status().sha256()).isEqualTo(pushed.sha256());
            assertThat(keeper.status().file()).isEqualTo(store.where(POLICY));

            store.put(POLICY, "# culvert policy version 2, by nobody\ngrants: [{who: nobody}]\n");
            keeper.tick();
            assertThat(keeper.status().version()).isOne();
            assertThat(keeper.status().error()).startsWith(store.where(POLICY) + ":2:");
            store.put(POLICY, "grants: []\n"); // copied there
            keeper.tick();
            assertThat(keeper.status().version()).isZero();
            assertThat(keeper.status().error()).isNull();
            store.put(POLICY, pushed.text());
            policy.push(SHUT, 1, "ann", NOW);
            keeper.tick();
            assertThat(keeper.status().version()).isEqualTo(2);
            assertThat(keeper.status().grants()).isZero();
            assertThat(keeper.status().error()).isNull();

            cluster.away(true);
            keeper.tick();
            assertThat(keeper.status().version()).isEqualTo(2);
            assertThat(keeper.status().error()).isEqualTo("the store is away");
            cluster.away(false);
            policy.push(OPEN, 2, "ann", NOW);
            keeper.tick();
            assertThat(keeper.status().version()).isEqualTo(3);
        }
    }

    @Test
    void oneThatWasCopiedFromADirectoryIsTheOneBeforeTheFirst() throws Exception {
        store.put(POLICY, SHUT);
        assertThat(policy.read()).isEqualTo(new SharedPolicy.Pushed(0, SHUT));
        assertThat(policy.push(SHUT, 0, "ann", NOW).version())
                .as("it says so already")
                .isZero();
        assertThat(policy.push(OPEN, 0, "ann", NOW).version()).isOne();
    }

    @Test
    void oneThatNobodyCanReadIsReplacedByAVersionAboveAll() throws Exception {
        policy.push(SHUT, 0, "ann", NOW);
        SharedPolicy.Pushed second = policy.push(OPEN, 1, "ann", NOW);
        cluster.forge("policy.yaml");
        assertThatThrownBy(() -> policy.push(SHUT, 2, "ann", NOW)).hasMessageContaining("a stranger wrote it");
        SharedPolicy.Pushed third = policy.replace(second.text() + "# mended\n", "ann", NOW);
        assertThat(third.version()).isGreaterThan(2).isEqualTo(NOW.getEpochSecond());
        assertThat(policy.read()).isEqualTo(third);
        assertThat(third.text()).endsWith("by ann\n" + OPEN + "# mended\n");
        assertThatThrownBy(() -> policy.push(SHUT, 2, "bob", NOW))
                .as("made of what there was before")
                .isInstanceOf(SharedPolicy.ChangedException.class);
        assertThat(policy.push(SHUT, third.version(), "ann", NOW).version()).isEqualTo(third.version() + 1);
    }

    @Test
    void aFileBesideTheStoreIsAnErrorThatSaysWhatToDo() throws Exception {
        Path state = Files.createDirectory(dir.resolve("state"));
        Path local = state.resolve("policy.yaml");
        assertThat(SharedPolicy.choose(null, state, store).where()).isEqualTo(store.where(POLICY));
        assertThat(SharedPolicy.choose(null, state, null).where()).isEqualTo(local.toString());
        assertThatThrownBy(() -> SharedPolicy.choose(dir.resolve("p.yaml"), state, store))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("gateway policy push " + dir.resolve("p.yaml"));
        Files.writeString(local, SHUT);
        assertThat(SharedPolicy.choose(null, state, null).where()).isEqualTo(local.toString());
        assertThatThrownBy(() -> {
                    try (TestNetwork net = new TestNetwork(state, own -> store, URI.create("wss://one.test"))) {
                        assertThat(net).isNull();
                    }
                })
                .isInstanceOf(StateException.class)
                .hasMessageContaining(local + " is not read")
                .hasMessageContaining(
                        "gateway policy push " + local + " (with the same --store), and then move the file away");
    }
}
