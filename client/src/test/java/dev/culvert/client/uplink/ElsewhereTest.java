package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a client makes of a gateway's word that its agents are elsewhere, in frozen time. */
@NullUnmarked
final class ElsewhereTest {
    private static final URI TWO = URI.create("wss://two.example:443");

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final List<List<URI>> asked = new ArrayList<>();
    private final List<String> lines = new ArrayList<>();
    private URI goes = TWO;
    private final Elsewhere elsewhere = new Elsewhere(
            clock.eventLoop(),
            urls -> {
                asked.add(urls);
                return goes;
            },
            lines::add);

    @AfterEach
    void end() {
        clock.finishAndReleaseAll();
    }

    private void pass(long seconds) {
        ticker.advance(seconds, TimeUnit.SECONDS);
        clock.runScheduledPendingTasks();
    }

    @Test
    void goesAtOnceAndSaysSo() {
        elsewhere.said(List.of("wss://TWO.example", "wss://three.example:8443/x"));
        assertThat(asked).containsExactly(List.of(TWO, URI.create("wss://three.example:8443/x")));
        assertThat(lines).containsExactly("an agent is attached to wss://two.example:443 only; going there");
    }

    @Test
    void whatIsNoGatewaysUrlIsLeftOut() {
        elsewhere.said(List.of("http://two.example", "wss://a b", "", "wss://two.example?x", "wss://[fe80::1%1]"));
        assertThat(asked).isEmpty();
        assertThat(lines).isEmpty();
    }

    @Test
    void triesAgainAsLongAsItIsSaidAndNotOften() {
        goes = null;
        elsewhere.said(List.of("wss://two.example"));
        elsewhere.said(List.of("wss://two.example"));
        pass(Elsewhere.EACH.toSeconds() - 1);
        assertThat(asked).hasSize(1);
        pass(Elsewhere.EACH.toSeconds());
        assertThat(asked).hasSize(2);
        assertThat(lines).isEmpty();
        elsewhere.said(List.of());
        pass(2 * Elsewhere.EACH.toSeconds());
        assertThat(asked).hasSize(2);
        elsewhere.said(List.of("wss://two.example"));
        assertThat(asked).as("nothing was tried of late").hasSize(3);
    }

    @Test
    void whatAGatewaySaidThatIsGoneCountsNoMore() {
        elsewhere.said(List.of("wss://two.example"));
        elsewhere.drop();
        pass(2 * Elsewhere.EACH.toSeconds());
        assertThat(asked).hasSize(1);
    }

    @Test
    void whereItCannotBeReachedThatIsNotSaidEachTime() {
        elsewhere.said(List.of("wss://two.example"));
        for (int i = 0; i < 5; i++) {
            pass(2 * Elsewhere.EACH.toSeconds());
        }
        assertThat(asked.size()).isGreaterThan(4);
        assertThat(lines).hasSize(1);
    }
}
