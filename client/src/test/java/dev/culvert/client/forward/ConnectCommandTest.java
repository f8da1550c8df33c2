package dev.culvert.client.forward;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Reason;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@NullUnmarked
final class ConnectCommandTest {
    @ParameterizedTest
    @CsvSource({
        "CONNECTION_REFUSED, 11",
        "TIMED_OUT, 12",
        "HOST_UNREACHABLE, 13",
        "NETWORK_UNREACHABLE, 13",
        "NO_AGENT, 13",
        "PROHIBITED, 14",
        "NAME_NOT_FOUND, 15",
        "OVERLOADED, 16"
    })
    void theExitCodeSaysWhy(Reason refusal, int code) {
        assertThat(ConnectCommand.exitCode(refusal)).isEqualTo(code);
    }

    @ParameterizedTest
    @EnumSource
    void eachIsOneOfThese(Reason refusal) {
        assertThat(ConnectCommand.exitCode(refusal)).isBetween(11, 16);
    }
}
