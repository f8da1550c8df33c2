package dev.culvert.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.culvert.tunnel.fixture.GatewayStub;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslContextOption;
import io.netty.handler.ssl.OptionalSslHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.util.concurrent.Ticker;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which group of TLS stands between our ends, and with those that know fewer. */
@NullUnmarked
final class KeyExchangeTest {
    /** What a full segment carries over Ethernet, with time stamps. */
    private static final int SEGMENT = 1_448;

    private final KeyPair ca = key();
    private final KeyPair key = key();
    private EmbeddedChannel client;
    private EmbeddedChannel server;

    /** The length of what the client said first. */
    private int clientHello;

    @BeforeEach
    void boringSslIsHere() {
        assumeTrue(OpenSsl.isAvailable());
    }

    private static KeyPair key() {
        try {
            return GatewayStub.key();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private SslContextBuilder atServer() throws Exception {
        X509Certificate leaf = GatewayStub.certificate("gw", key, "ca", ca, false, Duration.ofDays(1));
        X509Certificate root = GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(1));
        return SslContextBuilder.forServer(key.getPrivate(), leaf, root);
    }

    private SslContext ourServer() throws Exception {
        return KeyExchange.context(atServer());
    }

    private SslContext ourClient() throws Exception {
        return GatewayTrust.clientContext(GatewayStub.pin(ca));
    }

    /** A client that is not ours: it believes anybody, and offers these groups alone. */
    private SslContextBuilder stranger(String... groups) {
        return SslContextBuilder.forClient()
                .trustManager(InsecureTrustManagerFactory.INSTANCE)
                .endpointIdentificationAlgorithm(null)
                .sslProvider(SslProvider.OPENSSL)
                .option(OpenSslContextOption.GROUPS, groups);
    }

    /** Lets them shake hands, their bytes in pieces of one length; and then say a word each way. */
    private void connect(SslContext clients, SslContext servers, int piece) throws Exception {
        server = frozen(new OptionalSslHandler(servers));
        SslHandler tls = clients.newHandler(UnpooledByteBufAllocator.DEFAULT, "gateway.example.com", 443);
        client = frozen(tls);
        exchange(piece);
        assertThat(tls.handshakeFuture().isSuccess())
                .as("%s", tls.handshakeFuture().cause())
                .isTrue();
        client.writeOutbound(Unpooled.copiedBuffer(new byte[] {1}));
        server.writeOutbound(Unpooled.copiedBuffer(new byte[] {2}));
        exchange(piece);
        assertThat(word(server)).isEqualTo(1);
        assertThat(word(client)).isEqualTo(2);
    }

    /** However long a busy machine takes, no handshake is late. */
    private static EmbeddedChannel frozen(ChannelHandler handler) {
        return EmbeddedChannel.builder()
                .ticker(Ticker.newMockTicker())
                .handlers(handler)
                .build();
    }

    private static int word(EmbeddedChannel channel) {
        ByteBuf in = channel.readInbound();
        try {
            return in.readByte();
        } finally {
            in.release();
        }
    }

    private void exchange(int piece) {
        boolean first = clientHello == 0;
        for (boolean more = true; more; ) {
            int sent = pass(client, server, piece);
            clientHello = first ? sent : clientHello;
            first = false;
            more = sent + pass(server, client, piece) > 0;
        }
    }

    private static int pass(EmbeddedChannel from, EmbeddedChannel to, int piece) {
        from.runPendingTasks();
        int sent = 0;
        for (ByteBuf out = from.readOutbound(); out != null; out = from.readOutbound()) {
            sent += out.readableBytes();
            while (out.isReadable()) {
                to.writeInbound(out.readBytes(Math.min(piece, out.readableBytes())));
            }
            out.release();
        }
        to.runPendingTasks();
        return sent;
    }

    @AfterEach
    void end() {
        if (client != null) {
            client.finishAndReleaseAll();
            server.finishAndReleaseAll();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 6, SEGMENT, 100_000})
    void betweenOursItIsTheHybridHoweverItsBytesCome(int piece) throws Exception {
        connect(ourClient(), ourServer(), piece);
        assertThat(KeyExchange.of(client)).isEqualTo("X25519MLKEM768");
        assertThat(KeyExchange.of(server)).isEqualTo("X25519MLKEM768");
        assertThat(clientHello).as("more than one segment").isGreaterThan(SEGMENT);
    }

    @ParameterizedTest
    @CsvSource({"x25519, X25519", "secp256r1, P-256", "secp384r1, P-384"})
    void aSideThatKnowsFewerTakesTheNext(String only, String stands) throws Exception {
        connect(stranger(only).build(), ourServer(), SEGMENT);
        assertThat(KeyExchange.of(server)).isEqualTo(stands);
        end();
        connect(
                ourClient(),
                atServer()
                        .sslProvider(SslProvider.OPENSSL)
                        .option(OpenSslContextOption.GROUPS, new String[] {only})
                        .build(),
                SEGMENT);
        assertThat(KeyExchange.of(client)).isEqualTo(stands);
    }

    /** Whatever order the client has: it is the server's that counts, among ours the same. */
    @Test
    void whoWouldRatherNotStillGetsTheHybrid() throws Exception {
        connect(stranger("x25519", "X25519MLKEM768").build(), ourServer(), SEGMENT);
        assertThat(KeyExchange.of(server)).isIn("X25519", "X25519MLKEM768");
    }

    @Test
    void aLibraryWithoutTheHybridHasTheOthers() throws Exception {
        SslContext older = KeyExchange.context(atServer(), SslProvider.OPENSSL, "NoSuchGroup1024");
        connect(ourClient(), older, SEGMENT);
        assertThat(KeyExchange.of(client)).isEqualTo("X25519");
        assertThat(KeyExchange.of(server)).isEqualTo("X25519");
        assertThatThrownBy(() -> SslContextBuilder.forClient()
                        .sslProvider(SslProvider.OPENSSL)
                        .option(OpenSslContextOption.GROUPS, new String[] {"NoSuchGroup1024"})
                        .build())
                .as("that such a group is an error is why it is tried twice")
                .isInstanceOf(SSLException.class);
    }

    @Test
    void withTheJdksTlsOnEitherSideALinkComesUpAndNothingIsClaimed() throws Exception {
        connect(ourClient(), KeyExchange.context(atServer(), SslProvider.JDK, "X25519MLKEM768"), SEGMENT);
        assertThat(KeyExchange.of(client)).isNotEmpty();
        assertThat(KeyExchange.of(server)).isEmpty();
        end();
        SslContextBuilder jdk = SslContextBuilder.forClient()
                .trustManager(InsecureTrustManagerFactory.INSTANCE)
                .endpointIdentificationAlgorithm(null);
        connect(KeyExchange.context(jdk, SslProvider.JDK, "X25519MLKEM768"), ourServer(), SEGMENT);
        assertThat(KeyExchange.of(client)).isEmpty();
        assertThat(KeyExchange.of(server)).isNotEmpty();
    }

    @Test
    void withoutTlsThereIsNone() {
        EmbeddedChannel plain = new EmbeddedChannel();
        assertThat(KeyExchange.of(plain)).isEmpty();
        plain.finishAndReleaseAll();
    }
}
