package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.presence.AgentInstances;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** An agent's instance that comes on another link while its older one is there. */
@NullUnmarked
final class TakeoversTest {
    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private long nanos;
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), () -> nanos, 1_000);
    private final List<EmbeddedPeer> peers = new ArrayList<>();

    private EmbeddedPeer agent() {
        EmbeddedPeer agent = new EmbeddedPeer(fabric.agent("office", null, "10.0.0.0/8"), allocator, 2);
        peers.add(agent);
        agent.announce("one", "10.0.0.0/8");
        return agent;
    }

    private int count() {
        return fabric.fabric.presence().agentCount();
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(count()).isZero();
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    /** Beside a link that has gone silent, on a line that is bad for an hour. */
    @Test
    void oneThatComesBackTwiceAMinuteHasOneLink() {
        EmbeddedPeer before = agent();
        for (int i = 0; i < 120; i++) {
            nanos += TimeUnit.SECONDS.toNanos(30);
            EmbeddedPeer now = agent();
            before.take();
            assertThat(before.close).as("after %d times", i).startsWith("1001 ");
            before.end();
            assertThat(count()).isOne();
            before = now;
        }
    }

    /** Copies of one process cut each other off, and come back at once. */
    @Test
    void thoseThatKeepComingBackStay() {
        for (int i = 0; i <= AgentInstances.TAKEOVERS; i++) {
            agent().take();
        }
        assertThat(count()).isOne();
        agent();
        agent();
        assertThat(count()).isEqualTo(3);
    }

    /** Two of a gateway's URLs are two links of one process, and neither takes the other's place. */
    @Test
    void twoAttachmentsOfOneProcessBothStay() {
        EmbeddedPeer first = agent();
        EmbeddedPeer second = new EmbeddedPeer(fabric.agent("office", null, "10.0.0.0/8"), allocator, 2);
        peers.add(second);
        second.say("{\"instance\":\"one\",\"routes\":[\"10.0.0.0/8\"],\"attachment\":1}");
        first.take();
        assertThat(first.close).isNull();
        assertThat(count()).isEqualTo(2);
        first.send(Frame.DRAIN, 0, 0, Unpooled.buffer());
        assertThat(first.take(Frame.ANNOUNCE))
                .singleElement()
                .satisfies(f -> assertThat(f.payload().toString(StandardCharsets.UTF_8))
                        .as("itself is no other")
                        .contains("\"others\":0"));
        EmbeddedPeer again = agent();
        first.take();
        assertThat(first.close).as("in its own place").startsWith("1001 ");
        second.take();
        assertThat(second.close).isNull();
        assertThat(again.isUp()).isTrue();
    }

    /** Processes that share an instance's id pair with each other, so each that comes would be told of with each that is there. */
    @Test
    void copiesOfAnAgentAreToldOfAFewTimesHoweverManyThereAre() {
        Logger log = (Logger) LoggerFactory.getLogger(AgentInstances.class);
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        lines.start();
        log.addAppender(lines);
        try {
            for (int i = 0; i < AgentInstances.TAKEOVERS + 20; i++) {
                agent();
            }
        } finally {
            log.detachAppender(lines);
        }
        assertThat(lines.list)
                .filteredOn(e -> e.getFormattedMessage().contains("call themselves one instance, 'one'"))
                .hasSizeBetween(2, 4);
        assertThat(count()).isEqualTo(20);
    }
}
