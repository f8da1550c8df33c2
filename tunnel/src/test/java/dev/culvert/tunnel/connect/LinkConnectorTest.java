package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.proxy.ProxyChoice;
import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkProof;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import dev.culvert.tunnel.link.RuntimeEd25519;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
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
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Making a link, against a server that answers as the test says. */
@NullUnmarked
@Timeout(180)
class LinkConnectorTest {
    private static final MultiThreadIoEventLoopGroup LOOP = EventLoops.create(1, "connector-test");

    @AfterAll
    static void stop() {
        LOOP.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    private static final class Events implements FlowListener {
        final CompletableFuture<String> drained = new CompletableFuture<>();
        final CompletableFuture<String> down = new CompletableFuture<>();

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.UNSUPPORTED, "");
        }

        @Override
        public void onDrain(FlowMultiplexer link, Drain drain) {
            drained.complete(drain.text());
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            down.complete(why);
        }
    }

    private final Events events = new Events();

    private Future<Link> connect(URI uri, byte[] pin) throws Exception {
        Future<Link> f = new LinkConnector(uri, pin, "the.token")
                .connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(events));
        assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
        return f;
    }

    private Throwable failure(URI uri, byte[] pin) throws Exception {
        Throwable cause = connect(uri, pin).cause();
        assertThat(cause).as("the attempt succeeded").isNotNull();
        assertThat(cause.getMessage()).isNotBlank().doesNotContain("\n").doesNotContain("null");
        return cause;
    }

    private static byte[] drain() {
        ByteBuf b = WebSocketMessage.encode(
                0x82,
                WebSocketMessage.frame(Frame.DRAIN, 0, 0, "soon".getBytes(java.nio.charset.StandardCharsets.UTF_8)),
                null);
        byte[] bytes = new byte[b.readableBytes()];
        b.readBytes(bytes);
        return bytes;
    }

    @Test
    void aLinkComesUpAndFramesBehindTheAnswerAreNotLost() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(drain()))) {
            Link link = connect(stub.uri(), null).sync().getNow();
            assertThat(events.drained.get(60, TimeUnit.SECONDS)).isEqualTo("soon");
            assertThat(stub.requests.get(0))
                    .startsWith("GET /link HTTP/1.1\r\n")
                    .containsIgnoringCase("authorization: Bearer the.token\r\n")
                    .containsIgnoringCase("sec-websocket-protocol: culvert.2, culvert.1\r\n")
                    .containsIgnoringCase("sec-websocket-version: 13\r\n")
                    .containsIgnoringCase("host: 127.0.0.1:" + stub.uri().getPort());
            link.eventLoop().execute(() -> link.close(1001, "enough"));
            assertThat(events.down.get(60, TimeUnit.SECONDS)).isEqualTo("enough");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "403 Forbidden|text/plain^Culvert-Refusal: token|agent name~ taken|refused: agent name\\u001b[2J\\u000a\\u202e taken|true",
                "403 Forbidden|text/plain|RBAC: access denied|refused: RBAC: access denied|false",
                "403 Forbidden|text/html|<html>|answered HTTP 403 to the WebSocket upgrade; does a proxy|false",
                "404 Not Found|text/html|<html>|does not know this token (HTTP 404)|false",
                "404 Not Found|text/plain|404 page not found|and the gateway behind it is not running|false",
                "401 Unauthorized|text/html|<html>|answered HTTP 401|false",
                "426 Upgrade Required|text/plain; charset=utf-8^Culvert-Refusal: version|this gateway speaks culvert.2|refused: this gateway speaks|true",
                "502 Bad Gateway|text/html|<html><h1>nginx</h1>|answered HTTP 502 to the WebSocket upgrade; is a proxy|false",
                "302 Found|text/html^Location: http://hotel/|<html>|answered HTTP 302 to the WebSocket upgrade; does this network want you to log in|false",
                "503 Unavailable|text/plain|full|refused: full|false",
                "200 OK|text/html|<html>|answered HTTP 200|false"
            })
    void aRefusalIsExplained(String status, String type, String body, String text, boolean permanent) throws Exception {
        try (GatewayStub stub = new GatewayStub(
                null,
                GatewayStub.response(
                        GatewayStub.page(status, type.replace("^", "\r\n"), body.replace("~", "\u001b[2J\n\u202e"))))) {
            LinkRefusedException e = (LinkRefusedException) failure(stub.uri(), null);
            assertThat(e).hasMessageContaining(text).hasMessageContaining("the gateway at 127.0.0.1:");
            assertThat(e.isPermanent()).isEqualTo(permanent);
            assertThat(e.status()).isEqualTo(Integer.parseInt(status.substring(0, 3)));
        }
    }

    /** A laptop without a network: the system's resolver may block for minutes, and the loop has other work. */
    @Test
    void aLookUpBlocksOnlyItself() throws Exception {
        CompletableFuture<InetAddress> answer = new CompletableFuture<>();
        OffLoopNames slow = new OffLoopNames(name -> new InetAddress[] {answer.join()});
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(drain()))) {
            URI uri = URI.create("ws://gateway.example:" + stub.uri().getPort());
            Future<Link> f = new LinkConnector(uri, null, "the.token", null, ProxyChoice.DIRECT, slow)
                    .connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(events));
            LOOP.next().submit(() -> {}).get(60, TimeUnit.SECONDS);
            assertThat(f.isDone()).isFalse();
            answer.complete(InetAddress.getByName("127.0.0.1"));
            assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(f.isSuccess()).isTrue();
        }
    }

    /** The name servers may lie behind the tunnel that is gone. */
    @Test
    void aNameThatDoesNotResolveAnyMoreIsWhereItWas() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        OffLoopNames once = new OffLoopNames(name -> {
            if (asked.incrementAndGet() > 1) {
                throw new UnknownHostException(name);
            }
            return InetAddress.getAllByName("127.0.0.1");
        });
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(drain()))) {
            URI uri = URI.create("ws://gateway.example:" + stub.uri().getPort());
            LinkConnector connector = new LinkConnector(uri, null, "the.token", null, ProxyChoice.DIRECT, once);
            for (int i = 1; i <= 3; i++) {
                Future<Link> f =
                        connector.connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(new Events()));
                assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
                assertThat(f.cause()).as("attempt %d", i).isNull();
                assertThat(asked).hasValue(i);
            }
        }
    }

    private Future<Link> connect(URI uri, Dialling before, String... addresses) throws Exception {
        OffLoopNames names = new OffLoopNames(name -> {
            InetAddress[] all = new InetAddress[addresses.length];
            for (int i = 0; i < all.length; i++) {
                all[i] = InetAddress.getByName(addresses[i]);
            }
            return all;
        });
        URI named = URI.create(uri.getScheme() + "://gateway.example:" + uri.getPort());
        Future<Link> f = new LinkConnector(named, null, "the.token", null, ProxyChoice.DIRECT, names)
                .connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(events), before);
        return f;
    }

    /** A family that this network does not have, an address where nothing listens: the next one serves. */
    @Test
    void allAddressesOfTheNameAreTried() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(drain()))) {
            Future<Link> f =
                    connect(stub.uri(), new Dialling() {}, "2001:db8::1", "2001:db8::2", "127.0.0.2", "127.0.0.1");
            assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(f.cause()).isNull();
            assertThat(f.getNow().remoteAddress())
                    .isEqualTo(new InetSocketAddress("127.0.0.1", stub.uri().getPort()));
        }
    }

    /** Something else listens at the first address: a connection is not yet a link. */
    @Test
    void anAddressThatConnectsAndIsNoGatewayDoesNotWin() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(drain()));
                ServerSocket other = new ServerSocket(stub.uri().getPort(), 1, InetAddress.getByName("127.0.0.2"))) {
            Thread t = new Thread(() -> {
                try (java.net.Socket s = other.accept()) {
                    s.getOutputStream()
                            .write(GatewayStub.page("404 Not Found", "text/html", "?")
                                    .getBytes());
                    s.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
                } catch (java.io.IOException e) {
                    // the client went away
                }
            });
            t.setDaemon(true);
            t.start();
            Future<Link> f = connect(stub.uri(), new Dialling() {}, "127.0.0.2", "127.0.0.1");
            assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(f.cause()).isNull();
            assertThat(stub.requests).hasSize(1);
        }
    }

    @Test
    void whenNoAddressServesTheWordsAreOfTheOneThatSaysMost() throws Exception {
        int port;
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = s.getLocalPort();
        }
        Future<Link> f = connect(URI.create("ws://x:" + port), new Dialling() {}, "2001:db8::1", "127.0.0.1");
        assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(f.cause())
                .hasMessage("cannot reach the gateway at gateway.example:" + port
                        + ": connection refused (2 addresses tried)");
    }

    /** Who lays the way to the gateway hears of all addresses first, and of each socket. */
    @Test
    void theWayIsLaidBeforeTheGatewayIsDialled() throws Exception {
        CompletableFuture<List<InetSocketAddress>> told = new CompletableFuture<>();
        CompletableFuture<Void> laid = new CompletableFuture<>();
        CompletableFuture<Channel> opened = new CompletableFuture<>();
        Dialling way = new Dialling() {
            @Override
            public CompletableFuture<Void> beforeDial(List<InetSocketAddress> addresses) {
                told.complete(addresses);
                return laid;
            }

            @Override
            public void socketOpened(SocketChannel socket) {
                assertThat(socket.isActive()).isFalse();
                opened.complete(socket);
            }
        };
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(drain()))) {
            Future<Link> f = connect(stub.uri(), way, "127.0.0.1", "::1");
            int port = stub.uri().getPort();
            assertThat(told.get(60, TimeUnit.SECONDS))
                    .containsExactly(new InetSocketAddress("127.0.0.1", port), new InetSocketAddress("::1", port));
            LOOP.next().submit(() -> {}).get(60, TimeUnit.SECONDS);
            assertThat(opened.isDone()).isFalse();
            laid.completeExceptionally(new IllegalStateException("cannot lay it"));
            assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(f.getNow().channel()).isSameAs(opened.get(60, TimeUnit.SECONDS));
        }
    }

    /** The name moved to another address: the one that served last is still the first when it is among them. */
    @Test
    void whereTheLastLinkLedIsTriedFirst() throws Exception {
        CompletableFuture<List<InetSocketAddress>> second = new CompletableFuture<>();
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.upgrade(drain()))) {
            OffLoopNames names = new OffLoopNames(
                    name -> new InetAddress[] {InetAddress.getByName("127.0.0.2"), InetAddress.getByName("127.0.0.1")});
            URI named = URI.create("ws://gateway.example:" + stub.uri().getPort());
            LinkConnector connector = new LinkConnector(named, null, "the.token", null, ProxyChoice.DIRECT, names);
            assertThat(connector
                            .connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(events))
                            .await(60, TimeUnit.SECONDS))
                    .isTrue();
            connector.connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(new Events()), new Dialling() {
                @Override
                public CompletableFuture<Void> beforeDial(List<InetSocketAddress> addresses) {
                    second.complete(addresses);
                    return CompletableFuture.completedFuture(null);
                }
            });
            assertThat(second.get(60, TimeUnit.SECONDS).stream()
                            .map(a -> a.getAddress().getHostAddress()))
                    .containsExactly("127.0.0.1", "127.0.0.2");
        }
    }

    @Test
    void aLookUpThatTakesTooLongHasFailed() throws Exception {
        CompletableFuture<InetAddress> never = new CompletableFuture<>();
        OffLoopNames stuck = new OffLoopNames(name -> new InetAddress[] {never.join()}, Duration.ofMillis(50));
        Future<Link> f = new LinkConnector(
                        URI.create("wss://gateway.example"), null, "the.token", null, ProxyChoice.DIRECT, stuck)
                .connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(events));
        assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(f.cause()).hasMessage("cannot resolve the gateway's name gateway.example");
        never.complete(InetAddress.getLoopbackAddress());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU=\r\nSec-WebSocket-Protocol: culvert.1\r\n",
                "Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU=\r\n"
            })
    void aWrongAnswerToTheUpgradeIsNotAGateways(String headers) throws Exception {
        try (GatewayStub stub = new GatewayStub(
                null,
                GatewayStub.response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        + "Connection: Upgrade\r\n" + headers + "\r\n"))) {
            assertThat(failure(stub.uri(), null)).hasMessageContaining("is not a gateway's");
        }
    }

    @Test
    void aServerThatSaysNothingIsGivenUp() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.response(""))) {
            assertThat(failure(stub.uri(), null)).hasMessageContaining("no answer within 15 s");
        }
    }

    @Test
    void aServerThatClosesIsNamed() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, (request, socket) -> {})) {
            assertThat(failure(stub.uri(), null)).hasMessageContaining("closed the connection during the upgrade");
        }
    }

    @Test
    void somethingThatIsNoWebServerIsNamed() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.response("SSH-2.0-OpenSSH_9.2\r\n\r\n"))) {
            assertThat(failure(stub.uri(), null)).hasMessageContaining("the gateway at 127.0.0.1");
        }
    }

    @Test
    void aLongErrorPageIsNotReadWhole() throws Exception {
        String page = GatewayStub.page("502 Bad Gateway", "text/html", "x".repeat(100_000));
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.response(page))) {
            assertThat(failure(stub.uri(), null))
                    .hasMessageContaining("127.0.0.1:" + stub.uri().getPort());
        }
    }

    @Test
    void noServerIsNamed() throws Exception {
        int port;
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = s.getLocalPort();
        }
        assertThat(failure(URI.create("ws://127.0.0.1:" + port), null))
                .hasMessage("cannot reach the gateway at 127.0.0.1:" + port + ": connection refused");
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://x", "wss:opaque", "wss:///path"})
    void aUrlOfAnotherFormIsRefused(String uri) {
        assertThatThrownBy(() -> new LinkConnector(URI.create(uri), null, "t"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("wss://host:port");
    }

    @Test
    void theAddressHasTheSchemesPort() throws Exception {
        assertThat(new LinkConnector(URI.create("wss://gw.example"), null, "t")
                        .address()
                        .getPort())
                .isEqualTo(443);
        assertThat(new LinkConnector(URI.create("ws://gw.example"), null, "t")
                        .address()
                        .getPort())
                .isEqualTo(80);
        assertThat(new LinkConnector(URI.create("wss://[::1]:8443"), null, "t")
                        .address()
                        .getHostString())
                .doesNotContain("[");
    }

    // ---- TLS ----

    private static void theTokenWasNotSent(GatewayStub stub) {
        assertThat(stub.requests)
                .allSatisfy(request -> assertThat(request).startsWith("GET / ").doesNotContain("token"));
    }

    private static GatewayStub.Identity identity(KeyPair ca, KeyPair signer, Duration valid) throws Exception {
        KeyPair leaf = GatewayStub.key();
        return new GatewayStub.Identity(
                leaf,
                GatewayStub.certificate("gw", leaf, "ca", signer, false, valid),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(10)));
    }

    @Test
    void thePinnedCasGatewayIsTrustedUnderAnyName() throws Exception {
        KeyPair ca = GatewayStub.key();
        try (GatewayStub stub = new GatewayStub(identity(ca, ca, Duration.ofDays(1)), GatewayStub.upgrade(drain()))) {
            Link link = connect(stub.uri(), GatewayStub.pin(ca)).sync().getNow();
            assertThat(events.drained.get(60, TimeUnit.SECONDS)).isEqualTo("soon");
            assertThat(link.isDown()).isFalse();
            link.channel().close().sync();
        }
    }

    @Test
    void anotherCasGatewayIsNot() throws Exception {
        KeyPair ca = GatewayStub.key();
        try (GatewayStub stub = new GatewayStub(identity(ca, ca, Duration.ofDays(1)), GatewayStub.upgrade(drain()))) {
            assertThat(failure(stub.uri(), GatewayStub.pin(GatewayStub.key())))
                    .hasMessageContaining("this is not the gateway of the token");
            theTokenWasNotSent(stub);
        }
    }

    @Test
    void anExpiredCertificateIsNot() throws Exception {
        KeyPair ca = GatewayStub.key();
        try (GatewayStub stub = new GatewayStub(identity(ca, ca, Duration.ofDays(-1)), GatewayStub.upgrade(drain()))) {
            assertThat(failure(stub.uri(), GatewayStub.pin(ca))).hasMessageContaining("NotAfter");
            theTokenWasNotSent(stub);
        }
    }

    @Test
    void aCertificateThatTheCaDidNotIssueIsNot() throws Exception {
        KeyPair ca = GatewayStub.key();
        try (GatewayStub stub =
                new GatewayStub(identity(ca, GatewayStub.key(), Duration.ofDays(1)), GatewayStub.upgrade(drain()))) {
            assertThat(failure(stub.uri(), GatewayStub.pin(ca))).hasMessageContaining("not issued by the pinned CA");
            theTokenWasNotSent(stub);
        }
    }

    @Test
    void aLeafCannotIssue() throws Exception {
        KeyPair ca = GatewayStub.key();
        KeyPair leaf = GatewayStub.key();
        KeyPair forged = GatewayStub.key();
        GatewayStub.Identity identity = new GatewayStub.Identity(
                forged,
                GatewayStub.certificate("gw", forged, "leaf", leaf, false, Duration.ofDays(1)),
                GatewayStub.certificate("leaf", leaf, "ca", ca, false, Duration.ofDays(1)),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(1)));
        try (GatewayStub stub = new GatewayStub(identity, GatewayStub.upgrade(drain()))) {
            assertThat(failure(stub.uri(), GatewayStub.pin(ca))).hasMessageContaining("not issued by a CA");
        }
    }

    @Test
    void aLoneCertificateIsNotEnough() throws Exception {
        KeyPair ca = GatewayStub.key();
        GatewayStub.Identity identity =
                new GatewayStub.Identity(ca, GatewayStub.certificate("gw", ca, "gw", ca, false, Duration.ofDays(1)));
        try (GatewayStub stub = new GatewayStub(identity, GatewayStub.upgrade(drain()))) {
            assertThat(failure(stub.uri(), GatewayStub.pin(ca))).hasMessageContaining("no certificate chain");
        }
    }

    @Test
    void withoutAPinThePublicPkiDecides() throws Exception {
        KeyPair ca = GatewayStub.key();
        try (GatewayStub stub = new GatewayStub(identity(ca, ca, Duration.ofDays(1)), GatewayStub.upgrade(drain()))) {
            assertThat(failure(stub.uri(), null)).hasMessageContaining("another server answers there");
            theTokenWasNotSent(stub);
        }
    }

    @Test
    void aServerWithoutTlsIsNamed() throws Exception {
        // It answers at once, as a plain web server does when it reads a ClientHello.
        try (ServerSocket plain = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread t = new Thread(() -> {
                try (java.net.Socket s = plain.accept()) {
                    s.getOutputStream().write("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes());
                    s.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
                } catch (java.io.IOException e) {
                    // the client went away, as it should
                }
            });
            t.setDaemon(true);
            t.start();
            assertThat(failure(
                            URI.create("wss://127.0.0.1:" + plain.getLocalPort()), GatewayStub.pin(GatewayStub.key())))
                    .hasMessageContaining("does not speak TLS");
        }
    }

    // ---- the server's side of the upgrade ----

    private static HttpRequest request() {
        HttpRequest r = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/link?x=1");
        r.headers()
                .set("Connection", "keep-alive, Upgrade")
                .set("Upgrade", "WebSocket")
                .set("Sec-WebSocket-Version", "13")
                .set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
                .set("Sec-WebSocket-Protocol", "culvert.3, culvert.2, culvert.1");
        return r;
    }

    @Test
    void anUpgradeIsRecognisedAndAnswered() {
        HttpRequest r = request();
        assertThat(LinkUpgrade.isLinkRequest(r)).isTrue();
        assertThat(LinkUpgrade.version(r)).isEqualTo(2);
        FullHttpResponse answer = LinkUpgrade.switchingProtocols(r);
        assertThat(answer.status().code()).isEqualTo(101);
        assertThat(answer.headers().get("Sec-WebSocket-Accept"))
                .isEqualTo("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // RFC 6455 1.3
        assertThat(answer.headers().get("Sec-WebSocket-Protocol")).isEqualTo("culvert.2");
        answer.release();
    }

    @ParameterizedTest
    @CsvSource({
        "Connection,close",
        "Upgrade,h2c",
        "Sec-WebSocket-Version,8",
        "Sec-WebSocket-Key,short",
        "Sec-WebSocket-Key,!!!!!!!!!!!!!!!!!!!!!!==",
        "Sec-WebSocket-Key,"
    })
    void anythingElseIsNot(String header, String value) {
        HttpRequest r = request();
        if (value == null) {
            r.headers().remove(header);
        } else {
            r.headers().set(header, value);
        }
        assertThat(LinkUpgrade.isLinkRequest(r)).isFalse();
    }

    @Test
    void anotherPathOrVersionIsNot() {
        HttpRequest r = request();
        r.setUri("/linked");
        assertThat(LinkUpgrade.isLinkRequest(r)).isFalse();
        r.headers().set("Sec-WebSocket-Protocol", "culvert.12");
        assertThat(LinkUpgrade.version(r)).isZero();
    }

    // ---- tokens that are bound to a key ----

    private static final String CHALLENGE =
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Culvert-Proof nonce=\"n1\"\r\n"
                    + "Content-Type: text/plain\r\nContent-Length: 5\r\n";

    private Future<Link> connect(URI uri, byte[] pin, KeyPair key) throws Exception {
        Future<Link> f = new LinkConnector(uri, pin, "the.token", key)
                .connect(LOOP.next(), LinkSettings.DEFAULT, new FlowMultiplexer(events));
        assertThat(f.await(60, TimeUnit.SECONDS)).isTrue();
        return f;
    }

    private static KeyPair holder() throws Exception {
        return java.security.KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    /** Challenges, reads the request that follows on the same connection, then does what the script says. */
    private static GatewayStub.Script challenging(CompletableFuture<String> second, GatewayStub.Script then) {
        return (request, socket) -> {
            socket.getOutputStream()
                    .write((CHALLENGE + "\r\nproof").getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            String again = GatewayStub.readRequest(socket.getInputStream());
            second.complete(again);
            then.answer(again, socket);
        };
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aChallengeIsAnsweredOnTheSameConnection(boolean tls) throws Exception {
        KeyPair ca = GatewayStub.key();
        GatewayStub.Identity identity = identity(ca, ca, Duration.ofDays(1));
        CompletableFuture<String> second = new CompletableFuture<>();
        try (GatewayStub stub =
                new GatewayStub(tls ? identity : null, challenging(second, GatewayStub.upgrade(new byte[0])))) {
            Future<Link> link = connect(stub.uri(), tls ? GatewayStub.pin(ca) : null, holder());
            assertThat(link.cause()).isNull();
            assertThat(stub.sockets).hasSize(1);
            assertThat(GatewayStub.header(stub.requests.get(0), "culvert-proof"))
                    .isEmpty();
            LinkProof proof = LinkProof.parse(GatewayStub.header(second.get(), "culvert-proof"));
            assertThat(proof.nonce()).isEqualTo("n1");
            assertThat(proof.verify("the.token", RuntimeEd25519::verify)).isTrue();
            assertThat(proof.certificate()).isEqualTo(tls ? LinkProof.sha256(identity.chain()[0].getEncoded()) : null);
            assertThat(GatewayStub.header(second.get(), "authorization")).isEqualTo("Bearer the.token");
        }
    }

    /** The nonce was too old by then, or a proxy has other ideas: a new try may help, so it is no refusal. */
    @ParameterizedTest
    @ValueSource(strings = {"second challenge", "connection: close"})
    void aProofThatIsNotTakenIsTriedAgain(String how) throws Exception {
        GatewayStub.Script close = GatewayStub.response(CHALLENGE + "Connection: close\r\n\r\nproof");
        GatewayStub.Script again =
                challenging(new CompletableFuture<>(), GatewayStub.response(CHALLENGE + "\r\nproof"));
        try (GatewayStub stub = new GatewayStub(null, how.startsWith("second") ? again : close)) {
            assertThat(connect(stub.uri(), null, holder()).cause())
                    .isNotInstanceOf(LinkRefusedException.class)
                    .hasMessageContaining("did not take our proof");
        }
    }

    @Test
    void withoutAKeyAChallengeIsARefusal() throws Exception {
        try (GatewayStub stub = new GatewayStub(null, GatewayStub.response(CHALLENGE + "\r\nproof"))) {
            assertThat(failure(stub.uri(), null))
                    .isInstanceOfSatisfying(
                            LinkRefusedException.class,
                            e -> assertThat(e.isPermanent()).isTrue())
                    .hasMessageContaining("refused: proof");
        }
    }

    @Test
    void tooManyWrongTokensAreNoRefusalOfThisOne() throws Exception {
        try (GatewayStub stub =
                new GatewayStub(null, GatewayStub.response(GatewayStub.page("429 Slow", "text/html", "<p>")))) {
            assertThat(failure(stub.uri(), null))
                    .isInstanceOfSatisfying(
                            LinkRefusedException.class,
                            e -> assertThat(e.isPermanent()).isFalse())
                    .hasMessageContaining("too many wrong tokens");
        }
    }
}
