package dev.culvert.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.frame.Announcement;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** A link that is asked for a sign of life, in frozen time. */
@NullUnmarked
class LinkProbeTest {
    private static final Duration PATIENCE = Link.PATIENCE_MIN;

    @Test
    void aLinkThatAnswersStays() {
        try (LinkPair pair = new LinkPair()) {
            pair.advance(1);
            pair.client.link.probe();
            pair.pump();
            pair.advance(PATIENCE.toMillis());
            assertThat(pair.client.downs).isEmpty();
            assertThat(pair.client.channel.isOpen()).isTrue();
        }
    }

    @Test
    void aLinkWithoutAnAnswerIsGivenUpThenAndNoSooner() {
        try (LinkPair pair = new LinkPair()) {
            pair.advance(1);
            pair.client.link.probe(); // and nothing is carried from here on
            pair.advance(PATIENCE.toMillis() - 1);
            assertThat(pair.client.downs).isEmpty();
            pair.advance(1);
            assertThat(pair.client.downs).containsExactly("nothing heard since this machine's network changed");
            assertThat(pair.client.channel.isOpen()).isFalse();
        }
    }

    /** What was heard before it was asked shows nothing. */
    @Test
    void onlyWhatIsHeardAfterwardsCounts() {
        try (LinkPair pair = new LinkPair()) {
            pair.server.mux.announce(new Announcement.Reachable("c", java.util.List.of(), false));
            pair.pump();
            pair.advance(1);
            pair.client.link.probe();
            pair.advance(PATIENCE.toMillis());
            assertThat(pair.client.downs).hasSize(1);
        }
    }

    @Test
    void aLinkThatIsDownIsLeftAlone() {
        try (LinkPair pair = new LinkPair()) {
            pair.client.channel.close();
            pair.client.channel.runPendingTasks();
            assertThat(pair.client.downs).hasSize(1);
            pair.client.link.probe();
            pair.advance(PATIENCE.toMillis());
            assertThat(pair.client.downs).hasSize(1);
        }
    }
}
