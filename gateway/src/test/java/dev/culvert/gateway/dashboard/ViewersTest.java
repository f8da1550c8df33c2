package dev.culvert.gateway.dashboard;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpContent;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class ViewersTest {
    private final AtomicLong nanos = new AtomicLong();
    private final Set<Long> signedOut = new HashSet<>();
    private final Viewers viewers = new Viewers(session -> !signedOut.contains(session.number()), nanos::get);

    private static Scene scene(int n) {
        Scene.Builder scene = new Scene.Builder();
        scene.put("flows", "1", Map.of("up", n));
        scene.put("flows", "same", Map.of("up", 0));
        return scene.make(n);
    }

    private EmbeddedChannel viewer(long session) {
        EmbeddedChannel channel = new EmbeddedChannel();
        viewers.add(channel, new SignIn.Session(session, SignIn.Role.LOOK, ""));
        return channel;
    }

    private static String told(EmbeddedChannel channel) {
        HttpContent content = channel.readOutbound();
        if (content == null) {
            return null;
        }
        ByteBuf bytes = content.content();
        String text = bytes.toString(StandardCharsets.UTF_8);
        content.release();
        assertThat(bytes.refCnt()).isLessThanOrEqualTo(1);
        return text;
    }

    @Test
    void isToldAllAndThenWhatChanges() {
        EmbeddedChannel one = viewer(1);
        viewers.show(scene(1));
        assertThat(told(one)).startsWith("data: {").endsWith("}\n\n").contains("\"whole\":true", "same");
        EmbeddedChannel two = viewer(2);
        viewers.show(scene(2));
        assertThat(told(one)).contains("\"whole\":false", "\"up\":2").doesNotContain("same");
        assertThat(told(two)).contains("\"whole\":true", "\"up\":2");
    }

    @Test
    void nothingIsQueuedForOneThatDoesNotRead() {
        EmbeddedChannel slow = viewer(1);
        EmbeddedChannel quick = viewer(2);
        viewers.show(scene(1));
        told(slow);
        told(quick);
        slow.config().setWriteBufferWaterMark(new WriteBufferWaterMark(1, 2));
        slow.write(Unpooled.wrappedBuffer(new byte[100])); // is not flushed, as if the socket took nothing
        assertThat(slow.isWritable()).isFalse();
        for (int n = 2; n < 10; n++) {
            viewers.show(scene(n));
            assertThat(told(slow)).isNull();
            assertThat(told(quick)).contains("\"whole\":false", "\"up\":" + n);
        }
        slow.flush();
        ((ByteBuf) slow.readOutbound()).release();
        viewers.show(scene(10));
        assertThat(told(slow)).as("the newest, whole").contains("\"whole\":true", "\"up\":10", "same");
        viewers.show(scene(11));
        assertThat(told(slow)).contains("\"whole\":false");
    }

    @Test
    void whoNeverReadsIsClosed() {
        EmbeddedChannel slow = viewer(1);
        slow.config().setWriteBufferWaterMark(new WriteBufferWaterMark(1, 2));
        slow.write(Unpooled.wrappedBuffer(new byte[100]));
        nanos.addAndGet(Viewers.PATIENCE.toNanos() - 1);
        viewers.show(scene(1));
        assertThat(slow.isOpen()).isTrue();
        nanos.addAndGet(Duration.ofNanos(1).toNanos());
        viewers.show(scene(2));
        assertThat(slow.isOpen()).isFalse();
        assertThat(viewers.isEmpty()).isTrue();
    }

    @Test
    void whoIsSignedOutSeesNothingMore() {
        EmbeddedChannel out = viewer(1);
        EmbeddedChannel in = viewer(2);
        signedOut.add(1L);
        viewers.show(scene(1));
        assertThat(told(out)).isNull();
        assertThat(out.isOpen()).isFalse();
        assertThat(told(in)).isNotNull();
        viewers.end(new SignIn.Session(2, SignIn.Role.LOOK, ""));
        assertThat(in.isOpen()).isFalse();
    }

    @Test
    void areBounded() {
        for (int i = 0; i < Viewers.MAX; i++) {
            assertThat(viewers.hasRoom()).isTrue();
            viewer(i);
        }
        assertThat(viewers.hasRoom()).isFalse();
    }
}
