package dev.culvert.gateway.dashboard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

@NullUnmarked
final class SceneTest {
    private static Scene.Builder two() {
        Scene.Builder scene = new Scene.Builder();
        scene.put("agents", "1", Map.of("name", "an \"office\""));
        scene.put("agents", "2", Map.of("name", "home"));
        scene.rows("flows");
        return scene;
    }

    private static void same(String json, String expected) {
        JsonMapper mapper = JsonMapper.builder().build();
        assertThat(mapper.readTree(json)).isEqualTo(mapper.readTree(expected));
    }

    @Test
    void saysAllOfIt() {
        same(
                two().make(7).whole(),
                "{\"at\":7,\"whole\":true,\"rows\":{\"agents\":{\"1\":{\"name\":\"an \\\"office\\\"\"},\"2\":{\"name\":\"home\"}},\"flows\":{}}}");
    }

    @Test
    void saysWhatIsNewOtherwiseOrGone() {
        Scene.Builder later = new Scene.Builder();
        later.put("agents", "2", Map.of("name", "HOME"));
        later.put("agents", "3", Map.of("name", "lab"));
        later.rows("flows");
        same(
                later.make(8).since(two().make(7)),
                "{\"at\":8,\"whole\":false,\"rows\":{\"agents\":{\"2\":{\"name\":\"HOME\"},\"3\":{\"name\":\"lab\"}}},\"gone\":{\"agents\":[\"1\"]}}");
        same(two().make(9).since(two().make(7)), "{\"at\":9,\"whole\":false,\"rows\":{},\"gone\":{}}");
    }
}
