package dev.culvert.tunnel.link;

import dev.culvert.tunnel.dial.NetworkError;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.SecureRandom;
import java.security.cert.CertificateEncodingException;
import java.util.Base64;
import java.util.function.IntFunction;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/**
 * The holder's side of the upgrade, on a connection that is made: waits for TLS, asks, proves its key if it is asked to, and
 * puts the link in its own place. What stands at the other end may be anything: it is read up to a bound, and whoever runs
 * this bounds the time.
 */
public final class UpgradeRequest extends ChannelInboundHandlerAdapter {
    /** What is read before the answer is a link: some headers, a page for people. A gateway sends less than 1 KiB. */
    static final int MAX_ANSWER = 64 << 10;

    /** Longest text of a gateway's that is shown (docs/protocol.md section 1), in bytes of UTF-8. */
    private static final int MAX_TEXT = 4 * 300;

    private static final SecureRandom RANDOM = new SecureRandom();

    private final Promise<Link> link;
    private final String path;
    private final String host;
    private final String token;
    private final @Nullable KeyPair holderKey;
    private final IntFunction<Link> links;
    private final HttpClientCodec codec = new HttpClientCodec();
    private final Intake intake = new Intake();
    private final String key;
    private @Nullable SslHandler tls;
    private boolean proved;

    /** The answer that is being read, and its text so far; null when its text will not be shown. */
    private @Nullable HttpResponse answer;

    private @Nullable StringBuilder text;

    /**
     * @param link told what came of it; its failures say what the gateway did, in words for people
     * @param host for the Host header
     * @param links makes the link that takes over, of the version that was agreed
     */
    public UpgradeRequest(
            Promise<Link> link,
            String path,
            String host,
            String token,
            @Nullable KeyPair holderKey,
            IntFunction<Link> links) {
        this.link = link;
        this.path = path;
        this.host = host;
        this.token = token;
        this.holderKey = holderKey;
        this.links = links;
        byte[] nonce = new byte[16];
        RANDOM.nextBytes(nonce);
        key = Base64.getEncoder().encodeToString(nonce);
    }

    public Future<Link> link() {
        return link;
    }

    /**
     * Begins on a channel that is connected.
     *
     * @param tls with the gateway, not yet in the pipeline, where there may be that of a proxy; null without
     */
    public void install(Channel channel, @Nullable SslHandler tls) {
        this.tls = tls;
        if (tls != null) {
            channel.pipeline().addLast(tls);
        }
        channel.pipeline().addLast(intake, codec, this);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        if (tls == null) {
            request(ctx, null);
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof SslHandshakeCompletionEvent done) {
            if (done.isSuccess()) {
                request(ctx, null);
            } else {
                link.tryFailure(GatewayTrust.explain(done.cause()));
                ctx.close();
            }
        }
    }

