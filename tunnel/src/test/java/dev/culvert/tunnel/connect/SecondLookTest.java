package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.link.UntrustedGatewayException;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is looked at when a gateway cannot be used, against servers on loopback. */
@NullUnmarked
@Timeout(180)
final class SecondLookTest {
    private static final MultiThreadIoEventLoopGroup LOOP = EventLoops.create(1, "look-test");
    private static final UntrustedGatewayException UNTRUSTED = new UntrustedGatewayException("TLS: another key");

    @AfterAll
    static void stop() {
        LOOP.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    private final KeyPair ca = key();

    private static KeyPair key() {
        try {
            return GatewayStub.key();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static GatewayStub portal(String answer) throws Exception {
        return new GatewayStub(null, GatewayStub.response(answer));
    }

    private SecondLook look(String host, GatewayStub plain, Instant now) throws Exception {
        return new SecondLook(
                host,
                GatewayStub.pin(ca),
                null,
                plain == null ? 1 : plain.uri().getPort(),
                Clock.fixed(now, ZoneOffset.UTC));
    }

    private static String words(SecondLook look, Throwable failure, int port, boolean patient) throws Exception {
        EventLoop loop = LOOP.next();
        return loop.submit(() -> look.words(
                        loop, failure, new InetSocketAddress(InetAddress.getLoopbackAddress(), port), patient))
                .get(60, TimeUnit.SECONDS)
                .get(60, TimeUnit.SECONDS);
    }

    private GatewayStub.Identity identity(KeyPair issuer, Duration validFor) throws Exception {
        KeyPair key = GatewayStub.key();
        return new GatewayStub.Identity(
                key,
                GatewayStub.certificate("gateway", key, "ca", issuer, false, validFor),
                GatewayStub.certificate("ca", issuer, "ca", issuer, true, Duration.ofDays(4000)));
    }

    @Test
    void aPortalAnswersInTheGatewaysPlace() throws Exception {
        try (GatewayStub hotel = portal("HTTP/1.1 302 Found\r\nLocation: http://login.hotel/?x\r\n\r\n")) {
            SecondLook look = look("vpn.example", hotel, Instant.now());
            assertThat(words(look, new ConnectException("Connection refused"), 1, true))
                    .isEqualTo("this network wants you to log in first, with a browser: it answers in the gateway's"
                            + " place and leads to http://login.hotel/?x");
            assertThat(hotel.requests.get(0))
                    .startsWith("GET / HTTP/1.1\r\n")
                    .containsIgnoringCase("host: vpn.example\r\n")
                    .doesNotContainIgnoringCase("authorization");
            assertThat(words(look, UNTRUSTED, 1, true)).startsWith("this network wants you to log in");
        }
    }

    /** A gateway that is started again has many who look for it, and none that waits for port 80. */
    @Test
    void whoHadALinkDoesNotWait() throws Exception {
        try (GatewayStub hotel = portal("HTTP/1.1 511 Network Authentication Required\r\n\r\n")) {
            SecondLook look = look("vpn.example", hotel, Instant.now());
            ConnectException refused = new ConnectException("Connection refused");
            assertThat(words(look, refused, 1, false)).isNull();
            while (words(look, refused, 1, false) == null) {
                TimeUnit.MILLISECONDS.sleep(10);
            }
            assertThat(hotel.requests).as("it is not asked with each attempt").hasSize(1);
        }
    }

    @Test
    void whatSaysEnoughIsNotLookedAt() throws Exception {
        try (GatewayStub hotel = portal("HTTP/1.1 511 Network Authentication Required\r\n\r\n")) {
            SecondLook look = look("vpn.example", hotel, Instant.now());
            assertThat(words(look, new NoRouteToHostException("No route to host"), 1, true))
                    .isNull();
            assertThat(hotel.requests).isEmpty();
        }
    }

    @Test
    void aClockThatIsAYearBehind() throws Exception {
        Instant theirs = Instant.now();
        String date = DateTimeFormatter.RFC_1123_DATE_TIME.format(theirs.atZone(ZoneOffset.UTC));
        try (GatewayStub gateway = new GatewayStub(
                identity(ca, Duration.ofDays(90)),
                GatewayStub.response("HTTP/1.1 200 OK\r\nDate: " + date + "\r\nContent-Length: 0\r\n\r\n"))) {
            Instant now = theirs.minus(Duration.ofDays(365));
            assertThat(words(
                            look("127.0.0.1", null, now),
                            UNTRUSTED,
                            gateway.uri().getPort(),
                            true))
                    .startsWith("this machine's clock or the gateway's is wrong: this one says "
                            + now.toString().substring(0, 16))
                    .contains(", the gateway's " + theirs.toString().substring(0, 13))
                    .endsWith("set that which is wrong (timedatectl set-ntp true, or date)");
        }
    }

    /** Its own word alone: whoever opens TLS could say any date. */
    @Test
    void anotherServersDateSaysNothingOfOurClock() throws Exception {
        Instant theirs = Instant.now();
        String date = DateTimeFormatter.RFC_1123_DATE_TIME.format(theirs.atZone(ZoneOffset.UTC));
        try (GatewayStub other = new GatewayStub(
                identity(GatewayStub.key(), Duration.ofDays(90)),
                GatewayStub.response("HTTP/1.1 200 OK\r\nDate: " + date + "\r\nContent-Length: 0\r\n\r\n"))) {
            assertThat(words(
                            look("127.0.0.1", null, theirs.minus(Duration.ofDays(365))),
                            UNTRUSTED,
                            other.uri().getPort(),
                            true))
                    .startsWith("this is not the gateway of the token: its certificate is of 'CN=gateway' by 'CN=ca'");
        }
    }

    @Test
    void nothingIsThere() throws Exception {
        assertThat(words(look("vpn.example", null, Instant.now()), UNTRUSTED, 1, true))
                .isNull();
    }
}
