package dev.culvert.gateway.door;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.NetUtil;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What a target is told, before everything else, of whose connection it is given: a header of the PROXY protocol (HAProxy's
 * proxy-protocol.txt). Two that say the same are equal, and what is told one of them may be told the other.
 *
 * @param version 1 or 2; only 2 tells more than addresses
 * @param visitor whose it is
 * @param name that TLS asked for; null for none
 * @param tls what the gateway has ended; null for none, or what is passed on unread
 */
record ProxyHeader(
        int version,
        Visitor visitor,
        @Nullable String name,
        @Nullable Tls tls) {
    /**
     * The visitor's TLS.
     *
     * @param version {@code TLSv1.3}
     * @param cipher its suite
     * @param protocol that was agreed on by ALPN; null when none was
     */
    record Tls(String version, String cipher, @Nullable String protocol) {}

    private static final byte[] SIGNATURE = {0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

    private static final int PROXY_VERSION_2 = 0x21;
    private static final int LOCAL_VERSION_2 = 0x20;
    private static final int TCP4 = 0x11;
    private static final int TCP6 = 0x21;

    private static final int ALPN = 0x01;
    private static final int AUTHORITY = 0x02;
    private static final int CRC = 0x03;
    private static final int SSL = 0x20;
    private static final int SSL_VERSION = 0x21;
    private static final int SSL_CIPHER = 0x23;

    /** The visitor has come over TLS, and has shown no certificate. */
    private static final int CLIENT_SSL = 0x01;

    /** Of no certificate it has been found that it is good. */
    private static final int NOT_VERIFIED = 1;

    private static final int CRC_LENGTH = 4;

    /** In bytes, as it stands on the wire. The caller releases it. */
    ByteBuf encode() {
        return version == 1 ? text() : binary();
    }

    /** What stands in its place on a connection of the gateway's own: UNKNOWN, and LOCAL. The caller releases it. */
    static ByteBuf ofNobody(int version) {
        return version == 1
                ? Unpooled.copiedBuffer("PROXY UNKNOWN\r\n", StandardCharsets.US_ASCII)
                : Unpooled.buffer()
                        .writeBytes(SIGNATURE)
                        .writeByte(LOCAL_VERSION_2)
                        .writeByte(0)
                        .writeShort(0);
    }

    private boolean isIpv4() {
        return visitor.from().getAddress() instanceof Inet4Address
                && visitor.to().getAddress() instanceof Inet4Address;
    }

    private ByteBuf text() {
        boolean v4 = isIpv4();
        String line = (v4 ? "PROXY TCP4 " : "PROXY TCP6 ") + text(visitor.from().getAddress(), v4) + ' '
                + text(visitor.to().getAddress(), v4) + ' ' + visitor.from().getPort() + ' '
                + visitor.to().getPort() + "\r\n";
        return Unpooled.copiedBuffer(line, StandardCharsets.US_ASCII);
    }

    /** Without a scope, which is the gateway's own. */
    private static String text(InetAddress address, boolean v4) {
        String text = NetUtil.toAddressString(address);
        return address instanceof Inet4Address && !v4 ? "::ffff:" + text : text;
    }

    private ByteBuf binary() {
        boolean v4 = isIpv4();
        ByteBuf out = Unpooled.buffer();
        out.writeBytes(SIGNATURE).writeByte(PROXY_VERSION_2).writeByte(v4 ? TCP4 : TCP6);
        int length = out.writerIndex();
        out.writeShort(0);
        address(out, visitor.from(), v4);
        address(out, visitor.to(), v4);
        out.writeShort(visitor.from().getPort()).writeShort(visitor.to().getPort());
        Tls over = tls;
        if (over != null && over.protocol() != null) {
            more(out, ALPN, over.protocol());
        }
        if (name != null) {
            more(out, AUTHORITY, name);
        }
        int crc = out.writerIndex();
        out.writeByte(CRC).writeShort(CRC_LENGTH).writeInt(0);
        if (over != null) {
            int ssl = out.writerIndex();
            out.writeByte(SSL).writeShort(0).writeByte(CLIENT_SSL).writeInt(NOT_VERIFIED);
            more(out, SSL_VERSION, over.version());
            more(out, SSL_CIPHER, over.cipher());
            out.setShort(ssl + 1, out.writerIndex() - ssl - 3);
        }
        out.setShort(length, out.writerIndex() - length - 2);
        CRC32C sum = new CRC32C(); // over all of it, with its own place zero
        sum.update(out.array(), out.arrayOffset(), out.writerIndex());
        out.setInt(crc + 3, (int) sum.getValue());
        return out;
    }

    private static void address(ByteBuf out, InetSocketAddress address, boolean v4) {
        byte[] bytes = address.getAddress().getAddress();
        if (!v4 && bytes.length == 4) {
            out.writeZero(10).writeShort(0xffff);
        }
        out.writeBytes(bytes);
    }

    private static void more(ByteBuf out, int type, String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        out.writeByte(type).writeShort(bytes.length).writeBytes(bytes);
    }
}
