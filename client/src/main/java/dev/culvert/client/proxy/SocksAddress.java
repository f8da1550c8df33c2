package dev.culvert.client.proxy;

import dev.culvert.address.IpLiteral;
import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.tunnel.frame.Destination;
import io.netty.buffer.ByteBuf;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Addresses as SOCKS5 writes them (RFC 1928 section 5): type, address or name, port. */
final class SocksAddress {
    static final int IPV4 = 1;
    static final int NAME = 3;
    static final int IPV6 = 4;

    private SocksAddress() {}

    /**
     * Bytes that the address takes which begins here.
     *
     * @return -1 when more must come before it can be told, 0 for a type that there is not
     */
    static int length(ByteBuf in) {
        if (in.readableBytes() < 2) {
            return -1;
        }
        return switch (in.getUnsignedByte(in.readerIndex())) {
            case IPV4 -> 1 + 4 + 2;
            case NAME -> 1 + 1 + in.getUnsignedByte(in.readerIndex() + 1) + 2;
            case IPV6 -> 1 + 16 + 2;
            default -> 0;
        };
    }

    /** The port of the address that begins here and is all there, which may be 0; nothing is read. */
    static int port(ByteBuf in) {
        return in.getUnsignedShort(in.readerIndex() + length(in) - 2);
    }

    /**
     * Reads one that is all there.
     *
     * @throws IllegalArgumentException for a name that is none, and port 0
     */
    static Destination read(ByteBuf in, int protocol) {
        int type = in.readUnsignedByte();
        if (type == NAME) {
            String host = text(in, in.readUnsignedByte());
            return FlowTarget.destination(protocol, host, in.readUnsignedShort());
        }
        byte[] address = new byte[type == IPV4 ? 4 : 16];
        in.readBytes(address);
        return Destination.of(protocol, IpLiteral.fromBytes(address), in.readUnsignedShort());
    }

    static String text(ByteBuf in, int length) {
        return in.readCharSequence(length, StandardCharsets.UTF_8).toString();
    }

    /** Nothing in particular: many servers of SOCKS say so, and no client minds. */
    static void writeNone(ByteBuf out) {
        out.writeByte(IPV4).writeInt(0).writeShort(0);
    }

    static void write(InetSocketAddress address, ByteBuf out) {
        write(address.getAddress(), address.getPort(), out);
    }

    /** @param port that is said in the place of the destination's */
    static void write(Destination destination, int port, ByteBuf out) {
        String name = destination.name();
        if (name == null) {
            write(Objects.requireNonNull(destination.address()), port, out);
        } else {
            byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
            out.writeByte(NAME).writeByte(bytes.length).writeBytes(bytes).writeShort(port);
        }
    }

    private static void write(InetAddress address, int port, ByteBuf out) {
        out.writeByte(address instanceof Inet4Address ? IPV4 : IPV6)
                .writeBytes(address.getAddress())
                .writeShort(port);
    }
}
