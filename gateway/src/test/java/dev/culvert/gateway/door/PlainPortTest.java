package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.CertificateSource;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.certificate.CertificateState.Standing;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.certificate.acme.TestCertificates;
import dev.culvert.gateway.limit.Counters;
import dev.culvert.gateway.login.PasswordChecks;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.SiteOptions;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.Future;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Port 80 over real sockets. */
@NullUnmarked
final class PlainPortTest {
    private final Map<String, Certificate> there = new ConcurrentHashMap<>();
    private final Map<String, Standing> missing = new ConcurrentHashMap<>();
    private final EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final PasswordChecks passwords = new PasswordChecks();
    private InetSocketAddress address;

    @BeforeEach
    void begin() throws Exception {
        CertificateSource certificates = new CertificateSource() {
            @Override
            public Certificate find(String serverName) {
                return Certificate.find(there, serverName);
            }

            @Override
            public CertificateState state(String serverName, Instant now) {
                return CertificateState.without(
                        serverName, "ca.example", missing.get(serverName), "10.1.2.3 is none of ours", null);
            }
        };
        Challenges challenges = new Challenges() {
            @Override
            public String keyAuthorization(String token) {
                return token.equals("t0ken") ? "t0ken.thumb" : null;
            }

            @Override
            public Certificate tlsAlpn(String serverName) {
                return null;
            }
        };
        PlainSites sites = new PlainSites(
                (host, path) -> host.endsWith(".example") ? new Redirecting(host) : null, certificates, challenges);
        address = (InetSocketAddress) new ServerBootstrap()
                .group(group)
                .channel(NioServerSocketChannel.class)
                .childHandler(new PlainPort(
                        sites,
                        new Arrivals(ProxiesInFront.NONE, new Strangers(System::nanoTime, false), new Counters()),
                        passwords,
                        new StrangerTurns.Loops(System::nanoTime),
                        null))
                .bind(InetAddress.getLoopbackAddress(), 0)
                .sync()
                .channel()
                .localAddress();
    }

    @AfterEach
    void end() {
        passwords.close();
        group.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    /** A site as {@link PublishedSites} gives it: all of it is at https. */
    private record Redirecting(String name) implements Site {
        @Override
        public SiteOptions options() {
            return SiteOptions.PLAIN.withHttps(443, 0);
        }

        @Override
        public Future<? extends Channel> connect(EventLoop loop) {
            throw new AssertionError("in the clear");
        }
    }

    private String get(String host, String path, String accept) throws Exception {
        try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
            socket.getOutputStream()
                    .write(("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: " + accept
                                    + "\r\nConnection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            socket.getInputStream().transferTo(out);
            return out.toString(StandardCharsets.UTF_8);
        }
    }

    @Test
    void aNameWithoutACertificateSaysSoAndIsSentToHttpsOnceItHasOne() throws Exception {
        missing.put("app.example", Standing.OBTAINING);
        String page = get("app.example", "/x", "text/html");
        assertThat(page)
                .startsWith("HTTP/1.1 503 ")
                .containsIgnoringCase("\r\nretry-after: 10\r\n")
                .containsIgnoringCase("\r\ncontent-type: text/html; charset=utf-8\r\n")
                .contains("The certificate for app.example is being obtained.");
        assertThat(get("app.example", "/x", "application/json"))
                .startsWith("HTTP/1.1 503 ")
                .contains("{\"status\":503,", "\"message\":\"The certificate for app.example is being obtained.");
        there.put("app.example", TestCertificates.of("app.example"));
        assertThat(get("app.example", "/x?y", "text/html"))
                .startsWith("HTTP/1.1 308 ")
                .containsIgnoringCase("\r\nlocation: https://app.example/x?y\r\n");
    }

    @Test
    void whatIsWrongIsSaidInWordsForVisitors() throws Exception {
        missing.put("app.example", Standing.UNPROVED);
        assertThat(get("app.example", "/", "*/*"))
                .containsIgnoringCase("\r\nretry-after: 300\r\n")
                .contains("could not confirm that the name leads here")
                .as("what only the operator is to know")
                .doesNotContain("10.1.2.3", "ca.example");
        missing.put("app.example", Standing.DELAYED);
        assertThat(get("app.example", "/", "*/*")).contains("gives none at the moment");
        missing.put("app.example", Standing.MISSING);
        assertThat(get("app.example", "/", "*/*")).startsWith("HTTP/1.1 503 ").contains("none has been set up");
    }

    @Test
    void authoritiesAreAnsweredUnderAnyHostAndAllElseIsNotFound() throws Exception {
        missing.put("app.example", Standing.OBTAINING);
        for (String host : new String[] {"app.example", "nobody.invalid"}) {
            assertThat(get(host, Challenges.HTTP_PATH + "t0ken", "*/*"))
                    .startsWith("HTTP/1.1 200 ")
                    .contains("t0ken.thumb");
            assertThat(get(host, Challenges.HTTP_PATH + "other", "*/*")).startsWith("HTTP/1.1 404 ");
        }
        assertThat(get("nobody.invalid", "/", "*/*")).startsWith("HTTP/1.1 404 ");
    }
}
