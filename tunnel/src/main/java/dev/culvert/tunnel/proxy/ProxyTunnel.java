package dev.culvert.tunnel.proxy;

import dev.culvert.address.IpLiteral;
import dev.culvert.address.proxy.Proxy;
import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.link.GatewayTrust;
import io.netty.channel.Channel;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.proxy.HttpProxyHandler;
import io.netty.handler.proxy.ProxyHandler;
import io.netty.handler.proxy.Socks5ProxyHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.util.AttributeKey;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Has a proxy make the connection to a gateway. What is written before there is one waits; then nothing of this is left in the pipeline,
 * but TLS to the proxy itself. The gateway's name is the proxy's to resolve. Who uses it bounds the time.
 */
public final class ProxyTunnel {
    private static final AttributeKey<ProxyHandler> HANDLER = AttributeKey.valueOf(ProxyTunnel.class, "handler");

    private static final AttributeKey<String> CODEC = AttributeKey.valueOf(ProxyTunnel.class, "codec");

    private final Proxy proxy;
    private final InetSocketAddress target;
    private final @Nullable SslContext tls;

    /**
     * @param host the gateway's, a name or an address
     * @param port the gateway's
     * @throws SSLException when TLS to the proxy cannot be set up
     */
    public ProxyTunnel(Proxy proxy, String host, int port) throws SSLException {
        this(proxy, host, port, proxy.kind() == Proxy.Kind.HTTPS ? GatewayTrust.clientContext(null) : null);
    }

    ProxyTunnel(Proxy proxy, String host, int port, @Nullable SslContext tls) {
        this.proxy = proxy;
        InetAddress literal = IpLiteral.parse(host);
        this.target =
                literal == null ? InetSocketAddress.createUnresolved(host, port) : new InetSocketAddress(literal, port);
        this.tls = tls;
    }

    public Proxy proxy() {
        return proxy;
    }

    /** What a bootstrap is to connect to, with a channel that {@link #install} has prepared. */
    public InetSocketAddress target() {
        return target;
    }

    /**
     * Prepares a channel that has yet to connect.
     *
     * @param address of the proxy, resolved
     */
    public void install(Channel ch, InetSocketAddress address) {
        ChannelPipeline pipeline = ch.pipeline();
        if (tls != null) {
            pipeline.addLast(tls.newHandler(ch.alloc(), proxy.host(), proxy.port()));
        }
        ProxyHandler handler = handler(address);
        handler.setConnectTimeoutMillis(0);
        pipeline.addLast(handler);
        // Its codec has come before it, and this between the two.
        String name = pipeline.context(handler).name();
        List<String> names = pipeline.names();
        ch.attr(CODEC).set(names.get(names.indexOf(name) - 1));
        pipeline.addBefore(name, null, new ProxyAnswers(proxy, target));
        ch.attr(HANDLER).set(handler);
    }

    private ProxyHandler handler(InetSocketAddress address) {
        Proxy.Login login = proxy.login();
        if (proxy.kind() == Proxy.Kind.SOCKS5) {
            return login == null
                    ? new Socks5ProxyHandler(address)
                    : new Socks5ProxyHandler(address, bytes(login.user()), bytes(login.password()));
        }
        return login == null
                ? new HttpProxyHandler(address)
                : new HttpProxyHandler(address, login.user(), login.password());
    }

    /** Netty writes a character as a byte: so what it writes is UTF-8, as people's names are everywhere else. */
    private static String bytes(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    /**
     * Done when the gateway's bytes are next; fails with a {@link ProxyRefusedException}.
     *
     * @param ch connected to the proxy
     */
    public static Future<Channel> established(Channel ch) {
        Promise<Channel> promise = ch.eventLoop().newPromise();
        ProxyHandler handler = ch.attr(HANDLER).get();
        handler.connectFuture().addListener(f -> {
            if (!f.isSuccess()) {
                promise.tryFailure(explain(f.cause()));
            } else if (ch.pipeline().context(handler) == null) { // it was closed at once
                promise.tryFailure(new ProxyRefusedException("it closed the connection", false));
            } else {
                ch.pipeline().remove(ProxyAnswers.class);
                ch.pipeline().remove(handler);
                String codec = ch.attr(CODEC).get();
                if (ch.pipeline().context(codec)
                        != null) { // that of SOCKS goes by itself, that of HTTP stays as an empty hull
                    ch.pipeline().remove(codec);
                }
                promise.trySuccess(ch);
            }
        });
        return promise;
    }

    /** The handler wraps what it failed of. */
    private static IOException explain(Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause()) {
            if (t instanceof ProxyRefusedException refused) {
                return refused;
            }
        }
        Throwable cause = failure.getCause();
        if (cause == null) {
            return new ProxyRefusedException("its answer is not a proxy's", true);
        }
        return new ProxyRefusedException(
                NetworkError.of(cause) == NetworkError.OTHER
                        ? String.valueOf(GatewayTrust.explain(cause).getMessage())
                        : NetworkError.words(cause),
                false);
    }
}
