package dev.culvert.gateway.certificate.acme;

import com.sun.net.httpserver.HttpServer;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.Challenges;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.SniHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLException;

/** Ports 80 and 443 as an authority sees them: they answer what the {@link Challenges} say, and nothing else. */
final class Answerer implements AutoCloseable {
    final AtomicInteger http = new AtomicInteger();
    final AtomicInteger tls = new AtomicInteger();
    volatile Challenges challenges = Challenges.NONE;
    private final HttpServer server;
    private final EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

    Answerer(int httpPort, int tlsPort) throws Exception {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), httpPort), 0);
        server.createContext("/", exchange -> {
            http.incrementAndGet();
            String path = exchange.getRequestURI().getPath();
            String answer = path.startsWith(Challenges.HTTP_PATH)
                    ? challenges.keyAuthorization(path.substring(Challenges.HTTP_PATH.length()))
                    : null;
            byte[] body = (answer == null ? "nothing here" : answer).getBytes(StandardCharsets.US_ASCII);
            exchange.sendResponseHeaders(answer == null ? 404 : 200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        new ServerBootstrap()
                .group(group)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline()
                                .addLast(new SniHandler(Answerer.this::context), new ChannelInboundHandlerAdapter() {
                                    @Override
                                    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                                        ctx.close(); // there is nothing for who asks, or he is content with less
                                    }
                                });
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), tlsPort)
                .sync();
    }

    private io.netty.util.concurrent.Future<SslContext> context(String name, Promise<SslContext> promise) {
        Certificate certificate = name == null ? null : challenges.tlsAlpn(name);
        if (certificate == null) {
            return promise.setFailure(new SSLException("nothing for " + name));
        }
        tls.incrementAndGet();
        try {
            return promise.setSuccess(SslContextBuilder.forServer(certificate.key(), certificate.chain())
                    .applicationProtocolConfig(new ApplicationProtocolConfig(
                            ApplicationProtocolConfig.Protocol.ALPN,
                            ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                            ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                            Challenges.TLS_PROTOCOL))
                    .build());
        } catch (SSLException e) {
            return promise.setFailure(e);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        group.shutdownGracefully(0, 5, java.util.concurrent.TimeUnit.SECONDS).syncUninterruptibly();
    }
}
