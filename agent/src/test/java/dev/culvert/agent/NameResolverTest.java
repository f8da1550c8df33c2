package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A name server that is silent for some names: who waits for it, and who does not. */
@NullUnmarked
final class NameResolverTest {
    private static final InetAddress HOST = InetAddress.getLoopbackAddress();

    private final EventLoopGroup loops = EventLoops.create(1, "test");
    private final EventLoop loop = loops.next();
    private final CountDownLatch silent = new CountDownLatch(1);
    private final Map<String, AtomicInteger> asked = new ConcurrentHashMap<>();
    private final BlockingQueue<String> started = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private final NameResolver resolver = new NameResolver(loop, this::lookup);

    private InetAddress[] lookup(String name) {
        asked.computeIfAbsent(name, n -> new AtomicInteger()).incrementAndGet();
        started.add(name);
        if (name.startsWith("slow")) {
            try {
                silent.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        return new InetAddress[] {HOST};
    }

    @AfterEach
    void stop() {
        silent.countDown();
        resolver.close();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }

    private NameResolver.Question resolve(String client, String name, int bytes) throws Exception {
        return loop.submit(() -> resolver.resolve(client, name, bytes, false, false, new NameResolver.Asker() {
                    @Override
                    public boolean found(InetAddress[] addresses) {
                        answers.add(client + " " + name);
                        return true;
                    }

                    @Override
                    public void refused(Reason why, String words) {
                        answers.add(client + " " + name + " " + why);
                    }
                }))
                .get(TestLan.PATIENCE, TimeUnit.SECONDS);
    }

    private String next(BlockingQueue<String> queue) throws Exception {
        return queue.poll(TestLan.PATIENCE, TimeUnit.SECONDS);
    }

    private long waiting() throws Exception {
        return loop.submit(resolver::waiting).get(TestLan.PATIENCE, TimeUnit.SECONDS);
    }

    @Test
    void slowNamesHoldUpNobodyElse() throws Exception {
        for (int i = 0; i < 500; i++) {
            assertThat(resolve("mallory", "slow" + i, 0)).isNotNull();
        }
        for (int i = 0; i < NameResolver.THREADS_PER_CLIENT; i++) {
            assertThat(next(started)).startsWith("slow");
        }
        assertThat(resolve("alice", "quick", 0)).isNotNull();
        assertThat(next(answers)).isEqualTo("alice quick");
        assertThat(asked).hasSize(NameResolver.THREADS_PER_CLIENT + 1);
    }

    /** As many clients as it takes to hold all threads but the last ones: another one still gets its first. */
    @Test
    void manyClientsWithSlowNames() throws Exception {
        int clients = (NameResolver.THREADS - NameResolver.THREADS_FOR_THE_FIRST) / NameResolver.THREADS_PER_CLIENT;
        for (int c = 0; c < clients; c++) {
            for (int i = 0; i < 10; i++) {
                resolve("mallory" + c, "slow" + c + "." + i, 0);
            }
        }
        for (int i = 0; i < clients * NameResolver.THREADS_PER_CLIENT; i++) {
            assertThat(next(started)).startsWith("slow");
        }
        resolve("alice", "quick", 0);
        assertThat(next(answers)).isEqualTo("alice quick");
    }

    /** All that is published comes by one client's name. */
    @Test
    void aPublishedNameThatIsSlowHoldsUpNoOtherAndAllOfThemNoClient() throws Exception {
        for (int i = 0; i < 20; i++) {
            assertThat(resolve(Taker.PUBLISHED, "slow", 0)).isNotNull();
        }
        for (int i = 1; i < NameResolver.THREADS_FOR_PUBLISHED - 1; i++) {
            resolve(Taker.PUBLISHED, "slow" + i, 0);
        }
        for (int i = 0; i < NameResolver.THREADS_FOR_PUBLISHED - 1; i++) {
            assertThat(next(started)).startsWith("slow");
        }
        resolve(Taker.PUBLISHED, "quick", 0);
        assertThat(next(answers)).isEqualTo("@published quick");
        resolve(Taker.PUBLISHED, "slow-last", 0);
        resolve(Taker.PUBLISHED, "later", 0);
        resolve("alice", "quick", 0);
        assertThat(next(answers)).isEqualTo("alice quick");
        assertThat(asked).doesNotContainKey("later").hasSize(NameResolver.THREADS_FOR_PUBLISHED + 1);
        int refused = 0;
        for (int i = 0; i < 30; i++) {
            refused += resolve(Taker.PUBLISHED, "slow", 100_000) == null ? 1 : 0;
        }
        assertThat(refused).isGreaterThan(15);
        assertThat(resolve(Taker.PUBLISHED, "slow1", 100_000)).isNotNull();
    }

    @Test
    void clientsTakeTurns() throws Exception {
        for (String client : List.of("a", "b")) {
            for (int i = 0; i < 6; i++) {
                resolve(client, "slow-" + client + i, 0);
            }
        }
        for (int i = 0; i < 8; i++) {
            next(started);
        }
        assertThat(started).isEmpty();
        silent.countDown();
        assertThat(List.of(next(started), next(started), next(started), next(started)))
                .containsExactlyInAnyOrder("slow-a4", "slow-a5", "slow-b4", "slow-b5");
    }

    @Test
    void flowsOfAClientShareALookUp() throws Exception {
        for (int i = 0; i < 5; i++) {
            resolve("alice", "slow", 0);
        }
        resolve("bob", "slow", 0);
        next(started);
        next(started);
        silent.countDown();
        for (int i = 0; i < 6; i++) {
            assertThat(next(answers)).endsWith(" slow");
        }
        assertThat(asked.get("slow")).hasValue(2); // one for each client
        assertThat(waiting()).isZero();
    }

    /** The finding: 3,000 flows with restrictions of 100 kB each waited until the heap was gone. */
    @Test
    void whatWaitsIsBoundedInBytes() throws Exception {
        int refused = 0;
        for (int i = 0; i < 3_000; i++) {
            refused += resolve("mallory", "slow" + i, 100_000) == null ? 1 : 0;
        }
        assertThat(refused).isGreaterThan(2_980);
        assertThat(waiting()).isBetween(1L, NameResolver.MAX_WAITING_PER_CLIENT);
        for (int c = 0; c < 30; c++) {
            for (int i = 0; i < 20; i++) {
                resolve("mallory" + c, "slow" + i, 100_000);
            }
        }
        assertThat(waiting()).isBetween(NameResolver.MAX_WAITING / 2, NameResolver.MAX_WAITING);
    }

    /** What nobody waits for any longer is not asked for, and keeps nothing. */
    @Test
    void givenUp() throws Exception {
        for (int i = 0; i < NameResolver.THREADS_PER_CLIENT; i++) {
            resolve("alice", "slow" + i, 0);
        }
        long before = waiting();
        NameResolver.Question question = resolve("alice", "quick", 0);
        loop.submit(question::giveUp).get(TestLan.PATIENCE, TimeUnit.SECONDS);
        loop.submit(question::giveUp).get(TestLan.PATIENCE, TimeUnit.SECONDS);
        assertThat(waiting()).isEqualTo(before);
        silent.countDown();
        for (int i = 0; i < NameResolver.THREADS_PER_CLIENT; i++) {
            assertThat(next(answers)).startsWith("alice slow");
        }
        assertThat(asked).doesNotContainKey("quick");
        assertThat(waiting()).isZero();
    }
}
