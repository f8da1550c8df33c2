package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.frame.SessionId;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
final class OwnSessionsTest {
    @TempDir
    Path dir;

    private static List<SessionId> ended(OwnSessions sessions) {
        return sessions.all().stream().flatMap(s -> s.ended().stream()).toList();
    }

    private static SessionId[] digests(OwnSessions sessions) {
        return sessions.all().stream().map(s -> s.secret().digest()).toArray(SessionId[]::new);
    }

    @Test
    void theNextProcessKnowsThem() {
        OwnSessions first = OwnSessions.begin(() -> dir, 3);
        assertThat(first.anyEnded()).isFalse();
        assertThat(first.all()).doesNotHaveDuplicates().hasSize(3);
        first.close();
        OwnSessions second = OwnSessions.begin(() -> dir, 3);
        assertThat(second.anyEnded()).isTrue();
        assertThat(ended(second)).containsExactlyInAnyOrder(digests(first));
        assertThat(digests(second)).doesNotContain(digests(first));
        second.close();
    }

    /** Also when it has fewer event loops: each says of its own share. */
    @Test
    void howeverManyLoopsItHas() {
        OwnSessions first = OwnSessions.begin(() -> dir, 7);
        first.close();
        OwnSessions second = OwnSessions.begin(() -> dir, 2);
        assertThat(ended(second)).containsExactlyInAnyOrder(digests(first));
        assertThat(second.all()).allMatch(s -> s.ended().size() <= ClientSession.MAX_ENDED);
        second.close();
        OwnSessions third = OwnSessions.begin(() -> dir, 1);
        assertThat(third.all().get(0).ended())
                .as("of the last first, and no more than may be said")
                .hasSize(ClientSession.MAX_ENDED)
                .contains(digests(second));
        third.close();
    }

    @Test
    void oneThatRunsHasNotEnded() {
        OwnSessions first = OwnSessions.begin(() -> dir, 1);
        OwnSessions beside = OwnSessions.begin(() -> dir, 1);
        assertThat(beside.anyEnded()).isFalse();
        first.close();
        beside.close();
    }
}
