package dev.culvert.gateway.door;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.ssl.AbstractSniHandler;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
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

    /** RFC 7301 section 3.1. */
    private static final int ALPN = 16;

    /** Of a ClientHello: its version and its random (RFC 8446 section 4.1.2). */
    private static final int BEFORE_SESSION = 2 + 32;

    /** Chooses, on the event loop. */
    interface Chooser {
        /**
         * @param name in lower case; null when none was said
         * @param protocols that are offered (ALPN), in their order; empty for none
         */
        void choose(ChannelHandlerContext ctx, @Nullable String name, List<String> protocols);

        /** It is no TLS. */
        void chooseInTheClear(ChannelHandlerContext ctx);
    }

    private final Chooser chooser;
    private boolean seen;
    private List<String> protocols = List.of();

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
        protocols = clientHello == null ? List.of() : protocols(clientHello.slice());
        return super.lookup(ctx, clientHello);
    }

    /** What is offered by ALPN; nothing where the ClientHello is broken, which TLS finds too. */
    static List<String> protocols(ByteBuf hello) {
        List<String> out = new ArrayList<>();
        try {
            hello.skipBytes(BEFORE_SESSION);
            hello.skipBytes(hello.readUnsignedByte()); // session
            hello.skipBytes(hello.readUnsignedShort()); // cipher suites
            hello.skipBytes(hello.readUnsignedByte()); // compression methods
            ByteBuf extensions = hello.readSlice(hello.readUnsignedShort());
            while (extensions.isReadable()) {
                int type = extensions.readUnsignedShort();
                ByteBuf extension = extensions.readSlice(extensions.readUnsignedShort());
                if (type == ALPN) {
                    ByteBuf names = extension.readSlice(extension.readUnsignedShort());
                    while (names.isReadable()) {
                        int length = names.readUnsignedByte();
                        out.add(names.readCharSequence(length, StandardCharsets.ISO_8859_1)
                                .toString());
                    }
                }
            }
        } catch (IndexOutOfBoundsException e) {
            return List.of();
        }
        return List.copyOf(out);
    }

    @Override
    protected Future<Boolean> lookup(ChannelHandlerContext ctx, @Nullable String hostname) {
        return ctx.executor().newSucceededFuture(true);
    }

    @Override
    protected void onLookupComplete(ChannelHandlerContext ctx, @Nullable String hostname, Future<Boolean> future) {
        if (ctx.channel().isActive() && !ctx.isRemoved()) {
            chooser.choose(ctx, hostname, protocols);
        }
    }
}
