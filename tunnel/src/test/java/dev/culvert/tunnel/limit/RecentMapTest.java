package dev.culvert.tunnel.limit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class RecentMapTest {
    private final RecentMap<String, Integer> map = new RecentMap<>(2);

    @Test
    void whatWasAskedForLongestAgoGoes() {
        assertThat(map.put("a", 1)).isNull();
        assertThat(map.put("b", 2)).isNull();
        assertThat(map.get("a")).isEqualTo(1);
        assertThat(map.put("c", 3)).isEqualTo(Map.entry("b", 2));
        assertThat(map.size()).isEqualTo(2);
        assertThat(map.get("b")).isNull();
        assertThat(map.get("a")).isEqualTo(1);
        assertThat(map.get("c")).isEqualTo(3);
    }

    @Test
    void whatIsThereAlreadyMakesNothingGo() {
        map.put("a", 1);
        map.put("b", 2);
        assertThat(map.put("a", 3)).isNull();
        assertThat(map.put("c", 4)).isEqualTo(Map.entry("b", 2));
    }

    @Test
    void isMadeOnce() {
        assertThat(map.get("a", String::length)).isEqualTo(1);
        assertThat(map.get("a", key -> 9)).isEqualTo(1);
        assertThat(map.remove("a", 2)).isFalse();
        assertThat(map.remove("a", 1)).isTrue();
        assertThat(map.get("a", key -> 9)).isEqualTo(9);
    }

    @Test
    void ofNothingIsAMistake() {
        assertThatThrownBy(() -> new RecentMap<String, String>(0)).isInstanceOf(IllegalArgumentException.class);
    }
}
