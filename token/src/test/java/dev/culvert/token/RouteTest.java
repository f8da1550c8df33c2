package dev.culvert.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RouteTest {
    @ParameterizedTest
    @CsvSource({
        "10.0.0.0/8, 10.0.0.0/8",
        "10.0.0.7, 10.0.0.7/32",
        "fd77::/64=office, fd77::/64=office",
        "10.77.0.0/24=office:192.168.1.0/24, 10.77.0.0/24=office:192.168.1.0/24",
        "10.77.0.7=office:192.168.1.9, 10.77.0.7/32=office:192.168.1.9/32",
        "fd77::/64=office:fd00:1::/64, fd77::/64=office:fd00:1::/64",
        "fd77::/64=office:[fd00:1::/64], fd77::/64=office:fd00:1::/64",
    })
    void readsAndWritesCanonically(String text, String canonical) {
        Route route = Route.parse(text);
        assertThat(route).hasToString(canonical);
        assertThat(Route.parse(canonical)).isEqualTo(route).hasSameHashCodeAs(route);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "10.0.0.0/8=",
                "10.0.0.0/8=Office",
                "10.0.0.0/24=office:",
                "10.0.0.0/24=:192.168.1.0/24",
                "10.0.0.0/24=office:db.internal",
                "10.0.0.0/24=office:192.168.1.0/25",
                "10.0.0.0/24=office:10.0.0.0/24",
                "10.0.0.0/24=office:192.168.1.0/24:80",
            })
    void whatIsNoRouteIsSaidInOneLine(String text) {
        assertThatThrownBy(() -> Route.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank()
                .doesNotContain("\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10.77.0.0/24=a:192.168.1.0/24 10.78.0.0/24=b:192.168.1.0/24",
                "10.77.0.0/24=a:192.168.1.0/24 10.0.0.0/8=b",
                "10.77.0.0/24=a:192.168.1.0/24 192.168.1.0/24=a",
                "10.77.0.0/24=a:192.168.1.0/24 10.77.0.0/24=a:192.168.1.0/24",
                "10.0.0.0/8=a 10.0.0.0/8=b",
            })
    void addressesWithOneMeaningAreClear(String routes) {
        assertThatCode(() -> Route.requireClear(all(routes))).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10.77.0.0/24=a:192.168.1.0/24 10.77.0.0/24=b:192.168.1.0/24",
                "10.77.0.0/24=a:192.168.1.0/24 10.77.0.0/24=b",
                "10.77.0.128/25=b 10.77.0.0/24=a:192.168.1.0/24",
                "10.77.0.0/24=a:192.168.1.0/24 10.78.0.0/25=a:192.168.1.128/25",
            })
    void anAddressWithTwoIsNot(String routes) {
        assertThatThrownBy(() -> Route.requireClear(all(routes)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(" only");
    }

    private static List<Route> all(String routes) {
        return Stream.of(routes.split(" ")).map(Route::parse).toList();
    }
}
