package dev.culvert.gateway.dashboard;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultHttpContent;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Whose pages are open, each an answer that goes on: {@code text/event-stream} of WHATWG HTML. Each is written the scene whole, and then
 * what has changed in it; nothing is written to one that has not taken what it had before, and when it has it gets the newest
 * whole. So what waits for one is never more than a scene and a change. On one event loop.
 */
final class Viewers {
    /** Pages that are open at once. */
    static final int MAX = 16;

    /** Who takes nothing for so long is not there any more. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final class Viewer {
        final SignIn.Session session;

        /** What it was written last; null when it needs all. */
        @Nullable
        Scene has;

        long tookNanos;

        Viewer(SignIn.Session session, long nanos) {
            this.session = session;
            this.tookNanos = nanos;
        }
    }

    private final Map<Channel, Viewer> viewers = new LinkedHashMap<>();
    private final Predicate<SignIn.Session> signedIn;
    private final LongSupplier nanoTime;

    /** @param signedIn whether a session still is one */
    Viewers(Predicate<SignIn.Session> signedIn, LongSupplier nanoTime) {
        this.signedIn = signedIn;
        this.nanoTime = nanoTime;
    }

    /** Whether there is room for one more. */
    boolean hasRoom() {
        return viewers.size() < MAX;
    }

    boolean isEmpty() {
        return viewers.isEmpty();
    }

    /** Its answer has begun; until its channel is closed it is told what there is. */
    void add(Channel channel, SignIn.Session session) {
        viewers.put(channel, new Viewer(session, nanoTime.getAsLong()));
        channel.closeFuture().addListener(f -> viewers.remove(channel));
    }

    /** There is a new scene. It is encoded at most twice, however many see it. */
    void show(Scene scene) {
        long now = nanoTime.getAsLong();
        ByteBuf whole = null;
        Map<Scene, ByteBuf> changes = new LinkedHashMap<>();
        List<Channel> over = new ArrayList<>();
        for (Map.Entry<Channel, Viewer> entry : viewers.entrySet()) {
            Channel channel = entry.getKey();
            Viewer viewer = entry.getValue();
            if (!signedIn.test(viewer.session)) {
                over.add(channel);
                continue;
            }
            if (!channel.isWritable()) {
                viewer.has = null;
                if (now - viewer.tookNanos >= PATIENCE.toNanos()) {
                    over.add(channel);
                }
                continue;
            }
            viewer.tookNanos = now;
            Scene has = viewer.has;
            ByteBuf told;
            if (has == null) {
                whole = whole == null ? event(scene.whole()) : whole;
                told = whole;
            } else {
                told = changes.computeIfAbsent(has, old -> event(scene.since(old)));
            }
            viewer.has = scene;
            channel.writeAndFlush(new DefaultHttpContent(told.retainedDuplicate()));
        }
        if (whole != null) {
            whole.release();
        }
        changes.values().forEach(ByteBuf::release);
        over.forEach(Channel::close);
    }

    /** Those of a session end. */
    void end(SignIn.Session session) {
        List<Channel> its = new ArrayList<>();
        viewers.forEach((channel, viewer) -> {
            if (viewer.session.number() == session.number()) {
                its.add(channel);
            }
        });
        its.forEach(Channel::close);
    }

    private static ByteBuf event(String json) {
        return Unpooled.wrappedBuffer(("data: " + json + "\n\n").getBytes(StandardCharsets.UTF_8));
    }
}
