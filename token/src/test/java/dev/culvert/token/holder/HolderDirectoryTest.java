package dev.culvert.token.holder;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class HolderDirectoryTest {
    @Test
    void rootsIsTheSystemsAndOthersHaveTheirOwn() {
        assertThat(HolderDirectory.of("client", Map.of("HOME", "/root"), "root"))
                .isEqualTo(Path.of("/var/lib/culvert/client"));
        assertThat(HolderDirectory.of("client", Map.of("HOME", "/home/ann"), "ann"))
                .isEqualTo(Path.of("/home/ann/.local/state/culvert/client"));
        assertThat(HolderDirectory.of("agent", Map.of("HOME", "/home/ann", "XDG_STATE_HOME", "/s"), "ann"))
                .isEqualTo(Path.of("/s/culvert/agent"));
    }

    @Test
    void theServiceManagersGoesFirst() {
        assertThat(HolderDirectory.of("agent", Map.of("STATE_DIRECTORY", "/srv/a:/srv/b", "HOME", "/root"), "root"))
                .isEqualTo(Path.of("/srv/a"));
    }
}
