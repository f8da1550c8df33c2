package dev.culvert.tunnel.websocket;

import io.netty.buffer.ByteBuf;

/** The XOR of RFC 6455 5.3, eight bytes at a time, in place. */
final class WebSocketMask {
    private WebSocketMask() {}

    static void apply(ByteBuf b, int at, int n, int key) {
        long wide = (long) key << 32 | key & 0xffff_ffffL;
        int i = 0;
        for (; i + 8 <= n; i += 8) {
            b.setLong(at + i, b.getLong(at + i) ^ wide);
        }
        for (; i < n; i++) {
            b.setByte(at + i, b.getByte(at + i) ^ key >>> (24 - 8 * (i & 3)));
        }
    }
}
