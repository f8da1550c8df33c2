package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufHolder;
import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * Between the messages of a datagram flow and the payload of a DATAGRAM frame. What the flags say comes first, in this order:
 * port, hop limit, error.
 */
public final class DatagramCodec {
    private DatagramCodec() {}

    /** Whether a datagram flow can carry the message. */
    public static boolean accepts(Object message) {
        return message instanceof ByteBuf b
                ? b.readableBytes() <= Frame.MAX_PAYLOAD
                : message instanceof ByteBufHolder holder && flags(message) != 0 && length(holder) <= Frame.MAX_PAYLOAD;
    }

    /** The flags that the message needs; 0 for a {@link ByteBuf}. */
    public static int flags(Object message) {
        if (message instanceof PortedDatagram) {
            return Frame.FLAG_PORT;
        }
        if (message instanceof HopLimitedDatagram d) {
            return Frame.FLAG_HOP_LIMIT | (d.port() == 0 ? 0 : Frame.FLAG_PORT);
        }
        if (message instanceof DatagramError e) {
            return Frame.FLAG_ERROR | (e.port() == 0 ? 0 : Frame.FLAG_PORT);
        }
        return 0;
    }

    private static int length(ByteBufHolder message) {
        int offender = message instanceof DatagramError e && e.offender() != null ? 16 : 0;
        return Frame.datagramPrefix(flags(message))
                + offender
                + message.content().readableBytes();
    }

    /** The payload of a message with flags; the message stays the caller's. */
    public static ByteBuf encode(ByteBufAllocator alloc, ByteBufHolder message) {
        ByteBuf b = alloc.directBuffer(length(message));
        if (message instanceof PortedDatagram d) {
            b.writeShort(d.port());
        } else if (message instanceof HopLimitedDatagram d) {
            if (d.port() != 0) {
                b.writeShort(d.port());
            }
            b.writeByte(d.hopLimit());
        } else if (message instanceof DatagramError e) {
            if (e.port() != 0) {
                b.writeShort(e.port());
            }
            byte[] offender = e.offender() == null ? new byte[0] : e.offender().getAddress();
            b.writeByte(e.type()).writeByte(e.code()).writeInt((int) e.mtu());
            b.writeByte(offender.length).writeBytes(offender);
        }
        ByteBuf content = message.content();
        return b.writeBytes(content, content.readerIndex(), content.readableBytes());
    }

    /**
     * Reads a payload of at least {@link Frame#datagramPrefix} bytes.
     *
     * @param payload ownership passes to the message, except when null is returned
     * @return null for an error whose offender is neither an address nor absent
     */
    public static @Nullable Object decode(int flags, ByteBuf payload) {
        int port = (flags & Frame.FLAG_PORT) != 0 ? payload.readUnsignedShort() : 0;
        int hopLimit = (flags & Frame.FLAG_HOP_LIMIT) != 0 ? payload.readUnsignedByte() : 0;
        if ((flags & Frame.FLAG_ERROR) != 0) {
            return decodeError(port, payload);
        }
        if ((flags & Frame.FLAG_HOP_LIMIT) != 0) {
            return new HopLimitedDatagram(hopLimit, port, payload);
        }
        return (flags & Frame.FLAG_PORT) != 0 ? new PortedDatagram(port, payload) : payload;
    }

    private static @Nullable DatagramError decodeError(int port, ByteBuf payload) {
        int type = payload.readUnsignedByte();
        int code = payload.readUnsignedByte();
        long mtu = payload.readUnsignedInt();
        int length = payload.readUnsignedByte();
        if (length != 0 && length != 4 && length != 16 || length > payload.readableBytes()) {
            return null;
        }
        InetAddress offender = null;
        if (length != 0) {
            byte[] address = new byte[length];
            payload.readBytes(address);
            try {
                offender = InetAddress.getByAddress(address);
            } catch (UnknownHostException e) {
                throw new IllegalStateException("an address of 4 or 16 bytes", e);
            }
        }
        return new DatagramError(port, type, code, mtu, offender, payload);
    }
}
