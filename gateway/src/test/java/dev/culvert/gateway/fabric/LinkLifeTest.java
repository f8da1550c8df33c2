package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A link ends with its token, by the calendar, whatever the machine did meanwhile. */
final class LinkLifeTest {
    private static final Instant BEGIN = Instant.parse("2026-03-01T12:00:00Z");

    private final SetClock calendar = new SetClock(BEGIN);
    private final TestFabric fabric = new TestFabric(AuditLog.none(), calendar, 1_000);

    /** An hour without a PING is no concern here. */
    private static final LinkSettings SILENT = new LinkSettings(Duration.ofDays(1), Duration.ofDays(1));

    private EmbeddedChannel link(Duration life) {
        TokenTerms terms =
                TokenTerms.of("laptop", List.of(URI.create("wss://gateway.example")), null, BEGIN, BEGIN.plus(life));
        FrameSwitch link = fabric.link(ClientToken.of(terms, List.of(Grant.parse("office:10.0.0.0/24"))), null);
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.freezeTime();
        channel.pipeline().addLast(new Link(Link.Role.WEBSOCKET_SERVER, true, SILENT, link));
        return channel;
    }

    private static void awake(EmbeddedChannel channel, Duration time) {
        channel.advanceTimeBy(time.toMillis(), TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
        channel.runPendingTasks();
        channel.releaseOutbound();
    }

    @Test
    void endsInTime() {
        EmbeddedChannel channel = link(Duration.ofMinutes(10));
        for (int second = 1; second < 600; second++) {
            calendar.now = BEGIN.plusSeconds(second);
            awake(channel, Duration.ofSeconds(1));
            assertThat(fabric.links.count()).as("after %d s", second).isOne();
        }
        calendar.now = BEGIN.plusSeconds(600);
        awake(channel, Duration.ofSeconds(1));
        assertThat(fabric.links.count()).isZero();
        channel.finishAndReleaseAll();
    }

    /** The timers of a machine that sleeps stand still, and so do its links; its tokens end all the same. */
    @Test
    void endsAlthoughTheMachineSlept() {
        EmbeddedChannel channel = link(Duration.ofHours(12));
        awake(channel, Duration.ofMinutes(1));
        calendar.now = BEGIN.plus(Duration.ofHours(13));
        awake(channel, LinkLife.CALENDAR_CHECK);
        assertThat(fabric.links.count()).isZero();
        channel.finishAndReleaseAll();
    }

    @Test
    void endsAtOnceWhenItIsOverAlready() {
        calendar.now = BEGIN.plus(Duration.ofHours(1));
        EmbeddedChannel channel = link(Duration.ofMinutes(10));
        awake(channel, Duration.ZERO);
        assertThat(fabric.links.count()).isZero();
        channel.finishAndReleaseAll();
    }
}
