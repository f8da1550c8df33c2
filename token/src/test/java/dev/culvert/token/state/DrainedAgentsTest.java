package dev.culvert.token.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.StateException;
import dev.culvert.store.Watch;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@NullUnmarked
final class DrainedAgentsTest {
    @TempDir
    Path dir;

    private DrainedAgents drained;

    @BeforeEach
    void create() throws Exception {
        drained = StateDirectory.openOrCreate(dir).drainedAgents();
    }

    @Test
    void aNameMeansAllOfItsInstances() throws Exception {
        assertThat(drained.read().holds("office", "one")).isFalse();
        assertThat(drained.add("office/one")).isTrue();
        assertThat(drained.add("office/one")).as("again").isFalse();
        assertThat(drained.add("plant")).isTrue();
        DrainedAgents.Content now = drained.read();
        assertThat(now.holds("office", "one")).isTrue();
        assertThat(now.holds("office", "two")).isFalse();
        assertThat(now.holds("office", null)).isFalse();
        assertThat(now.holds("plant", "any")).isTrue();
        assertThat(now.holds("plant", null)).isTrue();
        assertThat(now.holds("plan", "t")).isFalse();
        assertThat(drained.add("office/two")).isTrue();
        assertThat(drained.remove("office")).as("with its instances").isTrue();
        assertThat(drained.remove("office")).isFalse();
        assertThat(drained.read().entries()).containsExactly("plant");
    }

    @Test
    void whoWatchesSeesIt() throws Exception {
        Watch<DrainedAgents.Content> watch = drained.watch();
        assertThat(watch.refresh()).isFalse();
        StateDirectory.open(dir).drainedAgents().add("office");
        assertThat(watch.refresh()).isTrue();
        assertThat(watch.current().holds("office", "x")).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a/b/c", "a/", "/b", "a\nb", "a/b c", "a/\u001b"})
    void whatIsNoEntry(String entry) {
        assertThatThrownBy(() -> drained.add(entry))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("NAME/INSTANCE");
        assertThatThrownBy(() -> drained.remove(entry)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void thereIsABound() throws Exception {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < DrainedAgents.MAX; i++) {
            text.append("agent-").append(i).append('\n');
        }
        Files.writeString(dir.resolve("drained"), text);
        assertThatThrownBy(() -> drained.add("one-more"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("more than 1000 agents are drained; resume some");
        assertThat(drained.remove("agent-7")).isTrue();
        assertThat(drained.add("one-more")).isTrue();
    }

    @Test
    void aFileThatSomebodyHasSpoilt() throws Exception {
        Files.writeString(dir.resolve("drained"), "office\nwhat is this\n");
        assertThatThrownBy(drained::read)
                .isInstanceOf(StateException.class)
                .hasMessageContaining(
                        "drained has a line that is neither an agent's name nor NAME/INSTANCE: take it out");
    }
}
