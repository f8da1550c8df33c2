package dev.culvert.gateway.door;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;

/** What is said in TLS where no TLS is set up. */
final class TlsAlert {
    /** A fatal alert, unrecognized_name, in a record of TLS 1.2 (RFC 6066 section 3, RFC 8446 sections 5.1 and 6). */
    private static final byte[] UNRECOGNIZED_NAME = {21, 3, 3, 0, 2, 2, 112};

    private TlsAlert() {}

    /** Says that nobody of that name is here, rather than show the certificate of another, and closes. On the event loop. */
    static void unrecognizedName(ChannelHandlerContext ctx) {
        ctx.writeAndFlush(Unpooled.wrappedBuffer(UNRECOGNIZED_NAME)).addListener(ChannelFutureListener.CLOSE);
    }
}
