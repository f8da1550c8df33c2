package dev.culvert.gateway.web;

import dev.culvert.gateway.web.RawHttp2.Frame;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Cuts what has come into frames (RFC 9113 4.1). */
final class RawFrames {
    private static final int HEAD = 9;

    private byte[] rest = {};

    /** The frames that are whole now. */
    List<Frame> of(byte[] more) {
        rest = RawHttp2.bytes(rest, more);
        List<Frame> whole = new ArrayList<>();
        int at = 0;
        while (rest.length - at >= HEAD) {
            ByteBuffer in = ByteBuffer.wrap(rest, at, rest.length - at);
            int length = (in.get() & 0xff) << 16 | in.getShort() & 0xffff;
            int type = in.get() & 0xff;
            int flags = in.get() & 0xff;
            int stream = in.getInt();
            if (in.remaining() < length) {
                break;
            }
            byte[] payload = new byte[length];
            in.get(payload);
            whole.add(new Frame(type, flags, stream, payload));
            at += HEAD + length;
        }
        rest = Arrays.copyOfRange(rest, at, rest.length);
        return whole;
    }
}
