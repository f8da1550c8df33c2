package dev.culvert.gateway.door;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.ssl.AbstractSniHandler;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a TLS connection by the name that its ClientHello asks for (RFC 6066 section 3), before anything is answered. It
 * leaves the pipeline then, and what it has read goes on to the next handler.
 */
final class ServerNameChoice extends AbstractSniHandler<Boolean> {
    /** Ours has 1.6 KiB with the hybrid key share, browsers' 2; what a record holds at most. */
    static final int MAX_CLIENT_HELLO = 16 << 10;

    private static final int RECORD_HEADER = 5;

    /** RFC 8737 section 6.2, as ALPN has it: with its length before it. */
    private static final byte[] ACME = "\012acme-tls/1".getBytes(StandardCharsets.US_ASCII);

    /** Chooses, on the event loop. */
    interface Chooser {
        /**
         * @param name in lower case; null when none was said
         * @param challenge whether a certificate authority asks to be shown that the name is ours
         */
        void choose(ChannelHandlerContext ctx, @Nullable String name, boolean challenge);

        /** It is no TLS. */
        void chooseInTheClear(ChannelHandlerContext ctx);
    }

    private final Chooser chooser;
    private boolean seen;
    private boolean challenge;

    ServerNameChoice(long handshakeMillis, Chooser chooser) {
        super(MAX_CLIENT_HELLO, handshakeMillis);
        this.chooser = chooser;
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) throws Exception {
        if (seen || in.readableBytes() >= RECORD_HEADER) {
            if (!seen && !SslHandler.isEncrypted(in, false)) {
                chooser.chooseInTheClear(ctx);
                return;
            }
            seen = true;
            super.decode(ctx, in, out);
        }
    }

    @Override
    protected Future<Boolean> lookup(ChannelHandlerContext ctx, @Nullable ByteBuf clientHello) throws Exception {
        challenge = clientHello != null && contains(clientHello);
        return super.lookup(ctx, clientHello);
    }

    private static boolean contains(ByteBuf hello) {
        for (int i = hello.readerIndex(); i + ACME.length <= hello.writerIndex(); i++) {
            int n = 0;
            while (n < ACME.length && hello.getByte(i + n) == ACME[n]) {
                n++;
            }
            if (n == ACME.length) {
                return true;
            }
        }
        return false;
    }

    @Override
    protected Future<Boolean> lookup(ChannelHandlerContext ctx, @Nullable String hostname) {
        return ctx.executor().newSucceededFuture(true);
    }

    @Override
    protected void onLookupComplete(ChannelHandlerContext ctx, @Nullable String hostname, Future<Boolean> future) {
        if (ctx.channel().isActive() && !ctx.isRemoved()) {
            chooser.choose(ctx, hostname, challenge);
        }
    }
}
