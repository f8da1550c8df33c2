package dev.culvert.address;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetSocketAddress;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ListenAddressTest {
    @ParameterizedTest
    @ValueSource(strings = {"1080", "127.0.0.1:1080", "localhost:1080"})
    void withoutAnAddressOnlyThisMachineComesIn(String text) {
        assertThat(ListenAddress.parse(text)).isEqualTo(new InetSocketAddress("127.0.0.1", 1080));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[::1]:0", "::1:0"})
    void anyFreePortOfAnAddress(String text) {
        assertThat(ListenAddress.parse(text)).isEqualTo(new InetSocketAddress("::1", 0));
    }

    /** Also an empty address: who wants all of them says so. */
    @ParameterizedTest
    @ValueSource(strings = {"", ":1080", "example:1080", "127.1:1080", "127.0.0.1", "65536", "-1", "+1", "1080 "})
    void whatIsNoneIsRefusedInOneLine(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ListenAddress.parse(text))
                .satisfies(e -> assertThat(e.getMessage()).isNotBlank().doesNotContain("\n"));
    }
}
