package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxySSLTLV;
import io.netty.handler.codec.haproxy.HAProxyTLV;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The header for targets, byte for byte, and as another program reads it. */
@NullUnmarked
final class ProxyHeaderTest {
    private static final ProxyHeader.Tls TLS = new ProxyHeader.Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256", "h2");

    private static Visitor visitor(String from, String to) throws Exception {
        return new Visitor(
                new InetSocketAddress(InetAddress.getByName(from), 4711),
                new InetSocketAddress(InetAddress.getByName(to), 443));
    }

    @ParameterizedTest
    @CsvSource({
        "192.0.2.7, 198.51.100.1, PROXY TCP4 192.0.2.7 198.51.100.1 4711 443",
        "2001:db8::7, 2001:db8::1, PROXY TCP6 2001:db8::7 2001:db8::1 4711 443",
        "192.0.2.7, 2001:db8::1, PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 4711 443",
        "fe80::7%1, fe80::1%1, PROXY TCP6 fe80::7 fe80::1 4711 443",
    })
    void versionOne(String from, String to, String line) throws Exception {
        ByteBuf bytes = new ProxyHeader(1, visitor(from, to), "app.test", TLS).encode();
        assertThat(bytes.toString(StandardCharsets.US_ASCII)).isEqualTo(line + "\r\n");
        assertThat(bytes.readableBytes()).isLessThanOrEqualTo(107);
    }

    @Test
    void versionTwoOfAPort() throws Exception {
        byte[] bytes =
                ByteBufUtil.getBytes(new ProxyHeader(2, visitor("192.0.2.7", "198.51.100.1"), null, null).encode());
        byte[] before = ByteBufUtil.decodeHexDump("0d0a0d0a000d0a515549540a" + "21" + "11" + "0013" + "c0000207"
                + "c6336401" + "1267" + "01bb" + "030004" + "00000000");
        CRC32C sum = new CRC32C();
        sum.update(before);
        assertThat(ByteBufUtil.hexDump(bytes))
                .isEqualTo(ByteBufUtil.hexDump(before, 0, before.length - 4) + "%08x".formatted(sum.getValue()));
    }

    @Test
    void versionTwoOfAPublishedName() throws Exception {
        byte[] bytes =
                ByteBufUtil.getBytes(new ProxyHeader(2, visitor("192.0.2.7", "2001:db8::1"), "app.test", TLS).encode());
        String hex = ByteBufUtil.hexDump(bytes);
        int crc = hex.indexOf("030004") + 6;
        assertThat(hex.substring(0, crc))
                .isEqualTo("0d0a0d0a000d0a515549540a" + "21" + "21" + "0066"
                        + "00000000000000000000ffffc0000207" + "20010db8000000000000000000000001" + "1267" + "01bb"
                        + "010002" + "6832" // ALPN
                        + "020008" + "6170702e74657374" // AUTHORITY
                        + "030004");
        assertThat(hex.substring(crc + 8))
                .isEqualTo("200028" + "01" + "00000001" // SSL, without a certificate
                        + "210007" + "544c5376312e33" // its version
                        + "230016" + "544c535f4145535f3132385f47434d5f534841323536"); // its cipher
        CRC32C sum = new CRC32C();
        sum.update(ByteBufUtil.decodeHexDump(hex.substring(0, crc) + "00000000" + hex.substring(crc + 8)));
        assertThat(hex.substring(crc, crc + 8)).isEqualTo("%08x".formatted(sum.getValue()));
    }

    @Test
    void anotherProgramReadsTheSame() throws Exception {
        EmbeddedChannel reader = new EmbeddedChannel(new HAProxyMessageDecoder());
        reader.writeInbound(new ProxyHeader(2, visitor("2001:db8::7", "2001:db8::1"), "app.test", TLS).encode());
        HAProxyMessage read = reader.readInbound();
        assertThat(read.sourceAddress()).isEqualTo("2001:db8:0:0:0:0:0:7");
        assertThat(read.sourcePort()).isEqualTo(4711);
        assertThat(read.destinationPort()).isEqualTo(443);
        assertThat(read.tlvs())
                .extracting(HAProxyTLV::type)
                .contains(
                        HAProxyTLV.Type.PP2_TYPE_ALPN,
                        HAProxyTLV.Type.PP2_TYPE_AUTHORITY,
                        HAProxyTLV.Type.PP2_TYPE_SSL);
        HAProxySSLTLV ssl = (HAProxySSLTLV) read.tlvs().stream()
                .filter(t -> t.type() == HAProxyTLV.Type.PP2_TYPE_SSL)
                .findAny()
                .orElseThrow();
        assertThat(ssl.isPP2ClientSSL()).isTrue();
        assertThat(ssl.isPP2ClientCertConn()).isFalse();
        assertThat(ssl.encapsulatedTLVs()).hasSize(2);
        read.release();
        assertThat(reader.finish()).isFalse();
    }

    /** What a connection to a target is kept by. */
    @Test
    void itIsOneVisitors() throws Exception {
        ProxyHeader one = new ProxyHeader(2, visitor("192.0.2.7", "198.51.100.1"), "app.test", TLS);
        assertThat(one)
                .isEqualTo(new ProxyHeader(2, visitor("192.0.2.7", "198.51.100.1"), "app.test", TLS))
                .isNotEqualTo(new ProxyHeader(2, visitor("192.0.2.8", "198.51.100.1"), "app.test", TLS));
    }

    /** As HAProxy's own health checks begin. */
    @Test
    void aConnectionOfTheGatewaysOwnIsNobodys() {
        assertThat(ProxyHeader.ofNobody(1).toString(java.nio.charset.StandardCharsets.US_ASCII))
                .isEqualTo("PROXY UNKNOWN\r\n");
        assertThat(ByteBufUtil.hexDump(ProxyHeader.ofNobody(2))).isEqualTo("0d0a0d0a000d0a515549540a20000000");
    }
}
