package dev.culvert.tunnel.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.proxy.Proxy;
import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.fixture.ProxyStub;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.GatewayTrust;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import dev.culvert.tunnel.link.UpgradeRequest;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.resolver.NoopAddressResolverGroup;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.security.KeyPair;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** TLS to a proxy, and TLS to the gateway inside it. */
@NullUnmarked
@Timeout(180)
final class ProxyTunnelTest {
    private static final MultiThreadIoEventLoopGroup LOOP = EventLoops.create(1, "tunnel-test");

    @AfterAll
    static void stop() {
        LOOP.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    private static GatewayStub.Identity identity(KeyPair ca) throws Exception {
        KeyPair key = GatewayStub.key();
        return new GatewayStub.Identity(
                key,
                GatewayStub.certificate("x", key, "ca", ca, false, Duration.ofDays(1)),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(1)));
    }

    @Test
    void aLinkInTlsInTls() throws Exception {
        KeyPair proxyCa = GatewayStub.key();
        KeyPair gatewayCa = GatewayStub.key();
        CompletableFuture<String> down = new CompletableFuture<>();
        FlowListener events = new FlowListener() {
            @Override
            public void onOpen(IncomingFlow flow) {
                flow.refuse(Reason.UNSUPPORTED, "");
            }

            @Override
            public void linkDown(FlowMultiplexer link, String why) {
                down.complete(why);
            }
        };
        ServerSocket listening = GatewayStub.context(identity(proxyCa))
                .getServerSocketFactory()
                .createServerSocket(0, 5, InetAddress.getLoopbackAddress());
        try (GatewayStub gateway = new GatewayStub(identity(gatewayCa), GatewayStub.upgrade(new byte[0]));
                ProxyStub proxy = new ProxyStub(listening, gateway.uri().getPort(), ProxyStub.http())) {
            ProxyTunnel tunnel = new ProxyTunnel(
                    Proxy.parse("https://proxy.corp:" + proxy.port()),
                    "vpn.example",
                    443,
                    GatewayTrust.clientContext(GatewayStub.pin(proxyCa)));
            Channel channel = new Bootstrap()
                    .group(LOOP)
                    .channel(EventLoops.socketChannel())
                    .resolver(NoopAddressResolverGroup.INSTANCE)
                    .option(ChannelOption.AUTO_READ, false)
                    .handler(new ChannelInitializer<SocketChannel>() {
                        @Override
                        protected void initChannel(SocketChannel ch) {
                            tunnel.install(ch, new InetSocketAddress(InetAddress.getLoopbackAddress(), proxy.port()));
                        }
                    })
                    .connect(tunnel.target())
                    .sync()
                    .channel();
            Future<Channel> established =
                    LOOP.next().submit(() -> ProxyTunnel.established(channel)).get(60, TimeUnit.SECONDS);
            assertThat(established.await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(established.cause()).isNull();
            UpgradeRequest upgrade = new UpgradeRequest(
                    LOOP.next().newPromise(),
                    LinkUpgrade.PATH,
                    "vpn.example",
                    "the.token",
                    null,
                    version -> new Link(
                            Link.Role.WEBSOCKET_CLIENT,
                            true,
                            LinkSettings.DEFAULT,
                            new FlowMultiplexer(events),
                            version));
            SslHandler inner = GatewayTrust.clientContext(GatewayStub.pin(gatewayCa))
                    .newHandler(channel.alloc(), "vpn.example", 443);
            LOOP.next()
                    .submit(() -> {
                        upgrade.install(channel, inner);
                        channel.config().setAutoRead(true);
                    })
                    .get(60, TimeUnit.SECONDS);
            assertThat(upgrade.link().await(60, TimeUnit.SECONDS)).isTrue();
            assertThat(upgrade.link().cause()).isNull();
            assertThat(channel.pipeline().toMap().values().stream().filter(SslHandler.class::isInstance))
                    .hasSize(2);
            Link link = upgrade.link().getNow();
            link.eventLoop().execute(() -> link.close(1000, "enough"));
            assertThat(down.get(60, TimeUnit.SECONDS)).isEqualTo("enough");
            assertThat(proxy.asked.get(0)).startsWith("CONNECT vpn.example:443 ");
        }
    }
}
