package dev.culvert.gateway.instance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.instance.HealthChecks.Found;
import dev.culvert.gateway.publish.Published;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Promise;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One look at a target; in frozen time. */
@NullUnmarked
final class TargetLookTest {
    private static final class Target extends EmbeddedChannel {
        Target(EventLoop loop) {
            super(false, false);
            loop.register(this).syncUninterruptibly();
        }
    }

    private final EmbeddedChannel timer = new EmbeddedChannel();
    private final Target target = new Target(timer.eventLoop());
    private final Promise<Channel> connecting = timer.eventLoop().newPromise();
    private final List<Found> found = new ArrayList<>();

    private void look(String publication) {
        timer.freezeTime();
        Published published = StandIn.published(publication);
        new TargetLook(timer::eventLoop, (loop, p, answerer) -> {
                    assertThat(answerer).isEqualTo("a/k");
                    return connecting;
                })
                .look(
                        published,
                        "a/k",
                        Objects.requireNonNull(published.publication().options().health()),
                        Duration.ofSeconds(3),
                        found::add);
        timer.runPendingTasks();
    }

    private void connected() {
        connecting.setSuccess(target);
        timer.runPendingTasks();
        target.runPendingTasks();
    }

    @AfterEach
    void stop() {
        target.finishAndReleaseAll();
    }

    private String sent() {
        StringBuilder text = new StringBuilder();
        for (ByteBuf b = target.readOutbound(); b != null; b = target.readOutbound()) {
            text.append(b.toString(StandardCharsets.ISO_8859_1));
            b.release();
        }
        return text.toString();
    }

    @Test
    void toBeConnectedToIsEnough() {
        look("tcp:22=10.0.0.9:22,health=tcp");
        assertThat(found).isEmpty();
        connected();
        assertThat(found).containsExactly(Found.WELL);
        assertThat(target.isOpen()).isFalse();
        assertThat(sent()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "HTTP/1.1 200 OK, ",
        "HTTP/1.1 302 Found, ",
        "HTTP/1.0 204 No Content, ",
        "HTTP/1.1 404 Not Found, it answers 404",
        "HTTP/1.1 503 Away, it answers 503",
        "SSH-2.0-OpenSSH, its answer is not HTTP"
    })
    void aPageIsAskedFor(String line, String why) {
        look("app.test/api=http://10.0.0.9:80,health=/up?x=1");
        connected();
        assertThat(sent())
                .startsWith("GET /up?x=1 HTTP/1.1\r\n")
                .contains("host: app.test\r\n")
                .contains("connection: close\r\n");
        target.writeInbound(Unpooled.copiedBuffer("HTTP/1.1 103 Early Hints\r\n\r\n", StandardCharsets.US_ASCII));
        assertThat(found).isEmpty();
        target.writeInbound(Unpooled.copiedBuffer(line + "\r\n\r\n", StandardCharsets.US_ASCII));
        assertThat(found).containsExactly(new Found(true, why));
        assertThat(target.isOpen()).isFalse();
    }

    @Test
    void hostIsWhatTheTargetKnows() {
        look("*.test=http://web.lan:80,health=/");
        connected();
        assertThat(sent()).contains("host: web.lan\r\n");
    }

    @Test
    void silenceIsUnwell() {
        look("app.test=http://10.0.0.9:80,health=/");
        connected();
        timer.advanceTimeBy(3, TimeUnit.SECONDS);
        timer.runPendingTasks();
        assertThat(found).containsExactly(Found.unwell("nothing has come of it within 3 s"));
        assertThat(target.isOpen()).isFalse();
    }

    @Test
    void whoCannotBeConnectedToInTimeIsGivenUp() {
        look("app.test=http://10.0.0.9:80,health=/");
        timer.advanceTimeBy(3, TimeUnit.SECONDS);
        timer.runPendingTasks();
        assertThat(found).containsExactly(Found.unwell("nothing has come of it within 3 s"));
        assertThat(connecting.isCancelled()).isTrue();
    }

    @Test
    void aClosedConnectionIsNoAnswer() {
        look("app.test=http://10.0.0.9:80,health=/");
        connected();
        target.pipeline().close();
        target.runPendingTasks();
        assertThat(found).containsExactly(Found.unwell("it has closed the connection without an answer"));
    }

    @ParameterizedTest
    @CsvSource({"CONNECTION_REFUSED,true", "TIMED_OUT,true", "NO_AGENT,false", "LINK_LOST,false", "OVERLOADED,false"})
    void whatTheWayIsToBlameForSaysNothing(Reason reason, boolean learnt) {
        look("app.test=http://10.0.0.9:80,health=/");
        connecting.setFailure(new FlowException(reason, "so"));
        timer.runPendingTasks();
        assertThat(found).containsExactly(learnt ? Found.unwell("so") : Found.NOTHING);
    }

    /** In HTTP/2 with prior knowledge: the preface, SETTINGS, HEADERS; the answer is HEADERS with :status 200. */
    @Test
    void http2IsSpokenToWhoSpeaksThat() {
        look("app.test=h2c://10.0.0.9:80,health=/up");
        connected();
        assertThat(sent()).startsWith("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        byte[] settings = {0, 0, 0, 4, 0, 0, 0, 0, 0};
        byte[] headers = {0, 0, 1, 1, 5, 0, 0, 0, 3, (byte) 0x88}; // END_STREAM and END_HEADERS; static entry 8
        target.writeInbound(Unpooled.wrappedBuffer(settings, headers));
        target.runPendingTasks();
        assertThat(found).containsExactly(Found.WELL);
        assertThat(target.isOpen()).isFalse();
    }
}
