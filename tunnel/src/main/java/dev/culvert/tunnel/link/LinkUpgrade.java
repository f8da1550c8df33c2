package dev.culvert.tunnel.link;

import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.outgoing.SocketDepth;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslHandler;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * The HTTP/1.1 upgrade to a link (RFC 6455 section 4): names, checks, and what the channel becomes afterwards. The
 * version of the link protocol is the WebSocket subprotocol.
 */
public final class LinkUpgrade {
    /** Where a gateway answers upgrades; everything else there is an ordinary web server's business. */
    public static final String PATH = "/link";

    /** The newest version of the link protocol; each older one is spoken too. In version 2 flows may outlive their link. */
    public static final int NEWEST = 2;

    private static final String PREFIX = "culvert.";

    /**
     * In a gateway's answer, whatever its value: this token is refused, and only a person's work helps. A proxy's 403 does not
     * have it.
     */
    public static final String REFUSAL = "Culvert-Refusal";

    private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 1.3

    private LinkUpgrade() {}

    /** True when the request asks for a link: path, upgrade headers and subprotocol. */
    public static boolean isLinkRequest(HttpRequest request) {
        return PATH.equals(path(request.uri()))
                && request.headers().containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE, true)
                && request.headers().containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true)
                && "13".equals(request.headers().get(HttpHeaderNames.SEC_WEBSOCKET_VERSION))
                && validKey(request.headers().get(HttpHeaderNames.SEC_WEBSOCKET_KEY));
    }

    /** The WebSocket subprotocol that stands for a version. */
    public static String subprotocol(int version) {
        return PREFIX + version;
    }

    /** What is offered: the best first. */
    static String offer() {
        StringBuilder all = new StringBuilder(subprotocol(NEWEST));
        for (int version = NEWEST - 1; version > 0; version--) {
            all.append(", ").append(subprotocol(version));
        }
        return all.toString();
    }

    /** The version that an answer has chosen of what we offered; 0 when it is none of them. */
    static int chosen(@Nullable String subprotocol) {
        for (int version = NEWEST; version > 0; version--) {
            if (subprotocol(version).equals(subprotocol)) {
                return version;
            }
        }
        return 0;
    }

    /** The newest version that both the request and we know; 0 when there is none. */
    public static int version(HttpRequest request) {
        for (int version = NEWEST; version > 0; version--) {
            if (request.headers().containsValue(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL, subprotocol(version), false)) {
                return version;
            }
        }
        return 0;
    }

    private static boolean validKey(@Nullable String key) {
        if (key == null) {
            return false;
        }
        try {
            return Base64.getDecoder().decode(key).length == 16;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static String path(String uri) {
        int query = uri.indexOf('?');
        return query < 0 ? uri : uri.substring(0, query);
    }

    /** The 101 response to a request for which {@link #isLinkRequest} holds, with its {@link #version}. */
    public static FullHttpResponse switchingProtocols(HttpRequest request) {
        FullHttpResponse response =
                new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS);
        response.headers()
                .set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET)
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE)
                .set(
                        HttpHeaderNames.SEC_WEBSOCKET_ACCEPT,
                        accept(request.headers().get(HttpHeaderNames.SEC_WEBSOCKET_KEY)))
                .set(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL, subprotocol(version(request)));
        return response;
    }

    /** What a server answers to a client's key, RFC 6455 section 4.2.2. */
    public static String accept(String key) {
        try {
            MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
            return Base64.getEncoder().encodeToString(sha1.digest((key + GUID).getBytes(StandardCharsets.US_ASCII)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-1", e);
        }
    }

    /**
     * Turns an HTTP channel into a link once the upgrade is agreed: tunes the socket and TLS, puts {@code link} last and
     * takes the HTTP handlers out. Bytes that came behind the upgrade reach the link.
     */
    public static void install(Channel channel, Link link, ChannelHandler... httpHandlers) {
        channel.config().setOption(ChannelOption.TCP_NODELAY, true);
        channel.config().setAutoRead(true);
        EventLoops.limitDepth(channel, SocketDepth.START);
        if (channel.config().getRecvByteBufAllocator() instanceof UpgradableReads reads) {
            reads.upgrade();
        } else {
            channel.config().setRecvByteBufAllocator(EventLoops.bulkReads());
        }
        ChannelPipeline pipeline = channel.pipeline();
        for (ChannelHandler handler : pipeline.toMap().values()) { // one is a proxy's, perhaps
            if (handler instanceof SslHandler tls) {
                tls.setWrapDataSize(0); // FairWriter cuts records; SslHandler need not gather (and copy) again
            }
        }
        pipeline.addLast(link);
        for (ChannelHandler handler : httpHandlers) {
            if (pipeline.context(handler) != null) {
                pipeline.remove(handler);
            }
        }
    }
}
