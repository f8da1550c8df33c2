package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.proxy.ProxyChoice;
import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Links that come, break and come again. */
@NullUnmarked
@Timeout(180)
class LinkKeeperTest {
    private final MultiThreadIoEventLoopGroup loop = EventLoops.create(1, "keeper-test");
    private final Events events = new Events();
    private LinkKeeper keeper;

    private static final class Events implements LinkKeeper.Listener {
        final BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        final List<Long> waits = new ArrayList<>();
        boolean goOn;

        @Override
        public void waiting(Throwable why, long retryMillis) {
            waits.add(retryMillis);
            seen.add("waiting: " + why.getMessage());
        }

        @Override
        public boolean refused(LinkRefusedException why) {
            seen.add("refused " + why.status());
            return goOn;
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.UNSUPPORTED, "");
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            seen.add("up");
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            seen.add("down: " + why);
        }

        String next() throws InterruptedException {
            return seen.poll(60, TimeUnit.SECONDS);
        }
    }

    private void start(URI uri) throws Exception {
        keeper = new LinkKeeper(loop.next(), new LinkConnector(uri, null, "t"), LinkSettings.DEFAULT, events);
        keeper.start();
    }

    @AfterEach
    void stop() {
        if (keeper != null) {
            keeper.stop("test over");
        }
        loop.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    @Test
    void aBrokenLinkIsMadeAgainAndStopEndsIt() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(new byte[0]))) {
            start(stub.uri());
            assertThat(events.next()).isEqualTo("up");
            stub.sockets.get(0).close();
            assertThat(events.next()).startsWith("down: ");
            assertThat(events.next()).startsWith("waiting: ");
            assertThat(events.waits.get(0)).isBetween(125L, 500L);
            assertThat(events.next()).isEqualTo("up");
            keeper.stop("going home");
            assertThat(events.next()).isEqualTo("down: going home");
            assertThat(events.seen.poll(1_500, TimeUnit.MILLISECONDS))
                    .as("stays down")
                    .isNull();
            assertThat(stub.sockets).hasSize(2);
        }
    }

    @Test
    void ofSeveralGatewaysTheNextIsTriedAtOnceAndKept() throws Exception {
        int closed;
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = s.getLocalPort();
        }
        try (GatewayStub refusing = new GatewayStub(null, GatewayStub.refusal("no"));
                GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(new byte[0]))) {
            List<URI> gateways = List.of(URI.create("ws://127.0.0.1:" + closed), refusing.uri(), stub.uri());
            keeper = new LinkKeeper(
                    loop.next(),
                    LinkConnector.all(gateways, null, "t", null, ProxyChoice.DIRECT),
                    LinkSettings.DEFAULT,
                    events);
            keeper.start();
            assertThat(events.next()).contains("connection refused");
            assertThat(events.next())
                    .as("not up to the listener while there are others")
                    .startsWith("waiting: ");
            assertThat(events.next()).isEqualTo("up");
            assertThat(events.waits).allMatch(wait -> wait <= 200);
            stub.sockets.get(0).close();
            assertThat(events.next()).startsWith("down: ");
            assertThat(events.next()).startsWith("waiting: ");
            assertThat(events.next()).as("the others first").contains("connection refused");
            assertThat(events.next()).startsWith("waiting: ");
            assertThat(events.next()).isEqualTo("up");
            assertThat(stub.sockets).hasSize(2);
        }
    }

    @Test
    void whenNoGatewayWorksThePausesGrow() throws Exception {
        try (GatewayStub refusing = new GatewayStub(null, GatewayStub.refusal("no"))) {
            keeper = new LinkKeeper(
                    loop.next(),
                    LinkConnector.all(List.of(refusing.uri(), refusing.uri()), null, "t", null, ProxyChoice.DIRECT),
                    LinkSettings.DEFAULT,
                    events);
            keeper.start();
            assertThat(events.next()).startsWith("waiting: ");
            assertThat(events.next()).as("all have refused").isEqualTo("refused 403");
        }
    }

    @Test
    void failuresAreRetriedLaterAndLater() throws Exception {
        int port;
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = s.getLocalPort();
        }
        start(URI.create("ws://127.0.0.1:" + port));
        for (int i = 0; i < 4; i++) {
            assertThat(events.next()).contains("connection refused");
            long most = Math.min(Backoff.BASE.toMillis() << i, Backoff.MAX.toMillis());
            assertThat(events.waits.get(i)).as("attempt %d", i).isBetween(most / 4, most);
        }
    }

    @Test
    void aRefusedTokenIsTheListenersToDecide() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.refusal("no"))) {
            start(stub.uri());
            assertThat(events.next()).isEqualTo("refused 403");
            assertThat(events.seen.poll(1, TimeUnit.SECONDS)).isNull();
            events.goOn = true;
            keeper.start();
            assertThat(events.next()).isEqualTo("refused 403");
            assertThat(events.next()).startsWith("waiting: ");
            assertThat(events.waits.get(0)).isBetween(30_000L, 60_000L);
        }
    }

    /** A proxy whose gateway is being started again, a wrong one of two gateways: nothing that ends anybody. */
    @Test
    void whatOneServerSaysIsNoRefusalWhileAnotherMayServe() throws Exception {
        try (GatewayStub proxy = new GatewayStub(
                        null,
                        GatewayStub.response(GatewayStub.page("404 Not Found", "text/plain", "404 page not found")));
                GatewayStub refusing = new GatewayStub(null, GatewayStub.refusal("your token was revoked"))) {
            keeper = new LinkKeeper(
                    loop.next(),
                    LinkConnector.all(List.of(proxy.uri(), refusing.uri()), null, "t", null, ProxyChoice.DIRECT),
                    LinkSettings.DEFAULT,
                    events);
            keeper.start();
            for (int i = 0; i < 6; i++) {
                assertThat(events.next()).startsWith("waiting: ").contains(i % 2 == 0 ? "HTTP 404" : "was revoked");
            }
            assertThat(events.waits.get(1)).isBetween(125L, 500L);
            assertThat(events.waits.get(5)).isBetween(500L, 2_000L);
        }
    }

    @Test
    void aGatewayInTroubleIsTriedAgain() throws Exception {
        try (GatewayStub stub =
                new GatewayStub(null, GatewayStub.response(GatewayStub.page("503 Busy", "text/plain", "later")))) {
            start(stub.uri());
            assertThat(events.next()).startsWith("waiting: ").contains("refused: later");
            assertThat(events.next()).startsWith("waiting: ");
        }
    }

    /** The gateway cuts a link whose token was revoked: the next try is as late as after a refusal. */
    @Test
    void aTokenThatEndsIsTriedAgainSlowly() throws Exception {
        byte[] why = "your token was revoked".getBytes(StandardCharsets.US_ASCII);
        ByteBuffer close = ByteBuffer.allocate(4 + why.length)
                .put((byte) 0x88)
                .put((byte) (2 + why.length))
                .putShort((short) Link.CLOSE_TOKEN_ENDED)
                .put(why);
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(close.array()))) {
            start(stub.uri());
            assertThat(events.next()).isEqualTo("up");
            assertThat(events.next()).isEqualTo("down: your token was revoked");
            assertThat(events.next()).isEqualTo("waiting: your token was revoked");
            assertThat(events.waits.get(0)).isBetween(30_000L, 60_000L);
        }
    }

    /** Another gateway than the token's: a hotel's log-in page was in between, perhaps, or it will be so for good. */
    @Test
    void anotherGatewayIsTriedAgainLaterAndLater() throws Exception {
        KeyPair ca = GatewayStub.key();
        KeyPair key = GatewayStub.key();
        GatewayStub.Identity identity = new GatewayStub.Identity(
                key,
                GatewayStub.certificate("gw", key, "ca", ca, false, Duration.ofDays(1)),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(1)));
        try (GatewayStub stub = new GatewayStub(identity, GatewayStub.upgrade(new byte[0]))) {
            byte[] pin = GatewayStub.pin(GatewayStub.key());
            keeper = new LinkKeeper(loop.next(), new LinkConnector(stub.uri(), pin, "t"), LinkSettings.DEFAULT, events);
            keeper.start();
            for (int i = 0; i < 3; i++) {
                assertThat(events.next()).startsWith("waiting: ").contains("not the gateway of the token");
            }
            assertThat(events.waits.get(0)).isBetween(125L, 500L);
            assertThat(events.waits.get(2)).isBetween(500L, 2_000L);
        }
    }
}
