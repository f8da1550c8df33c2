package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.presence.PublishingAgent;
import dev.culvert.policy.publication.Publication;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What agents say that they publish reaches whoever decides, and what that says reaches them. */
@NullUnmarked
final class PublishingAgentTest {
    private static final String ROUTE = "10.0.0.0/8";

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private long nanos;
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), () -> nanos, 1_000);
    private final List<EmbeddedPeer> peers = new ArrayList<>();

    private EmbeddedPeer agent(int version) {
        EmbeddedPeer agent = new EmbeddedPeer(fabric.agent("office", null, ROUTE), allocator, version);
        peers.add(agent);
        return agent;
    }

    private static void says(EmbeddedPeer agent, String... publications) {
        agent.say("{\"instance\":\"i\",\"routes\":[\"" + ROUTE + "\"],\"publish\":[\""
                + String.join("\",\"", publications) + "\"]}");
    }

    private void passes(EmbeddedPeer agent, long millis) {
        nanos += TimeUnit.MILLISECONDS.toNanos(millis);
        agent.advance(millis);
    }

    private PublishingAgent publishing() {
        assertThat(fabric.published).hasSize(1);
        return fabric.published.keySet().iterator().next();
    }

    private static List<Announcement.Answer> answers(EmbeddedPeer agent) throws Exception {
        List<Announcement.Answer> out = new ArrayList<>();
        for (WebSocketMessage frame : agent.take(Frame.ANNOUNCE)) {
            out.add(Announcement.decode(frame.payload(), Announcement.Answer.class));
        }
        return out;
    }

    private static List<Announcement.Refused> refusals(int many, String why) {
        return Collections.nCopies(many, new Announcement.Refused("a.example", why));
    }

    @AfterEach
    void endsClean() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(fabric.published).isEmpty();
    }

    @Test
    void anOlderAgentPublishesNothingAndIsToldNothing() throws Exception {
        EmbeddedPeer agent = agent(2);
        agent.announce("i", ROUTE);
        assertThat(fabric.published.values()).containsExactly(List.of());
        passes(agent, 5_000);
        assertThat(answers(agent)).isEmpty();
    }

    @Test
    void whatIsRefusedIsToldTheNewestOnceASecond() throws Exception {
        EmbeddedPeer agent = agent(2);
        says(agent, "a.example=http://10.0.0.1:80");
        assertThat(fabric.published.values()).containsExactly(List.of("a.example=http://10.0.0.1:80"));
        publishing().refused(refusals(1, "first"));
        passes(agent, 1);
        assertThat(answers(agent)).containsExactly(Announcement.Answer.refused(refusals(1, "first")));
        publishing().refused(refusals(1, "second"));
        publishing().refused(List.of());
        passes(agent, 998);
        assertThat(answers(agent)).isEmpty();
        passes(agent, 2);
        assertThat(answers(agent)).containsExactly(Announcement.Answer.refused(List.of()));
    }

    @Test
    void theAnswerFitsAFrame() throws Exception {
        EmbeddedPeer agent = agent(2);
        says(agent, "a.example=http://10.0.0.1:80");
        publishing().refused(refusals(Publication.MAX_OF_AGENT, "\u00fc".repeat(800)));
        passes(agent, 1);
        assertThat(answers(agent))
                .singleElement()
                .satisfies(a -> assertThat(a.refused()).hasSizeBetween(16, Publisher.MAX_TOLD));
    }

    @Test
    void onALinkOfVersionOneNothingIsTold() throws Exception {
        EmbeddedPeer agent = agent(1);
        says(agent, "a.example=http://10.0.0.1:80");
        publishing().refused(refusals(1, "x"));
        passes(agent, 2_000);
        assertThat(answers(agent)).isEmpty();
    }

    @Test
    void whatItPublishesChangesOnceASecondTheNewest() {
        EmbeddedPeer agent = agent(2);
        says(agent, "a");
        says(agent, "b");
        says(agent, "c");
        assertThat(fabric.published.values()).containsExactly(List.of("a"));
        passes(agent, 1_000);
        assertThat(fabric.published.values()).containsExactly(List.of("c"));
    }

    @Test
    void tooManyAreAViolation() {
        EmbeddedPeer agent = agent(2);
        says(agent, Collections.nCopies(Publication.MAX_OF_AGENT + 1, "a").toArray(String[]::new));
        agent.take();
        assertThat(agent.close).startsWith("1002 ANNOUNCE with 257 publications, most is 256");
    }
}
