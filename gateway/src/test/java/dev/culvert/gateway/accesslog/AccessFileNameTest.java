package dev.culvert.gateway.accesslog;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class AccessFileNameTest {
    @ParameterizedTest
    @CsvSource({
        "app.example.com, app.example.com.log",
        "app.example.com/api/v2, app.example.com_api_v2.log",
        "*.apps.example.com, wildcard.apps.example.com.log",
        "tcp:2222, tcp_2222.log",
        "udp:5000-5009, udp_5000-5009.log",
        "app.example.com/a_b, app.example.com_a%5fb.log",
        "../../etc/passwd, %2e._.._etc_passwd.log"
    })
    void publicSidesNameFiles(String publicSide, String file) {
        assertThat(AccessFileName.of(publicSide)).isEqualTo(file);
    }

    @Test
    void noTwoAreOne() {
        String path = "/p".repeat(120);
        List<String> sides = List.of(
                "a.test/b/c",
                "a.test/b_c",
                "a.test/b~c",
                "a.test/b%5fc",
                "a.test/b/_c",
                "a.test/b_/c",
                "*.a.test",
                "wildcard.a.test",
                "tcp:22",
                "tcp/22",
                "udp:22",
                "udp/22",
                "a.test" + path + "/x",
                "a.test" + path + "/y",
                "a.test" + path);
        assertThat(sides.stream().map(AccessFileName::of))
                .doesNotHaveDuplicates()
                .allSatisfy(name -> assertThat(name).matches("[^./][^/]{0,240}"));
    }
}
