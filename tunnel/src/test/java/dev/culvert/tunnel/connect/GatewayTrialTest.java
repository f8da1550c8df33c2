package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.proxy.Proxy;
import dev.culvert.address.proxy.ProxyChoice;
import dev.culvert.tunnel.fixture.GatewayStub;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where a trial of a gateway ends, and what it says then. */
@NullUnmarked
@Timeout(180)
final class GatewayTrialTest {
    private final List<String> steps = new ArrayList<>();

    private void trial(URI gateway, byte[] pin, ProxyChoice proxies, Clock clock) throws Exception {
        LinkConnector connector = LinkConnector.all(List.of(gateway), pin, "the.token", null, proxies)
                .get(0);
        new GatewayTrial(
                        connector,
                        pin,
                        (step, outcome, what, cure) -> {
                            assertThat(cure.isEmpty()).as(what).isEqualTo(outcome != GatewayTrial.Outcome.BAD);
                            steps.add(outcome + " " + step + ": " + what);
                        },
                        clock)
                .run();
    }

    private void trial(URI gateway, byte[] pin) throws Exception {
        trial(gateway, pin, ProxyChoice.DIRECT, Clock.systemUTC());
    }

    private static GatewayStub.Identity identity(KeyPair ca) throws Exception {
        KeyPair key = GatewayStub.key();
        return new GatewayStub.Identity(
                key,
                GatewayStub.certificate("gateway", key, "ca", ca, false, Duration.ofDays(1)),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(1)));
    }

    private static int closedPort() throws Exception {
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return s.getLocalPort();
        }
    }

    @Test
    void nobodyIsThere() throws Exception {
        int port = closedPort();
        trial(URI.create("wss://127.0.0.1:" + port), null);
        assertThat(steps).containsExactly("BAD IPv4: 127.0.0.1:" + port + ": connection refused");
    }

    @Test
    void aNameThatNobodyKnows() throws Exception {
        trial(URI.create("wss://no-such-name.invalid"), null);
        assertThat(steps).containsExactly("BAD name: no-such-name.invalid cannot be resolved");
    }

    @Test
    void anotherGateway() throws Exception {
        try (GatewayStub stub = new GatewayStub(identity(GatewayStub.key()), GatewayStub.upgrade(new byte[0]))) {
            trial(stub.uri(), GatewayStub.pin(GatewayStub.key()));
        }
        assertThat(steps).hasSize(3);
        assertThat(steps.get(0)).startsWith("GOOD IPv4: 127.0.0.1:");
        assertThat(steps.get(1)).startsWith("OPEN clock: ");
        assertThat(steps.get(2)).startsWith("BAD TLS: ").contains("this is not the gateway of the token");
    }

    @Test
    void aRefusedTokenAndAClockThatIsWrong() throws Exception {
        KeyPair ca = GatewayStub.key();
        String date = DateTimeFormatter.RFC_1123_DATE_TIME.format(Instant.now().atZone(ZoneOffset.UTC));
        try (GatewayStub stub = new GatewayStub(identity(ca), (request, socket) -> {
            if (request.startsWith("GET /link")) {
                GatewayStub.refusal("your token was revoked").answer(request, socket);
            } else {
                GatewayStub.response("HTTP/1.1 200 OK\r\nDate: " + date + "\r\n\r\n")
                        .answer(request, socket);
            }
        })) {
            trial(
                    stub.uri(),
                    GatewayStub.pin(ca),
                    ProxyChoice.DIRECT,
                    Clock.fixed(Instant.now().minus(Duration.ofHours(3)), ZoneOffset.UTC));
        }
        assertThat(steps).hasSize(3);
        assertThat(steps.get(1)).startsWith("BAD clock: it says ").contains(", and the gateway's ");
        assertThat(steps.get(2)).startsWith("BAD upgrade: ").contains("your token was revoked");
    }

    /** An upgrade that is let through, and then silence. */
    @Test
    void aLinkOverWhichNothingComes() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(new byte[0]))) {
            trial(stub.uri(), null);
        }
        assertThat(steps).hasSize(5);
        assertThat(steps.get(2)).isEqualTo("OPEN TLS: this gateway is reached without");
        assertThat(steps.get(3)).startsWith("GOOD upgrade: the token is taken");
        assertThat(steps.get(4)).startsWith("BAD round trip: the link came up, and then nothing came over it");
    }

    @Test
    void aProxyThatIsAway() throws Exception {
        int port = closedPort();
        trial(
                URI.create("wss://vpn.example"),
                null,
                ProxyChoice.always(Proxy.parse("http://127.0.0.1:" + port)),
                Clock.systemUTC());
        assertThat(steps)
                .containsExactly(
                        "GOOD proxy: the way to wss://vpn.example is through http://127.0.0.1:" + port,
                        "BAD IPv4: 127.0.0.1:" + port + ": connection refused");
    }
}
