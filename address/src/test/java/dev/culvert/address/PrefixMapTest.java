package dev.culvert.address;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PrefixMapTest {
    private static PrefixMap map(String shown, String real) {
        return new PrefixMap(IpPrefix.parse(shown), IpPrefix.parse(real));
    }

    private static InetAddress address(String text) {
        return IpPrefix.parse(text).network();
    }

    @ParameterizedTest
    @CsvSource({
        "10.77.0.0/24, 192.168.1.0/24, 10.77.0.0, 192.168.1.0",
        "10.77.0.0/24, 192.168.1.0/24, 10.77.0.255, 192.168.1.255",
        "10.77.3.128/25, 192.168.1.0/25, 10.77.3.255, 192.168.1.127",
        "10.76.0.0/14, 172.16.0.0/14, 10.79.1.2, 172.19.1.2",
        "10.77.0.7, 192.168.1.9, 10.77.0.7, 192.168.1.9",
        "10.99.0.1, 127.0.0.1, 10.99.0.1, 127.0.0.1",
        "fd77::/64, fd00:1::/64, fd77::a:b:c:d, fd00:1::a:b:c:d",
        "fd77::/61, fd00:1:0:8::/61, fd77:0:0:7::1, fd00:1:0:f::1",
        "fd77::7, 2001:db8::9, fd77::7, 2001:db8::9",
    })
    void anAddressKeepsItsBitsBehindThePrefix(String shown, String real, String seen, String own) {
        PrefixMap map = map(shown, real);
        assertThat(map.toReal(address(seen))).isEqualTo(address(own));
        assertThat(map.toShown(address(own))).isEqualTo(address(seen));
    }

    @Test
    void anIpv4MappedAddressIsTheOneThatItMaps() throws Exception {
        byte[] mapped = new byte[16];
        mapped[10] = mapped[11] = (byte) 0xff;
        System.arraycopy(address("10.77.0.5").getAddress(), 0, mapped, 12, 4);
        // getByAddress without a scope gives an IPv4 address; with one it stays IPv6.
        InetAddress clothed = java.net.Inet6Address.getByAddress(null, mapped, 0);
        assertThat(clothed.getAddress()).hasSize(16);
        assertThat(map("10.77.0.0/24", "192.168.1.0/24").toReal(clothed)).isEqualTo(address("192.168.1.5"));
    }

    @Test
    void partsGoWithTheirAddresses() {
        PrefixMap map = map("10.77.0.0/16", "192.168.0.0/16");
        assertThat(map.toShown(IpPrefix.parse("192.168.1.128/25"))).hasToString("10.77.1.128/25");
        assertThat(map.toReal(IpPrefix.parse("10.77.0.0/16"))).hasToString("192.168.0.0/16");
        assertThatThrownBy(() -> map.toReal(IpPrefix.parse("10.76.0.0/15"))).hasMessageContaining("is no part of");
        assertThatThrownBy(() -> map.toReal(address("192.168.0.1"))).hasMessageContaining("does not lie in");
        assertThatThrownBy(() -> map.toShown(address("10.77.0.1"))).hasMessageContaining("does not lie in");
        assertThatThrownBy(() -> map.toReal(address("fd77::1"))).hasMessageContaining("does not lie in");
    }

    @ParameterizedTest
    @CsvSource({
        "10.77.0.0/24, 192.168.0.0/16, 10.77.0.0/24 cannot stand for 192.168.0.0/16: the two must be of one size",
        "10.77.0.0/24, fd00::/24, 10.77.0.0/24 cannot stand for fd00::/24: the two must be of one size, like fd77::/24",
        "192.168.1.0/24, 192.168.1.0/24, 192.168.1.0/24 stands for itself",
        "127.0.0.0/24, 192.168.1.0/24, it holds addresses that mean this machine",
        "169.254.7.0/24, 192.168.1.0/24, it holds addresses that mean this machine",
        "100.100.100.0/24, 192.168.1.0/24, it holds addresses that mean this machine",
        "fe80::/64, fd77::/64, it holds addresses that mean this machine",
        "fd77::/64, ::/64, one of them holds the IPv4-mapped addresses",
    })
    void whatCannotStandForTheOtherIsSaid(String shown, String real, String why) {
        assertThatThrownBy(() -> map(shown, real))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why)
                .message()
                .doesNotContain("\n");
    }

    /** Each address has one that is seen, and no two have the same. */
    @Test
    void itIsABijection() {
        Random random = SeededRandom.create();
        for (int i = 0; i < 2_000; i++) {
            boolean six = random.nextBoolean();
            PrefixMap map = any(random, six);
            Set<InetAddress> seen = new HashSet<>();
            Set<InetAddress> own = new HashSet<>();
            for (int j = 0; j < 8; j++) {
                InetAddress real = within(random, map.real());
                InetAddress shown = map.toShown(real);
                assertThat(map.shown().contains(shown)).as("%s %s", map, real).isTrue();
                assertThat(map.toReal(shown)).as("%s %s", map, real).isEqualTo(real);
                own.add(real);
                seen.add(shown);
                IpPrefix part = IpPrefix.parse(AddressText.of(real));
                assertThat(map.toShown(part).network()).isEqualTo(shown);
            }
            assertThat(seen).as("%s", map).hasSameSizeAs(own);
        }
    }

    private static PrefixMap any(Random random, boolean six) {
        while (true) {
            int length = 4 + random.nextInt(six ? 125 : 29);
            try {
                return new PrefixMap(prefix(random, six, length), prefix(random, six, length));
            } catch (IllegalArgumentException e) {
                // Two that cannot stand for each other: the next.
            }
        }
    }

    private static IpPrefix prefix(Random random, boolean six, int length) {
        byte[] b = new byte[six ? 16 : 4];
        random.nextBytes(b);
        for (int i = 0; i < b.length; i++) {
            b[i] &= (byte) (0xff00 >>> Math.max(0, Math.min(8, length - 8 * i)));
        }
        return IpPrefix.of(IpLiteral.fromBytes(b), length);
    }

    private static InetAddress within(Random random, IpPrefix prefix) {
        byte[] b = prefix.network().getAddress();
        byte[] more = new byte[b.length];
        random.nextBytes(more);
        for (int i = 0; i < b.length; i++) {
            b[i] |= (byte) (more[i] & ~(0xff00 >>> Math.max(0, Math.min(8, prefix.length() - 8 * i))));
        }
        return IpLiteral.fromBytes(b);
    }
}
