package dev.culvert.client.forward;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class ForwardPortsTest {
    @Test
    void onlyTheReasonIsSaid() {
        assertThat(ForwardPorts.reason(new IOException("bind(..) failed with error(-98): Address already in use")))
                .isEqualTo("Address already in use");
        assertThat(ForwardPorts.reason(new IOException("Permission denied"))).isEqualTo("Permission denied");
    }
}
