package dev.culvert.gateway.instance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.publish.Published;
import dev.culvert.policy.publication.Publication;
import dev.culvert.store.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What visitors are told of instances. */
final class InstanceMarksTest {
    private static final Published APP = StandIn.published("app.example.com=http://10.0.0.9:80,affinity");

    @Test
    void eachIsAnotherAndSaysNothing() {
        InstanceMarks marks = new InstanceMarks(new byte[32]);
        Published path = StandIn.published("app.example.com/api=http://10.0.0.9:80,affinity");
        Published other = new Published("home", Publication.parse("app.example.com=http://10.0.0.9:80"), false);
        assertThat(Stream.of(
                        marks.of(APP, "a/k"),
                        marks.of(APP, "b/k"),
                        marks.of(path, "a/k"),
                        marks.of(other, "a/k"),
                        new InstanceMarks(new byte[] {1}).of(APP, "a/k")))
                .doesNotHaveDuplicates()
                .allMatch(mark -> mark.matches("[A-Za-z0-9_-]{22}"));
        assertThat(marks.of(APP, "a/k")).isEqualTo(new InstanceMarks(new byte[32]).of(APP, "a/k"));
    }

    @Test
    void theyHoldWhenAGatewayHasStartedAgain(@TempDir Path dir) throws Exception {
        String before = InstanceMarks.in(new FileStore(dir)).of(APP, "a/k");
        assertThat(InstanceMarks.in(new FileStore(dir)).of(APP, "a/k")).isEqualTo(before);
        Files.writeString(dir.resolve("instance-marks.key"), "!");
        assertThat(InstanceMarks.in(new FileStore(dir)).of(APP, "a/k"))
                .as("it does without")
                .isNotEqualTo(before);
    }
}
