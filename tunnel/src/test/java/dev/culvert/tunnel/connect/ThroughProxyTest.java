package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.proxy.Proxy;
import dev.culvert.address.proxy.ProxyChoice;
import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.fixture.ProxyStub;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.proxy.ProxyRefusedException;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.handler.proxy.ProxyHandler;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.security.KeyPair;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A link through proxies of all kinds, and what is said of those that make none. */
@NullUnmarked
@Timeout(180)
final class ThroughProxyTest {
    private static final MultiThreadIoEventLoopGroup LOOP = EventLoops.create(1, "proxy-test");

    @AfterAll
    static void stop() {
        LOOP.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    private final CompletableFuture<String> down = new CompletableFuture<>();

    private final FlowListener events = new FlowListener() {
        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.UNSUPPORTED, "");
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            down.complete(why);
        }
    };

    /** The gateway's name is known to the proxy alone. */
    private static final OffLoopNames PROXY_ONLY = new OffLoopNames(name -> {
        if (!name.equals("proxy.corp")) {
            throw new UnknownHostException(name);
        }
        return new InetAddress[] {InetAddress.getLoopbackAddress()};
    });

    private Future<Link> connect(String gateway, byte[] pin, String proxy, Proxy.Login login) throws Exception {
        return connect(gateway, pin, proxy, login, new Dialling() {});
    }

    private Future<Link> connect(String gateway, byte[] pin, String proxy, Proxy.Login login, Dialling way)
            throws Exception {
        Proxy through = login == null ? Proxy.parse(proxy) : Proxy.parse(proxy).withLogin(login);
        Future<Link> f = new LinkConnector(
                        URI.create(gateway), pin, "the.token", null, ProxyChoice.always(through), PROXY_ONLY)
                .connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(events), way);
        assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
        return f;
    }

    private void works(Future<Link> f) throws Exception {
        assertThat(f.cause()).isNull();
        Link link = f.getNow();
        assertThat(link.channel().pipeline().get(ProxyHandler.class))
                .as("nothing is left in the way")
                .isNull();
        assertThat(link.channel().pipeline().names()).noneMatch(name -> name.contains("Codec"));
        link.eventLoop().execute(() -> link.close(1000, "enough"));
        assertThat(down.get(60, TimeUnit.SECONDS)).isEqualTo("enough");
    }

    @Test
    void byHttpConnectAndThePinIsStillTheGateways() throws Exception {
        KeyPair ca = GatewayStub.key();
        KeyPair key = GatewayStub.key();
        GatewayStub.Identity identity = new GatewayStub.Identity(
                key,
                GatewayStub.certificate("gateway", key, "ca", ca, false, Duration.ofDays(1)),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(1)));
        CompletableFuture<List<InetSocketAddress>> told = new CompletableFuture<>();
        try (GatewayStub gateway = new GatewayStub(identity, GatewayStub.upgrade(new byte[0]));
                ProxyStub proxy = new ProxyStub(gateway.uri().getPort(), ProxyStub.http())) {
            works(connect(
                    "wss://vpn.example:8443",
                    GatewayStub.pin(ca),
                    "http://proxy.corp:" + proxy.port(),
                    new Proxy.Login("me", "s3cret"),
                    new Dialling() {
                        @Override
                        public CompletableFuture<Void> beforeDial(List<InetSocketAddress> addresses) {
                            told.complete(addresses);
                            return CompletableFuture.completedFuture(null);
                        }
                    }));
            assertThat(told.join())
                    .as("it is the way to the proxy that is laid")
                    .containsExactly(new InetSocketAddress(InetAddress.getLoopbackAddress(), proxy.port()));
            assertThat(proxy.asked.get(0))
                    .startsWith("CONNECT vpn.example:8443 HTTP/1.1\r\n")
                    .containsIgnoringCase("host: vpn.example:8443\r\n")
                    .containsIgnoringCase("proxy-authorization: Basic bWU6czNjcmV0\r\n");
            assertThat(gateway.requests.get(0)).startsWith("GET /link ").doesNotContain("roxy-");
        }
    }

    @Test
    void bySocks() throws Exception {
        try (GatewayStub gateway = new GatewayStub(null, GatewayStub.upgrade(new byte[0]));
                ProxyStub proxy = new ProxyStub(gateway.uri().getPort(), ProxyStub.socks(0, 0, 0))) {
            works(connect("ws://vpn.example:8080", null, "socks5://proxy.corp:" + proxy.port(), null));
            assertThat(proxy.asked).containsExactly("methods [00]", "name vpn.example:8080");
        }
    }

    @Test
    void bySocksWithALoginAndAnAddress() throws Exception {
        try (GatewayStub gateway = new GatewayStub(null, GatewayStub.upgrade(new byte[0]));
                ProxyStub proxy = new ProxyStub(gateway.uri().getPort(), ProxyStub.socks(2, 0, 0))) {
            works(connect(
                    "ws://[2001:db8::7]:8080",
                    null,
                    "socks5://proxy.corp:" + proxy.port(),
                    new Proxy.Login("jörg", "5 €")));
            assertThat(proxy.asked)
                    .containsExactly("methods [0002]", "login jörg:5 €", "address 2001:db8:0:0:0:0:0:7:8080");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "407 A|Proxy-Authenticate: Basic realm=x|true|it wants a user and a password: give them with --proxy-user-file FILE (HTTP 407)",
                "407 A|Proxy-Authenticate: NTLM^Proxy-Authenticate: Negotiate|true|by NTLM, Negotiate, and this program knows Basic alone",
                "407 A|X: y|true|it wants a user and a password",
                "403 F|Content-Length: 3000|true|it does not let you connect to vpn.example:8443 (HTTP 403): have it allow CONNECT to that host and port, or let the gateway listen at 443",
                "502 B|Content-Length: 3000|false|it cannot reach vpn.example:8443 (HTTP 502): the gateway is not running, or the proxy does not know the name",
                "503 S|X: y|false|it cannot reach vpn.example:8443 (HTTP 503)",
                "504 T|X: y|false|it cannot reach vpn.example:8443 (HTTP 504)",
                "400 B|X: y|true|it does not do CONNECT (HTTP 400)",
                "405 M|X: y|true|it does not do CONNECT (HTTP 405)",
                "302 L|Location: http://hotel/|true|it answered HTTP 302 to CONNECT; does this network want you to log in",
                "404 N|X: y|true|it answered HTTP 404 to CONNECT; is it a proxy"
            })
    void whatAnHttpProxyRefuses(String status, String headers, boolean lasting, String words) throws Exception {
        String answer = "HTTP/1.1 " + status + "\r\n" + headers.replace("^", "\r\n") + "\r\n\r\n";
        try (ProxyStub proxy = new ProxyStub(1, ProxyStub.http(answer))) {
            String url = "http://proxy.corp:" + proxy.port();
            Throwable cause = connect("wss://vpn.example:8443", null, url, null).cause();
            assertThat(cause)
                    .isInstanceOf(ProxyRefusedException.class)
                    .hasMessageStartingWith("no way to the gateway at vpn.example:8443 through the proxy " + url + ": ")
                    .hasMessageContaining(words);
            assertThat(((ProxyRefusedException) cause).isLasting()).isEqualTo(lasting);
        }
    }

    @Test
    void aWrongPasswordIsNotSaidAgain() throws Exception {
        String answer = "HTTP/1.1 407 A\r\nProxy-Authenticate: basic realm=x\r\n\r\n";
        try (ProxyStub proxy = new ProxyStub(1, ProxyStub.http(answer))) {
            assertThat(connect(
                                    "wss://vpn.example",
                                    null,
                                    "http://proxy.corp:" + proxy.port(),
                                    new Proxy.Login("me", "s3cret"))
                            .cause())
                    .hasMessageEndingWith("it does not take this user and password (HTTP 407)")
                    .hasMessageNotContaining("s3cret")
                    .matches(e -> ((ProxyRefusedException) e).isOfLogin());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "255|0|0|true|it wants a user and a password: give them with --proxy-user-file FILE",
                "2|0|0|true|it wants a user and a password",
                "0|0|1|false|or the proxy does not know the name or the way (SOCKS reply 1)",
                "0|0|2|true|it does not let you connect to vpn.example:443",
                "0|0|4|false|it cannot reach vpn.example:443: the gateway is not running",
                "0|0|5|false|connection refused there",
                "0|0|7|true|it does not know how to connect",
            })
    void whatASocksProxyRefuses(int method, int login, int reply, boolean lasting, String words) throws Exception {
        try (ProxyStub proxy = new ProxyStub(1, ProxyStub.socks(method, login, reply))) {
            Throwable cause = connect("wss://vpn.example", null, "socks5://proxy.corp:" + proxy.port(), null)
                    .cause();
            assertThat(cause).isInstanceOf(ProxyRefusedException.class).hasMessageContaining(words);
            assertThat(((ProxyRefusedException) cause).isLasting()).isEqualTo(lasting);
        }
    }

    @Test
    void aSocksLoginThatIsWrong() throws Exception {
        try (ProxyStub proxy = new ProxyStub(1, ProxyStub.socks(2, 1, 0))) {
            assertThat(connect(
                                    "wss://vpn.example",
                                    null,
                                    "socks5://proxy.corp:" + proxy.port(),
                                    new Proxy.Login("me", "s3cret"))
                            .cause())
                    .hasMessageEndingWith("it does not take this user and password")
                    .matches(e -> ((ProxyRefusedException) e).isOfLogin());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "http|SSH-2.0-OpenSSH_9^|its answer is not that of a proxy of this kind (http)",
                "socks5|HTTP/1.1 400 B^^|its answer is not that of a proxy of this kind (socks5)"
            })
    void whatIsNoProxy(String scheme, String answer, String words) throws Exception {
        try (ProxyStub proxy = new ProxyStub(1, (in, out, asked) -> {
            out.write(answer.replace("^", "\r\n").getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            return false;
        })) {
            assertThat(connect("wss://vpn.example", null, scheme + "://proxy.corp:" + proxy.port(), null)
                            .cause())
                    .hasMessageContaining(words);
        }
    }

    @Test
    void aProxyThatHangsUp() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread t = new Thread(() -> {
                try {
                    while (true) {
                        try (java.net.Socket s = server.accept()) {
                            GatewayStub.readRequest(s.getInputStream());
                        }
                    }
                } catch (java.io.IOException e) {
                    // closed
                }
            });
            t.setDaemon(true);
            t.start();
            assertThat(connect("wss://vpn.example", null, "http://proxy.corp:" + server.getLocalPort(), null)
                            .cause())
                    .hasMessageEndingWith("it closed the connection without an answer");
        }
    }

    @Test
    void aProxyThatIsNotThere() throws Exception {
        int port;
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = s.getLocalPort();
        }
        assertThat(connect("wss://vpn.example", null, "http://proxy.corp:" + port, null)
                        .cause())
                .hasMessage("cannot reach the proxy http://proxy.corp:" + port
                        + ", to the gateway at vpn.example:443: connection refused");
        assertThat(connect("wss://vpn.example", null, "http://elsewhere:3128", null)
                        .cause())
                .hasMessage("cannot resolve the name of the proxy, elsewhere");
    }

    /** A proxy of somebody's own, whose certificate nobody vouches for, hears no password. */
    @Test
    void aProxyWithTlsMustBeTheOneThatIsNamed() throws Exception {
        KeyPair key = GatewayStub.key();
        GatewayStub.Identity identity = new GatewayStub.Identity(
                key, GatewayStub.certificate("proxy.corp", key, "proxy.corp", key, true, Duration.ofDays(1)));
        try (GatewayStub proxy = new GatewayStub(identity, (request, socket) -> {})) {
            assertThat(connect(
                                    "wss://vpn.example",
                                    null,
                                    "https://proxy.corp:" + proxy.uri().getPort(),
                                    new Proxy.Login("me", "s3cret"))
                            .cause())
                    .hasMessageContaining("through the proxy https://proxy.corp:")
                    .hasMessageContaining("TLS: ");
            assertThat(proxy.requests).isEmpty();
        }
    }
}
