package dev.culvert.tun.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class PacketFilterTest {
    private static final int TCP = 6;
    private static final int UDP = 17;

    static byte[] address(String text) {
        try {
            return InetAddress.getByName(text).getAddress();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    static ByteBuf transport(int from, int to) {
        return Unpooled.buffer().writeShort(from).writeShort(to).writeZero(16);
    }

    /** Of either family, with headers of IPv6's between. */
    static ByteBuf packet(String from, String to, int protocol, ByteBuf payload, int... extensions) {
        byte[] source = address(from);
        byte[] destination = address(to);
        ByteBuf b = Unpooled.buffer();
        if (source.length == 4) {
            return b.writeByte(0x45)
                    .writeByte(0)
                    .writeShort(20 + payload.readableBytes())
                    .writeInt(0)
                    .writeByte(64)
                    .writeByte(protocol)
                    .writeShort(0)
                    .writeBytes(source)
                    .writeBytes(destination)
                    .writeBytes(payload);
        }
        b.writeInt(0x60000000)
                .writeShort(8 * extensions.length + payload.readableBytes())
                .writeByte(extensions.length > 0 ? extensions[0] : protocol)
                .writeByte(64)
                .writeBytes(source)
                .writeBytes(destination);
        for (int i = 0; i < extensions.length; i++) {
            b.writeByte(i + 1 < extensions.length ? extensions[i + 1] : protocol)
                    .writeZero(7);
        }
        return b.writeBytes(payload);
    }

    private static boolean matches(String filter, ByteBuf packet) {
        ByteBuf shifted = Unpooled.buffer().writeZero(10).writeBytes(packet.duplicate());
        return PacketFilter.parse(filter).matches(shifted, 10, shifted.readableBytes() - 10);
    }

    @ParameterizedTest
    @CsvSource({
        "10.77.0.5, true",
        "10.77.0.0/24, true",
        "10.78.0.0/24, false",
        "100.64.0.1, true",
        "tcp:10.77.0.5, true",
        "udp:10.77.0.5, false",
        "icmp:10.77.0.5, false",
        "tcp, true",
        "udp, false",
        "10.77.0.5:5432, true",
        "tcp:10.77.0.5:5432, true",
        "tcp:10.77.0.5:40000, false",
        "tcp:100.64.0.1:40000, true",
        "*:5432, true",
        "tcp:*:40000, true",
        "*:5433, false",
        "fd77::5, false",
        "[fd77::/64]:5432, false",
        "*, true",
    })
    void aPortIsThatOfTheHost(String filter, boolean expected) {
        ByteBuf there = packet("100.64.0.1", "10.77.0.5", TCP, transport(40_000, 5_432));
        ByteBuf back = packet("10.77.0.5", "100.64.0.1", TCP, transport(5_432, 40_000));
        assertThat(matches(filter, there)).isEqualTo(expected);
        assertThat(matches(filter, back)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "fd77::5, true",
        "[fd77::/64]:53, true",
        "udp:[fd77::5]:53, true",
        "udp:[fd77::5]:54, false",
        "tcp:[fd77::5]:53, false",
        "udp:fd77::5, true",
        "10.77.0.5, false",
    })
    void headersOfIpv6AreSteppedOver(String filter, boolean expected) {
        assertThat(matches(filter, packet("fd00::1", "fd77::5", UDP, transport(40_000, 53))))
                .isEqualTo(expected);
        assertThat(matches(filter, packet("fd00::1", "fd77::5", UDP, transport(40_000, 53), 0, 60, 44)))
                .isEqualTo(expected);
    }

    @Test
    void anIcmpErrorIsOfInterestWhenItsPacketIs() {
        ByteBuf about = packet("100.64.0.1", "10.77.0.5", UDP, transport(40_000, 53));
        ByteBuf error = packet(
                "10.77.0.1",
                "100.64.0.1",
                1,
                Unpooled.buffer().writeByte(3).writeByte(1).writeZero(6).writeBytes(about.duplicate()));
        assertThat(matches("udp:10.77.0.5:53", error)).isTrue();
        assertThat(matches("udp:10.77.0.5:54", error)).isFalse();
        assertThat(matches("icmp", error)).isTrue();
        assertThat(matches("tcp", error)).isFalse();
        // A reply to a ping may quote whatever it likes.
        ByteBuf echo = packet(
                "10.77.0.1",
                "100.64.0.1",
                1,
                Unpooled.buffer().writeByte(0).writeByte(0).writeZero(6).writeBytes(about.duplicate()));
        assertThat(matches("udp:10.77.0.5:53", echo)).isFalse();
        ByteBuf about6 = packet("fd00::1", "fd77::5", TCP, transport(40_000, 80));
        ByteBuf error6 = packet(
                "fd77::1",
                "fd00::1",
                58,
                Unpooled.buffer().writeByte(1).writeZero(7).writeBytes(about6));
        assertThat(matches("tcp:[fd77::5]:80", error6)).isTrue();
        assertThat(matches("icmp", error6)).isTrue();
    }

    @Test
    void laterFragmentsHaveNoPorts() {
        ByteBuf later = packet("100.64.0.1", "10.77.0.5", UDP, Unpooled.buffer().writeZero(64));
        later.setShort(6, 100);
        assertThat(matches("udp:10.77.0.5:53", later)).isTrue();
        assertThat(matches("tcp:10.77.0.5:53", later)).isFalse();
        assertThat(matches("udp:10.77.0.6:53", later)).isFalse();
        ByteBuf later6 = packet("fd00::1", "fd77::5", UDP, Unpooled.buffer().writeZero(64), 44);
        later6.setShort(42, 8);
        assertThat(matches("udp:[fd77::5]:53", later6)).isTrue();
    }

    /** Whatever it is: no exception, and nothing outside of the packet is looked at. */
    @Test
    void rubbishIsNoPacket() {
        Random random = new Random(7);
        PacketFilter[] filters = {
            PacketFilter.parse("udp:10.0.0.0/8:53"), PacketFilter.parse("tcp:[fd00::/8]:80"), PacketFilter.parse("icmp")
        };
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = new byte[random.nextInt(120)];
            random.nextBytes(bytes);
            if (bytes.length > 9) {
                bytes[0] = (byte) (random.nextBoolean() ? 0x45 + random.nextInt(3) : 0x60);
                bytes[9] = (byte) (random.nextBoolean() ? 1 : 17);
                bytes[6] = (byte) (random.nextBoolean() ? 44 : 58);
            }
            ByteBuf exact = Unpooled.wrappedBuffer(bytes);
            for (PacketFilter filter : filters) {
                filter.matches(exact, 0, bytes.length);
            }
            assertThat(PacketFilter.ALL.matches(exact, 0, bytes.length)).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "sctp:10.0.0.1",
                "10.0.0.1:",
                "10.0.0.1:0",
                "10.0.0.1:65536",
                "10.0.0.1:http",
                "icmp:10.0.0.1:7",
                "10.0.0.1/8",
                "[fd77::1",
                "[fd77::1]80",
                "db.internal:5432",
                "tcp:",
            })
    void whatSaysNoPacketsIsSaidInOneLine(String text) {
        assertThatThrownBy(() -> PacketFilter.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("says no packets: ")
                .message()
                .doesNotContain("\n");
    }
}
