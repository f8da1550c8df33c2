package dev.culvert.tunnel.proxy;

import dev.culvert.address.AddressText;
import dev.culvert.address.proxy.Proxy;
import dev.culvert.text.Printable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderResultProvider;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.socksx.v5.Socks5AuthMethod;
import io.netty.handler.codec.socksx.v5.Socks5CommandResponse;
import io.netty.handler.codec.socksx.v5.Socks5CommandStatus;
import io.netty.handler.codec.socksx.v5.Socks5InitialResponse;
import io.netty.handler.codec.socksx.v5.Socks5PasswordAuthResponse;
import io.netty.handler.codec.socksx.v5.Socks5PasswordAuthStatus;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Stands between the codec of a proxy's protocol and the handler that speaks it, reads each answer before that does, and says in words
 * for people what a bad one means. The page that comes with it is not waited for.
 */
final class ProxyAnswers extends ChannelInboundHandlerAdapter {
    private static final String LOGIN = "give them with --proxy-user-file FILE";

    private static final String WRONG = "it does not take this user and password";

    private static final String STATUS_407 = " (HTTP 407)";

    /** Of what a proxy asks for, in a line for people. */
    private static final int MAX_SCHEMES = 100;

    private final Proxy proxy;
    private final InetSocketAddress target;

    ProxyAnswers(Proxy proxy, InetSocketAddress target) {
        this.proxy = proxy;
        this.target = target;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ProxyRefusedException refusal = refusal(msg);
        if (refusal == null) {
            ctx.fireChannelRead(msg);
        } else {
            ReferenceCountUtil.release(msg);
            ctx.fireExceptionCaught(refusal);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        ctx.fireExceptionCaught(passing("it closed the connection without an answer"));
        ctx.fireChannelInactive();
    }

    private @Nullable ProxyRefusedException refusal(Object msg) {
        if (msg instanceof DecoderResultProvider decoded
                && decoded.decoderResult().isFailure()) {
            return lasting("its answer is not that of a proxy of this kind (" + proxy.kind()
                    + "): look at its port, and say --proxy http://, https:// or socks5:// as it is");
        }
        if (msg instanceof HttpResponse response) {
            return http(response);
        }
        if (msg instanceof Socks5InitialResponse response) {
            return method(response.authMethod());
        }
        if (msg instanceof Socks5PasswordAuthResponse response) {
            return response.status() == Socks5PasswordAuthStatus.SUCCESS ? null : ProxyRefusedException.ofLogin(WRONG);
        }
        return msg instanceof Socks5CommandResponse response ? socks(response.status()) : null;
    }

    private @Nullable ProxyRefusedException http(HttpResponse response) {
        int status = response.status().code();
        if (response.status().codeClass() == HttpStatusClass.SUCCESS) {
            return null;
        }
        return switch (status) {
            case 407 -> login(response.headers().getAll(HttpHeaderNames.PROXY_AUTHENTICATE));
            case 403 ->
                lasting("it does not let you connect to " + where() + " (HTTP 403): have it allow CONNECT to that host"
                        + (target.getPort() == 443
                                ? ""
                                : " and port, or let the gateway listen at 443, which many proxies allow alone"));
            case 502, 503, 504 ->
                passing("it cannot reach " + where() + " (HTTP " + status
                        + "): the gateway is not running, or the proxy does not know the name or the way");
            case 400, 405, 501 ->
                lasting("it does not do CONNECT (HTTP " + status + "): is it a proxy, and the port right?");
            default ->
                lasting("it answered HTTP " + status + " to CONNECT; "
                        + (status >= 300 && status < 400 || status == 511
                                ? "does this network want you to log in first, with a browser?"
                                : "is it a proxy, and the port right?"));
        };
    }

    private ProxyRefusedException login(List<String> offered) {
        boolean basic = offered.isEmpty()
                || offered.stream().anyMatch(o -> o.toLowerCase(Locale.ROOT).startsWith("basic"));
        if (!basic) {
            String schemes = String.join(
                    ", ", offered.stream().map(o -> o.split("[ ,]", 2)[0]).toList());
            return lasting("it wants you to log in by " + Printable.shorten(schemes, MAX_SCHEMES)
                    + ", and this program knows Basic alone: a proxy on this machine that knows it can stand in between"
                    + STATUS_407);
        }
        return proxy.login() == null
                ? lasting("it wants a user and a password: " + LOGIN + STATUS_407)
                : ProxyRefusedException.ofLogin(WRONG + STATUS_407);
    }

    private @Nullable ProxyRefusedException method(Socks5AuthMethod method) {
        if (method == Socks5AuthMethod.NO_AUTH || method == Socks5AuthMethod.PASSWORD && proxy.login() != null) {
            return null;
        }
        return lasting(
                proxy.login() == null
                        ? "it wants a user and a password: " + LOGIN
                        : "it takes neither a user with a password nor anybody without");
    }

    /** RFC 1928 section 6. */
    private @Nullable ProxyRefusedException socks(Socks5CommandStatus status) {
        if (status == Socks5CommandStatus.SUCCESS) {
            return null;
        }
        if (status == Socks5CommandStatus.FORBIDDEN) {
            return lasting("it does not let you connect to " + where() + ": have it allow that host and port");
        }
        if (status == Socks5CommandStatus.COMMAND_UNSUPPORTED || status == Socks5CommandStatus.ADDRESS_UNSUPPORTED) {
            return lasting("it does not know how to connect to " + where());
        }
        if (status == Socks5CommandStatus.CONNECTION_REFUSED) {
            return passing("it cannot reach " + where() + ": connection refused there; is the gateway running?");
        }
        return passing("it cannot reach " + where()
                + ": the gateway is not running, or the proxy does not know the name or the way (SOCKS reply "
                + (status.byteValue() & 0xff) + ")");
    }

    private String where() {
        return AddressText.of(target);
    }

    private static ProxyRefusedException lasting(String words) {
        return new ProxyRefusedException(words, true);
    }

    private static ProxyRefusedException passing(String words) {
        return new ProxyRefusedException(words, false);
    }
}
