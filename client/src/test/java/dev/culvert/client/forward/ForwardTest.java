package dev.culvert.client.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@NullUnmarked
final class ForwardTest {
    @ParameterizedTest
    @CsvSource({
        "5432=office:192.168.77.10:5432, 127.0.0.1:5432 -> office 192.168.77.10:5432, false",
        "tcp:5432=db:5432, 127.0.0.1:5432 -> db:5432, false",
        "localhost:80=db:5432, 127.0.0.1:80 -> db:5432, false",
        "0.0.0.0:80=db:5432, 0.0.0.0:80 -> db:5432, false",
        "[::1]:80=office:[fd77::2]:22, [::1]:80 -> office [fd77::2]:22, false",
        "::1:80=office:fd77::2:22, [::1]:80 -> office [fd77::2]:22, false",
        "udp:5353=office:192.168.77.1:53, udp:127.0.0.1:5353 -> office 192.168.77.1:53, true",
        "udp:[::]:5353=office:ns:53, udp:[::]:5353 -> office ns:53, true",
        "0=db:5432, 127.0.0.1:0 -> db:5432, false",
        "unix:/run/x=y/db=office:db:5432, unix:/run/x=y/db -> office db:5432, false"
    })
    void whatPeopleWriteIsRead(String text, String shown, boolean udp) {
        Forward forward = Forward.parse(text);
        assertThat(forward.lineAt(forward.local())).isEqualTo(shown);
        assertThat(forward.isUdp()).isEqualTo(udp);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "5432",
                "5432:office:db:5432",
                "=office:db:5432",
                "unix:=office:db:5432",
                "udp:=db:53",
                "70000=db:80",
                "db.example:80=db:80",
                "127.1:80=db:80",
                "5432=",
                "5432=office:db",
                "sctp:80=db:80",
                "-1=db:80",
                "[::1:80=db:80",
                "unix:/tmp/\0=db:80"
            })
    void whatIsNoneIsRefusedInOneLine(String text) {
        assertThatThrownBy(() -> Forward.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank()
                .doesNotContain("\n");
    }
}
