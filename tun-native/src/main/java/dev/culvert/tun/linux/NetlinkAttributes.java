package dev.culvert.tun.linux;

import dev.culvert.address.IpLiteral;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The attributes (length, type, value) of a netlink message, read and written. */
final class NetlinkAttributes {
    private static final int HEADER_BYTES = 4;

    /** NLA_F_NESTED and NLA_F_NET_BYTEORDER mark the value, not the type. */
    private static final int TYPE_MASK = 0x3fff;

    private final Map<Integer, byte[]> values = new HashMap<>();

    private NetlinkAttributes() {}

    /** Reads what remains; what is torn ends it. */
    static NetlinkAttributes of(ByteBuffer in) {
        NetlinkAttributes attributes = new NetlinkAttributes();
        while (in.remaining() >= HEADER_BYTES) {
            int start = in.position();
            int length = in.getShort() & 0xffff;
            int type = in.getShort() & TYPE_MASK;
            if (length < HEADER_BYTES || length > in.limit() - start) {
                break;
            }
            byte[] value = new byte[length - HEADER_BYTES];
            in.get(value);
            attributes.values.putIfAbsent(type, value);
            in.position(Math.min(in.limit(), start + ((length + 3) & ~3)));
        }
        return attributes;
    }

    boolean has(int type) {
        return values.containsKey(type);
    }

    byte @Nullable [] bytes(int type) {
        return values.get(type);
    }

    /** The attributes within an attribute; none when it is not there. */
    NetlinkAttributes nested(int type) {
        return of(buffer(values.getOrDefault(type, new byte[0])));
    }

    static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    }

    /** An unsigned 32-bit number. */
    long number(int type, long missing) {
        byte[] value = values.get(type);
        return value == null || value.length < 4 ? missing : buffer(value).getInt() & 0xffff_ffffL;
    }

    String string(int type) {
        byte[] value = values.get(type);
        if (value == null || value.length == 0) {
            return "";
        }
        int length = value[value.length - 1] == 0 ? value.length - 1 : value.length;
        return new String(value, 0, length, StandardCharsets.UTF_8);
    }

    /** An IPv4 or IPv6 address, by its length; null when it is not there. */
    @Nullable
    InetAddress address(int type) {
        byte[] value = values.get(type);
        return value == null ? null : address(value);
    }

    static @Nullable InetAddress address(byte[] value) {
        return value.length == 4 || value.length == 16 ? IpLiteral.fromBytes(value) : null; // of another family
    }

    /** Builds the body of a message: fixed fields, then attributes. */
    static final class Writer {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Writer u8(int... values) {
            for (int value : values) {
                out.write(value);
            }
            return this;
        }

        Writer u32(long value) {
            return raw(word(value));
        }

        Writer number(int type, long value) {
            return bytes(type, word(value));
        }

        Writer string(int type, String value) {
            return bytes(type, (value + "\0").getBytes(StandardCharsets.UTF_8));
        }

        Writer bytes(int type, byte[] value) {
            raw(buffer(new byte[HEADER_BYTES])
                    .putShort((short) (HEADER_BYTES + value.length))
                    .putShort((short) type)
                    .array());
            raw(value);
            while (out.size() % 4 != 0) {
                out.write(0);
            }
            return this;
        }

        private Writer raw(byte[] bytes) {
            out.write(bytes, 0, bytes.length);
            return this;
        }

        private static byte[] word(long value) {
            return buffer(new byte[4]).putInt((int) value).array();
        }

        byte[] done() {
            return out.toByteArray();
        }
    }
}
