package dev.culvert.tun.macos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.host.HostPlan;
import dev.culvert.tun.host.HostState;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** The kernel's bytes, written down field by field as its headers have them. */
@NullUnmarked
final class RouteMessagesTest {
    private static byte[] bytes(String... parts) {
        return HexFormat.of().parseHex(String.join("", parts).replace(" ", ""));
    }

    /** struct rt_msghdr: length, version 5, type, index, flags, addresses, and 76 bytes that are not read. */
    private static String header(int length, int type, int index, int flags, int addresses) {
        return little(length, 2) + "05" + little(type, 1) + little(index, 2) + "0000" + little(flags, 4)
                + little(addresses, 4) + "00".repeat(76);
    }

    private static String little(int value, int bytes) {
        StringBuilder hex = new StringBuilder();
        for (int i = 0; i < bytes; i++) {
            hex.append(String.format(java.util.Locale.ROOT, "%02x", value >> 8 * i & 0xff));
        }
        return hex.toString();
    }

    private static HostState.Route only(byte[] message) {
        assertThat(RouteMessages.routes(ByteBuffer.wrap(message), 10)).hasSize(1);
        return RouteMessages.routes(ByteBuffer.wrap(message), 10).get(0);
    }

    /** 0.0.0.0/0 via 192.168.7.1: UP, GATEWAY, STATIC, PRCLONING; the mask has length 0, and fills four bytes all the same. */
    @Test
    void aDefaultRoute() {
        HostState.Route route = only(bytes(
                header(128, 4, 4, 0x10803, 7),
                "10020000 00000000 0000000000000000",
                "10020000 c0a80701 0000000000000000",
                "00000000"));
        assertThat(route.network()).hasToString("0.0.0.0/0");
        assertThat(route.via().getHostAddress()).isEqualTo("192.168.7.1");
        assertThat(route.link()).isEqualTo(4);
        assertThat(route.protocol()).isNotEqualTo(HostPlan.PROTOCOL);
    }

    /** A mask ends with its last byte that is not 0, and its family need not be one. */
    @Test
    void aNetworkOfOursThroughAnInterface() {
        HostState.Route route = only(bytes(
                header(136, 4, 12, 0x8801, 7),
                "10020000 0a010000 0000000000000000",
                "1412 0c00 010500 00 7574756e39 00000000000000",
                "06ff0000 ffff0000"));
        assertThat(route.network()).hasToString("10.1.0.0/16");
        assertThat(route.via()).isNull();
        assertThat(route.protocol()).isEqualTo(HostPlan.PROTOCOL);
    }

    /** The kernel keeps the interface of a link-local address in its second 16 bits. */
    @Test
    void aDefaultRouteOfIpv6WithoutTheScopeInItsHop() {
        HostState.Route route = only(bytes(
                header(152, 4, 4, 0x803, 7),
                "1c1e0000 00000000 00000000000000000000000000000000 00000000",
                "1c1e0000 00000000 fe800004000000000000000000000001 00000000",
                "00000000"));
        assertThat(route.network()).hasToString("::/0");
        assertThat(route.via().getHostAddress()).isEqualTo("fe80:0:0:0:0:0:0:1");
    }

    @Test
    void aHostThatIsRejected() {
        HostState.Route route = only(bytes(
                header(124, 4, 1, 0x880f, 3),
                "10020000 cb007109 0000000000000000",
                "10020000 7f000001 0000000000000000"));
        assertThat(route.network()).hasToString("203.0.113.9/32");
        assertThat(route.kind()).isEqualTo(HostState.Kind.REJECT);
        assertThat(route.metric()).isEqualTo(HostPlan.UNDERNEATH);
        assertThat(route.via()).isNull();
    }

    @Test
    void neighboursCopiesAndScopedRoutesAreNotOfTheTable() {
        for (int flag : new int[] {0x400, 0x20000, 0x200000, 0x400000, 0x800000, 0x1000000, 0x2000000}) {
            byte[] message = bytes(
                    header(124, 4, 1, 5 | flag, 3),
                    "10020000 cb007109 0000000000000000",
                    "10020000 7f000001 0000000000000000");
            assertThat(RouteMessages.routes(ByteBuffer.wrap(message), 10)).isEmpty();
        }
    }

    @Test
    void newsAreOfTheTableNotOfNeighbours() {
        String host = "10020000 cb007109 0000000000000000";
        assertThat(RouteMessages.isNews(ByteBuffer.wrap(bytes(header(108, 1, 4, 5, 1), host))))
                .isTrue();
        assertThat(RouteMessages.isNews(ByteBuffer.wrap(bytes(header(108, 2, 4, 0x20405, 1), host))))
                .isFalse();
        assertThat(RouteMessages.isNews(ByteBuffer.wrap(bytes(header(108, 7, 4, 5, 1), host))))
                .isFalse();
        assertThat(RouteMessages.isNews(ByteBuffer.wrap(bytes("1400 05 0e 00000000 00000000 00000000 00000000"))))
                .isTrue();
        // Of another version of the interface nothing is known.
        assertThat(RouteMessages.isNews(ByteBuffer.wrap(bytes("1400 06 0e 00000000 00000000 00000000 00000000"))))
                .isFalse();
    }

    /** What a table is like is another's to say; whatever it says, nothing is read beyond its end. */
    @Test
    void survivesAnything() {
        FakeMac mac = new FakeMac();
        mac.link("en0", 4, true);
        mac.address("en0", "192.168.7.20", 24);
        mac.address("en0", "fe80::1c", 64);
        mac.route("0.0.0.0/0", "en0", "192.168.7.1");
        mac.route("2001:db8:7::/64", "en0", null);
        Random random = new Random(5);
        for (ByteBuffer table : new ByteBuffer[] {mac.interfaces(), mac.routes()}) {
            byte[] whole = Arrays.copyOf(table.array(), table.limit());
            for (int i = 0; i < 20_000; i++) {
                byte[] broken = Arrays.copyOf(whole, random.nextInt(whole.length + 1));
                for (int flips = random.nextInt(4); flips > 0 && broken.length > 0; flips--) {
                    broken[random.nextInt(broken.length)] = (byte) random.nextInt();
                }
                ByteBuffer read = ByteBuffer.wrap(broken);
                RouteMessages.links(read);
                RouteMessages.addresses(read);
                assertThat(RouteMessages.routes(read, 3)).hasSizeLessThanOrEqualTo(3);
                RouteMessages.isNews(read);
            }
        }
    }
}
