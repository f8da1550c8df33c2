package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.fabric.TestFabric;
import dev.culvert.store.FileStore;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.state.Enrolments;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Wrong tokens cost those who bring them. */
@NullUnmarked
final class AttemptLimiterTest {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    @TempDir
    Path dir;

    private final AtomicLong time = new AtomicLong(Long.MAX_VALUE - 100); // nanoTime may overflow
    private final AttemptLimiter limiter = new AttemptLimiter(time::get);
    private final InetAddress bad = address(1);
    private final InetAddress other = address(2);

    private static InetAddress address(int n) {
        try {
            return InetAddress.getByAddress(
                    ByteBuffer.allocate(4).putInt(0x0a00_0000 + n).array());
        } catch (java.net.UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    private void fail(InetAddress from, int times) {
        for (int i = 0; i < times; i++) {
            limiter.failed(from, "wrong" + i);
        }
    }

    @Test
    void whoComesByAProxyIsNotRefusedForOthers() throws Exception {
        InetAddress proxy = InetAddress.getByName("192.0.2.1");
        AttemptLimiter behind = new AttemptLimiter(time::get, proxy::equals);
        for (int i = 0; i < 10 * AttemptLimiter.REFUSE; i++) {
            assertThat(behind.admits(proxy, "wrong")).isTrue();
            assertThat(behind.failed(proxy, "wrong").delayMillis()).isZero();
        }
        assertThat(behind.failed(proxy, "wrong").report())
                .as("the log is bounded as ever")
                .isFalse();
    }

    @Test
    void wrongTokensAreFreeThenSlowThenRefused() {
        for (int i = 0; i < AttemptLimiter.FREE; i++) {
            assertThat(limiter.admits(bad, "x")).isTrue();
            assertThat(limiter.failed(bad, "x")).isEqualTo(new AttemptLimiter.Failure(true, 0, 0));
        }
        for (int i = AttemptLimiter.FREE; i < AttemptLimiter.REFUSE; i++) {
            assertThat(limiter.admits(bad, "x")).isTrue();
            assertThat(limiter.failed(bad, "x"))
                    .isEqualTo(new AttemptLimiter.Failure(false, 0, AttemptLimiter.DELAY_MILLIS));
        }
        int looks = 0;
        for (int i = 0; i < 10_000; i++) {
            looks += limiter.admits(bad, "x") ? 1 : 0;
        }
        assertThat(looks).isEqualTo(AttemptLimiter.LOOKS_PER_SECOND);
        assertThat(limiter.admits(other, "x")).isTrue();
        assertThat(limiter.failed(other, "x").delayMillis()).isZero();
    }

    @Test
    void someAreLookedAtAllTheSame() {
        fail(bad, 1_000);
        int looks = 0;
        for (int tenth = 0; tenth < 100; tenth++) {
            for (int i = 0; i < 50; i++) {
                if (limiter.admits(bad, "x")) {
                    looks++;
                    limiter.failed(bad, "x");
                }
            }
            time.addAndGet(SECOND / 10);
        }
        int forgiven = 10; // one a second
        assertThat(looks)
                .isBetween(10 * AttemptLimiter.LOOKS_PER_SECOND, 11 * AttemptLimiter.LOOKS_PER_SECOND + forgiven);
    }

    @Test
    void itIsForgivenSoonAndTheRestIsTold() {
        fail(bad, 100_000);
        for (int i = 0; i < 100; i++) {
            limiter.admits(bad, "x"); // takes the looks
        }
        assertThat(limiter.admits(bad, "x")).isFalse();
        time.addAndGet(31 * SECOND);
        assertThat(limiter.admits(bad, "x")).isTrue();
        time.addAndGet(200 * SECOND);
        AttemptLimiter.Failure next = limiter.failed(bad, "x");
        assertThat(next.report()).isTrue();
        assertThat(next.unreported()).isEqualTo(100_000 - AttemptLimiter.FREE + 81);
        assertThat(limiter.failed(bad, "x").unreported()).isZero();
    }

    /** Whoever shares the attacker's address, and was here before, notices nothing. */
    @Test
    void goodTokensAreRemembered() {
        limiter.succeeded(bad, "good");
        fail(bad, 1_000);
        while (limiter.admits(bad, "x")) {}
        assertThat(limiter.admits(bad, "good")).isTrue();
        limiter.failed(bad, "good"); // it was revoked
        assertThat(limiter.admits(bad, "good")).isFalse();
    }

    /** A thief has a copy of a token that is good elsewhere: it opens no more doors than a wrong one. */
    @Test
    void aTokenThatIsGoodElsewhereIsNewHere() {
        limiter.succeeded(other, "good");
        fail(bad, 1_000);
        while (limiter.admits(bad, "x")) {}
        assertThat(limiter.admits(bad, "good")).isFalse();
        assertThat(limiter.admits(other, "good")).isTrue();
    }

    /** Challenges that are left alone cost what wrong tokens do, and the holder, elsewhere, nothing. */
    @Test
    void challengesWithoutAProofCountAsFailures() {
        limiter.succeeded(other, "copied");
        for (int i = 0; i < AttemptLimiter.REFUSE; i++) {
            assertThat(limiter.admits(bad, "copied")).isTrue();
            limiter.unproven(bad);
        }
        while (limiter.admits(bad, "copied")) {}
        assertThat(limiter.admits(other, "copied")).isTrue();
    }

    /** Who has a /48 has 65,536 networks that would be free 30 times each. */
    @Test
    void aWideNetworkOfManyNarrowOnesIsRefusedToo() throws Exception {
        int admitted = 0;
        for (int i = 0; i < 10_000; i++) {
            InetAddress from = InetAddress.getByName("2001:db8:1:" + Integer.toHexString(i) + "::1");
            if (limiter.admits(from, "x")) {
                admitted++;
                limiter.failed(from, "x");
            }
        }
        assertThat(admitted).isLessThanOrEqualTo(16 * (AttemptLimiter.REFUSE + AttemptLimiter.LOOKS_PER_SECOND));
        assertThat(limiter.admits(InetAddress.getByName("2001:db8:2::1"), "x")).isTrue();
    }

    @Test
    void aMillionAddressesTakeAsMuchRoomAsAFew() {
        for (int i = 0; i < 1_000_000; i++) {
            limiter.failed(address(i), "x");
            if (i % 100 == 0) {
                limiter.failed(bad, "x"); // seen often, so it is not the one that is forgotten
                limiter.succeeded(bad, "good" + i);
            }
        }
        assertThat(limiter.networkCount()).isEqualTo(AttemptLimiter.MAX_NETWORKS);
        assertThat(limiter.failed(bad, "x").delayMillis()).isPositive();
    }

    /** Ten thousand wrong tokens from one address, while others, and one beside the attacker, connect. */
    @Test
    void aFloodOfWrongTokensHurtsNobodyElse() throws Exception {
        StateDirectory state = StateDirectory.openOrCreate(dir);
        state.setGatewayUrls(List.of(TestNetwork.NAME));
        EventLoopGroup loops = EventLoops.create(2, "flooded");
        ExecutorService verifying = Executors.newSingleThreadExecutor();
        ExecutorService attackers = Executors.newFixedThreadPool(64);
        TestFabric fabric = new TestFabric();
        // Five hundred attempts a second, however fast the machine is.
        AtomicLong time = new AtomicLong();
        Runnable attempted = () -> time.addAndGet(TimeUnit.MILLISECONDS.toNanos(2));
        AttemptLimiter real = new AttemptLimiter(time::get);
        LinkGate.Shared shared = new LinkGate.Shared(
                new Authenticator(
                        state.verifier(),
                        state.revocations(),
                        Enrolments.open(new FileStore(dir), Clock.systemUTC()),
                        fabric.services),
                real,
                verifying,
                fabric.services,
                fabric.links,
                fabric.fabric,
                new ReadShares(),
                loops,
                LinkSettings.DEFAULT);
        try {
            Channel server = new ServerBootstrap()
                    .group(loops)
                    .channel(EventLoops.serverSocketChannel())
                    .childHandler(new GatewayChannel(
                            null,
                            new OwnNames(List.of()),
                            shared,
                            new Arrivals(
                                    ProxiesInFront.NONE,
                                    new Strangers(System::nanoTime, true),
                                    fabric.services.counters()),
                            new StrangerTurns.Loops(System::nanoTime),
                            null))
                    .bind("127.0.0.1", 0)
                    .sync()
                    .channel();
            int port = ((InetSocketAddress) server.localAddress()).getPort();
            URI uri = URI.create("ws://127.0.0.1:" + port);
            String good = token(state, uri, "laptop");
            String cut = good.substring(0, good.length() - 20) + "AAAAAAAAAAAAAAAAAAAA";
            Map<Integer, AtomicInteger> answers = new ConcurrentHashMap<>();
            int attempts = 10_000;
            for (int i = 0; i < attempts; i++) {
                attackers.execute(() -> {
                    attempted.run();
                    answers.computeIfAbsent(attempt(port, "127.0.0.9", cut), s -> new AtomicInteger())
                            .incrementAndGet();
                });
            }
            int connected = 0;
            while (answers.values().stream().mapToInt(AtomicInteger::get).sum() < attempts / 2) {
                Future<Link> link = new LinkConnector(uri, null, token(state, uri, "c" + connected))
                        .connect(loops.next(), LinkSettings.DEFAULT, new TestNetwork.Raw());
                assertThat(link.await(TestNetwork.PATIENCE, TimeUnit.SECONDS)).isTrue();
                assertThat(link.cause()).isNull();
                connected++;
            }
            assertThat(connected).isPositive();
            // Beside the attacker, with a token that is new here: among those that are looked at, sooner or later.
            int tries = 1;
            while (attempt(port, "127.0.0.9", good) != 101) {
                assertThat(tries++).isLessThan(20_000);
                attempted.run();
            }
            // From now on it is known: always at once.
            for (int i = 0; i < 20; i++) {
                assertThat(attempt(port, "127.0.0.9", good)).isEqualTo(101);
            }
            attackers.shutdown();
            assertThat(attackers.awaitTermination(2, TimeUnit.MINUTES)).isTrue();
            assertThat(answers.keySet()).isSubsetOf(404, 429);
            assertThat(answers.get(429).get()).isGreaterThan(attempts / 2);
        } finally {
            attackers.shutdownNow();
            loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
            verifying.shutdownNow();
        }
    }

    private static String token(StateDirectory state, URI uri, String name) throws Exception {
        Instant now = Instant.now();
        return state.signer()
                .sign(ClientToken.of(
                        TokenTerms.of(name, List.of(uri), null, now, now.plusSeconds(600))
                                .withAudience(List.of(TestNetwork.NAME)),
                        List.of(Grant.parse("*:10.0.0.0/8"))));
    }

    /** The status of one upgrade. */
    private static int attempt(int port, String from, String token) {
        try (Socket socket = new Socket()) {
            socket.bind(new InetSocketAddress(from, 0));
            socket.setSoTimeout(30_000);
            socket.connect(new InetSocketAddress("127.0.0.1", port));
            String request = "GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                    + "Sec-WebSocket-Protocol: culvert.1\r\nAuthorization: Bearer " + token + "\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            byte[] head = socket.getInputStream().readNBytes(12);
            return head.length < 12 ? -1 : Integer.parseInt(new String(head, 9, 3, StandardCharsets.US_ASCII));
        } catch (java.io.IOException e) {
            return -2;
        }
    }
}
