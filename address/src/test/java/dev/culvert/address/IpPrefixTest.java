package dev.culvert.address;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.net.InetAddress;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

public class IpPrefixTest {
    @ParameterizedTest
    @CsvSource({
        "192.168.77.0/24, 192.168.77.0/24",
        "10.0.0.7, 10.0.0.7/32",
        "0.0.0.0/0, 0.0.0.0/0",
        "255.255.255.255, 255.255.255.255/32",
        "FD77::/64, fd77::/64",
        "fd77:0:0:0:0:0:0:1, fd77::1/128",
        "::/0, ::/0",
        "::1, ::1/128",
        "1:0:0:2:0:0:0:3, 1:0:0:2::3/128",
        "1:0:2:3:4:5:6:7, 1:0:2:3:4:5:6:7/128",
        "64:ff9b::192.0.2.1, 64:ff9b::c000:201/128",
        "::ffff:10.0.0.1, 10.0.0.1/32",
        "::ffff:10.0.0.0/104, 10.0.0.0/8",
        "::ffff:0:0/96, 0.0.0.0/0"
    })
    void readsAndWritesCanonically(String text, String canonical) {
        assertThat(IpPrefix.parse(text)).hasToString(canonical);
        assertThat(IpPrefix.parse(canonical)).isEqualTo(IpPrefix.parse(text)).hasSameHashCodeAs(IpPrefix.parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "/8",
                "10.0.0.0/",
                "10.0.0.0/33",
                "10.0.0.0/-1",
                "10.0.0.0/08",
                "10.0.0.0/8/8",
                "10.0.0/8",
                "10.0.0.0.0",
                "010.0.0.0/8",
                "256.0.0.0",
                "1.2.3.4 ",
                "0x7f.0.0.1",
                "127.1",
                "2130706433",
                "localhost",
                "fd77::/129",
                "fd77:::/64",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7::8:9",
                "::1::",
                ":1",
                "1:",
                "12345::",
                "g::",
                "fe80::1%eth0",
                "::1.2.3",
                "1.2.3.4::",
                "::ffff:0.0.0.0/40",
                "１.2.3.4",
                "[::1]",
                "10.0.0.0/99999999999"
            })
    void refusesWhatIsNotAPrefix(String text) {
        assertThatThrownBy(() -> IpPrefix.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void proposesTheCorrectedPrefixForHostBits() {
        assertThatThrownBy(() -> IpPrefix.parse("192.168.77.5/24"))
                .hasMessage("prefix 192.168.77.5/24 has host bits set: write 192.168.77.0/24 for the network, or"
                        + " 192.168.77.5 for the one host");
        assertThatThrownBy(() -> IpPrefix.parse("fd77::1/64")).hasMessageContaining("fd77::/64");
    }

    @Test
    void treatsMappedAddressesAsIpv4Everywhere() throws Exception {
        InetAddress mapped = java.net.Inet6Address.getByAddress(
                null, new byte[] {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 10, 0, 0, 1}, -1);
        assertThat(mapped.getAddress()).hasSize(16);
        assertThat(IpPrefix.of(mapped))
                .isEqualTo(IpPrefix.parse(AddressText.of(IpLiteral.fromBytes(mapped.getAddress()))));
        assertThat(IpPrefix.of(mapped, 128)).isEqualTo(IpPrefix.of(mapped));
        assertThatThrownBy(() -> IpPrefix.of(mapped, 95)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> IpPrefix.of(mapped, 129)).isInstanceOf(IllegalArgumentException.class);
        assertThat(IpPrefix.parse("10.0.0.0/8").contains(mapped)).isTrue();
        assertThat(IpPrefix.parse("::/0").contains(mapped)).isFalse();
        PrefixTable<String> table = new PrefixTable<>();
        table.put(IpPrefix.parse("10.0.0.0/8"), "ten");
        table.put(IpPrefix.parse("::/0"), "six");
        assertThat(table.lookup(mapped)).isEqualTo("ten");
        assertThat(table.longestMatch(mapped)).isEqualTo(IpPrefix.parse("10.0.0.0/8"));
        assertThat(table.lookup(0L, 0xffff0a000001L)).isEqualTo("ten");
    }

    @Test
    void readsLiteralsAsTheJdkDoes() throws Exception {
        SeededRandom random = SeededRandom.create();
        for (int i = 0; i < 20_000; i++) {
            byte[] b = new byte[random.nextInt(3) == 0 ? 4 : 16];
            for (int at = 0; at < b.length; at++) {
                b[at] = (byte) (random.nextBoolean() ? 0 : random.nextInt(256));
            }
            InetAddress address = InetAddress.getByAddress(b);
            String literal = AddressText.of(address);
            assertThat(IpLiteral.parse(literal)).as("seed %d", random.seed).isEqualTo(address);
            assertThat(InetAddress.getByName(literal))
                    .as("seed %d", random.seed)
                    .isEqualTo(address);
            assertThat(IpLiteral.parse(address.getHostAddress())).isEqualTo(address);
        }
    }

    @Test
    void agreesWithArithmeticOnIntegers() {
        SeededRandom random = SeededRandom.create();
        for (int i = 0; i < 20_000; i++) {
            IpPrefix a = random.prefix();
            IpPrefix b = random.prefix();
            InetAddress address = random.address();
            assertThat(a.contains(address))
                    .as("%s %s seed %d", a, address, random.seed)
                    .isEqualTo(inside(address, a));
            boolean covers = inside(b.network(), a) && b.length() >= a.length();
            assertThat(a.covers(b)).as("%s %s seed %d", a, b, random.seed).isEqualTo(covers);
            assertThat(a.overlaps(b)).isEqualTo(inside(b.network(), a) || inside(a.network(), b));
            assertThat(IpPrefix.parse(a.toString())).isEqualTo(a);
        }
    }

    public static boolean inside(InetAddress address, IpPrefix prefix) {
        byte[] a = address.getAddress();
        byte[] n = prefix.network().getAddress();
        int shift = n.length * 8 - prefix.length();
        return a.length == n.length
                && new BigInteger(1, a).shiftRight(shift).equals(new BigInteger(1, n).shiftRight(shift));
    }

    @Test
    void ordersWiderBeforeNarrower() {
        TreeSet<IpPrefix> sorted = new TreeSet<>();
        for (String text :
                new String[] {"fd00::/8", "10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/16", "200.0.0.0/8", "::/0"}) {
            sorted.add(IpPrefix.parse(text));
        }
        assertThat(sorted.toString()).isEqualTo("[10.0.0.0/8, 10.0.0.0/16, 10.1.0.0/16, 200.0.0.0/8, ::/0, fd00::/8]");
    }
}
