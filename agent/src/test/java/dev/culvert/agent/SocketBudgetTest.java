package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.agent.SocketBudget.Kind;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Who gets the sockets of an agent that has few. */
@NullUnmarked
final class SocketBudgetTest {
    private static final long PLENTY = 1L << 30;

    private final List<String> closed = new ArrayList<>();
    private long now;

    /** An idle socket; the later it is made, the later it was used. */
    private boolean open(SocketBudget budget, String client, Kind kind) {
        return open(budget, Taker.of(client, "it"), kind);
    }

    private boolean open(SocketBudget budget, Taker client, Kind kind) {
        if (!budget.take(client, kind)) {
            return false;
        }
        long used = now++;
        budget.opened(client, kind, new SocketBudget.Idle() {
            @Override
            public long lastUsedNanos() {
                return used;
            }

            @Override
            public void makeRoom() {
                closed.add(client + " " + used);
                budget.closed(client, kind, this);
                budget.give(client, kind);
            }
        });
        return true;
    }

    @Test
    void theLongestIdleOfTheLargestClientMakesRoom() {
        SocketBudget budget = new SocketBudget(20, PLENTY);
        for (int i = 0; i < 10; i++) {
            assertThat(open(budget, "large", Kind.UDP)).isTrue();
        }
        for (int i = 0; i < 5; i++) {
            assertThat(open(budget, "small", Kind.UDP)).isTrue();
            assertThat(open(budget, "third", Kind.PING)).isTrue();
        }
        assertThat(closed).isEmpty();
        assertThat(open(budget, "small", Kind.UDP)).isTrue();
        assertThat(budget.take(Taker.of("third", "it"), Kind.TCP)).isTrue();
        assertThat(open(budget, "fourth", Kind.PING)).isTrue();
        assertThat(closed).containsExactly("large 0", "large 1", "large 2");
    }

    /** Half of all is one client's; beyond that only its own sockets make room. */
    @Test
    void oneClientHasHalf() {
        SocketBudget budget = new SocketBudget(20, PLENTY);
        open(budget, "other", Kind.UDP);
        for (int i = 0; i < 10; i++) {
            open(budget, "greedy", Kind.UDP);
        }
        assertThat(open(budget, "greedy", Kind.PING)).isTrue();
        assertThat(closed).containsExactly("greedy 1");
        assertThat(budget.take(Taker.of("greedy", "it"), Kind.TCP)).isTrue();
        assertThat(closed).containsExactly("greedy 1", "greedy 2");
    }

    /** TCP connections are not ended, and a client that has many of them does not push out one that has few sockets. */
    @Test
    void connectionsMakeNoRoom() {
        SocketBudget budget = new SocketBudget(8, PLENTY);
        for (String client : List.of("a", "b")) {
            for (int i = 0; i < 3; i++) {
                assertThat(budget.take(Taker.of(client, "it"), Kind.TCP)).isTrue();
            }
        }
        open(budget, "small", Kind.UDP);
        open(budget, "small", Kind.UDP);
        assertThat(budget.take(Taker.of("a", "it"), Kind.TCP)).isFalse();
        assertThat(closed).isEmpty();
        budget.give(Taker.of("a", "it"), Kind.TCP);
        assertThat(budget.take(Taker.of("a", "it"), Kind.TCP)).isTrue();
    }

    private static Taker published(String target) {
        return Taker.of(Taker.PUBLISHED, target);
    }

    /** All that is published comes by one name: a target with many connections leaves the others room, and clients their half. */
    @Test
    void aPublishedTargetLeavesOthersRoom() {
        SocketBudget budget = new SocketBudget(80, PLENTY);
        assertThat(taken(budget, published("noisy"))).isEqualTo(30);
        assertThat(taken(budget, published("other"))).isEqualTo(7);
        assertThat(budget.take(published("third"), Kind.TCP)).isTrue();
        assertThat(taken(budget, Taker.of("laptop", "it"))).isEqualTo(40);
        budget.give(published("noisy"), Kind.TCP);
        assertThat(budget.take(published("noisy"), Kind.TCP)).isFalse();
        assertThat(budget.take(published("third"), Kind.TCP)).isTrue();
    }

    private static int taken(SocketBudget budget, Taker taker) {
        int taken = 0;
        while (budget.take(taker, Kind.TCP)) {
            taken++;
        }
        return taken;
    }

    /** Where there is no room the target with most idle sockets gives way; who has most himself gives his own. */
    @Test
    void theLargestPublishedTargetMakesRoom() {
        SocketBudget budget = new SocketBudget(16, PLENTY);
        for (int i = 0; i < 6; i++) {
            assertThat(open(budget, published("noisy"), Kind.UDP)).isTrue();
        }
        assertThat(open(budget, published("noisy"), Kind.UDP)).isTrue();
        assertThat(closed).containsExactly("@published noisy 0");
        for (int i = 0; i < 3; i++) {
            assertThat(open(budget, published("other"), Kind.UDP)).isTrue();
        }
        assertThat(closed).containsExactly("@published noisy 0", "@published noisy 1", "@published noisy 2");
        assertThat(open(budget, "laptop", Kind.UDP)).isTrue();
        assertThat(closed).hasSize(3);
    }

    @Test
    void pingsOfOneClient() {
        SocketBudget budget = new SocketBudget(100_000, PLENTY);
        for (int i = 0; i < SocketBudget.MAX_PINGS_PER_CLIENT; i++) {
            assertThat(open(budget, "sweep", Kind.PING)).isTrue();
        }
        assertThat(open(budget, "other", Kind.PING)).isTrue();
        assertThat(closed).isEmpty();
        assertThat(open(budget, "sweep", Kind.PING)).isTrue();
        assertThat(closed).containsExactly("sweep 0");
        assertThat(budget.count(Kind.PING)).isEqualTo(SocketBudget.MAX_PINGS_PER_CLIENT + 1);
    }

    /** Memory is a bound like descriptors. */
    @Test
    void memory() {
        SocketBudget budget = new SocketBudget(100_000, 20L * Kind.TCP.bytes);
        int taken = 0;
        while (budget.take(Taker.of("a", "it"), Kind.TCP)) {
            taken++;
        }
        assertThat(taken).isEqualTo(10);
        while (budget.take(Taker.of("b", "it"), Kind.TCP)) {
            taken++;
        }
        assertThat(taken).isEqualTo(20);
        assertThat(budget.take(Taker.of("c", "it"), Kind.TCP)).isFalse();
    }

    @Test
    void limitOfTheSystem() {
        String text = """
                Limit                     Soft Limit           Hard Limit           Units
                Max processes             30446                30446                processes
                Max open files            256                  4096                 files
                """;
        assertThat(Descriptors.limit(text)).isEqualTo(256);
        assertThat(Descriptors.limit(text.replace("256 ", "unlimited"))).isGreaterThan(1_000_000);
        assertThat(Descriptors.limit("")).isPositive();
        assertThat(Descriptors.limit()).isPositive();
        assertThat(Descriptors.forFlows()).isBetween(Descriptors.LEAST, Integer.MAX_VALUE);
    }
}
