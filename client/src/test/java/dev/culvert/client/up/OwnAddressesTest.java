package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpLiteral;
import dev.culvert.client.names.NameService;
import java.net.InetAddress;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An interface's own address, the router beside it and the name server are three, whatever the first is. */
@NullUnmarked
final class OwnAddressesTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 52, 53, 54, 55, 0x50, 0x53, 0x57, 0x80, 0xb5, 0xfe})
    void areThree(int number) {
        InetAddress own4 = IpLiteral.parse("100.127.255." + number);
        InetAddress own6 = IpLiteral.parse(String.format(Locale.ROOT, "fd63:756c:7665:7274::%x", number));
        RouterAddresses router = RouterAddresses.of(own4, own6);
        NameService.ServiceAddresses names = NameService.ServiceAddresses.beside(own4, own6);
        assertThat(Set.copyOf(List.of(own4, router.ipv4(), names.ipv4()))).hasSize(3);
        assertThat(Set.copyOf(List.of(own6, router.ipv6(), names.ipv6()))).hasSize(3);
    }
}