    private void request(ChannelHandlerContext ctx, @Nullable LinkProof proof) {
        FullHttpRequest request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path);
        request.headers()
                .set(HttpHeaderNames.HOST, host)
                .set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET)
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE)
                .set(HttpHeaderNames.SEC_WEBSOCKET_KEY, key)
                .set(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "13")
                .set(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL, LinkUpgrade.offer())
                .set(HttpHeaderNames.AUTHORIZATION, "Bearer " + token);
        if (proof != null) {
            request.headers().set(LinkProof.NAME, proof.header());
        }
        ctx.writeAndFlush(request);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        try {
            if (msg instanceof HttpObject object && !link.isDone()) {
                if (object.decoderResult().isFailure()) {
                    fail(ctx, "its answer is not HTTP; is the port right?");
                } else {
                    read(ctx, object);
                }
            }
        } finally {
            ReferenceCountUtil.release(msg);
        }
    }

    private void read(ChannelHandlerContext ctx, HttpObject object) {
        if (object instanceof HttpResponse response) {
            answer = response;
            text = isShown(response) ? new StringBuilder() : null;
            if (text == null && !isInterim(response) && nonceOf(response) == null) {
                refused(ctx, response, ""); // its page is not for us
                return;
            }
        }
        HttpResponse current = answer;
        if (current == null) {
            return;
        }
        if (object instanceof HttpContent content && text != null) {
            text.append(
                    content.content().toString(StandardCharsets.UTF_8)); // a letter cut in two is shown as two signs
            if (text.length() > MAX_TEXT) {
                refused(ctx, current, "");
                return;
            }
        }
        if (object instanceof LastHttpContent) {
            answer = null;
            answered(ctx, current, text == null ? "" : text.toString().strip());
        }
    }

    /** 101, and those that come before the answer (RFC 9110 15.2). */
    private static boolean isInterim(HttpResponse response) {
        return response.status().codeClass() == HttpStatusClass.INFORMATIONAL;
    }

    private static boolean isShown(HttpResponse response) {
        return !isInterim(response)
                && response.headers().get(HttpHeaderNames.CONTENT_TYPE, "").startsWith("text/plain");
    }

    private static @Nullable String nonceOf(HttpResponse response) {
        return response.status().code() == HttpResponseStatus.UNAUTHORIZED.code()
                ? LinkProof.nonceOf(response.headers().get(HttpHeaderNames.WWW_AUTHENTICATE))
                : null;
    }

    private void answered(ChannelHandlerContext ctx, HttpResponse response, String said) {
        if (response.status().code() == HttpResponseStatus.SWITCHING_PROTOCOLS.code()) {
            int version = LinkUpgrade.chosen(response.headers().get(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL));
            if (!LinkUpgrade.accept(key).equals(response.headers().get(HttpHeaderNames.SEC_WEBSOCKET_ACCEPT))
                    || version == 0) {
                fail(ctx, "its answer to the WebSocket upgrade is not a gateway's");
                return;
            }
            // At once: frames often come in the same read, behind the 101, and the codec's removal passes them on.
            finish(ctx, version);
        } else if (!isInterim(response)) {
            String nonce = nonceOf(response);
            if (nonce != null && holderKey != null) {
                prove(ctx, response, holderKey, nonce);
            } else {
                refused(ctx, response, said);
            }
        }
    }

    /** The gateway wants to see that we have the token's key: the same request again, signed, on this connection. */
    private void prove(ChannelHandlerContext ctx, HttpResponse response, KeyPair holder, String nonce) {
        if (proved || !HttpUtil.isKeepAlive(response)) {
            fail(ctx, "it did not take our proof that we have the token's key; is a slow proxy in between?");
            return;
        }
        proved = true;
        try {
            byte[] certificate = tls == null
                    ? null
                    : LinkProof.sha256(
                            tls.engine().getSession().getPeerCertificates()[0].getEncoded());
            request(ctx, LinkProof.sign(holder, nonce, token, certificate));
        } catch (SSLPeerUnverifiedException | CertificateEncodingException e) {
            fail(ctx, "TLS: it showed no certificate");
        }
    }

    private void finish(ChannelHandlerContext ctx, int version) {
        if (!ctx.channel().isActive()) {
            fail(ctx, "it closed the connection");
            return;
        }
        if (!link.setUncancellable()) {
            ctx.close();
            return;
        }
        Link made = links.apply(version);
        LinkUpgrade.install(ctx.channel(), made, this, codec, intake);
        link.trySuccess(made);
    }

    private void refused(ChannelHandlerContext ctx, HttpResponse response, String said) {
        link.tryFailure(LinkRefusedException.of(response, said));
        ctx.close();
    }

    private void fail(ChannelHandlerContext ctx, String why) {
        link.tryFailure(new UnusableGatewayException(why));
        ctx.close();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        fail(ctx, "it closed the connection during the upgrade");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        fail(ctx, NetworkError.words(cause));
    }

    /** Counts what comes before the link. */
    private final class Intake extends ChannelInboundHandlerAdapter {
        private int bytes;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            // Behind the 101 frames may come in the same read; that read itself is bounded.
            int before = bytes;
            bytes += msg instanceof ByteBuf in ? in.readableBytes() : 0;
            if (before > MAX_ANSWER) {
                ReferenceCountUtil.release(msg);
                fail(ctx, "its answer to the WebSocket upgrade does not end");
            } else {
                ctx.fireChannelRead(msg);
            }
        }
    }
}
