package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A {@link Stage} whose targets read by the letter, and answer. */
final class ServedStage implements AutoCloseable {
    private final Stage stage;
    private final Map<Stage.End, StrictServer> servers = new IdentityHashMap<>();
    private final List<StrictRequests.Request> asked = new ArrayList<>();

    /**
     * @param protocol of the visitor
     * @param h2c whether the target speaks HTTP/2
     * @param memory what all channels have their buffers from; null for the default
     */
    ServedStage(String protocol, boolean h2c, @Nullable ByteBufAllocator memory) {
        stage = new Stage(protocol, true, false, memory);
        stage.speaksHttp2 = h2c;
    }

    Stage stage() {
        return stage;
    }

    /** What targets have heard, in the order in which it has become whole. */
    List<StrictRequests.Request> asked() {
        return asked;
    }

    /** Requests whose head has come at a target. */
    int begun() {
        return servers.values().stream().mapToInt(StrictServer::begun).sum();
    }

    /** The visitor's bytes, and what comes of them. */
    void say(byte[] bytes) {
        if (stage.browser.isActive()) {
            stage.browser.writeInbound(stage.browser.alloc().buffer().writeBytes(bytes));
        }
        serve();
    }

    /** What the visitor has been sent since this was last asked. */
    byte[] heard() {
        serve();
        return drained(stage.browser);
    }

    private void serve() {
        boolean any = true;
        while (any) {
            any = false;
            stage.browser.runPendingTasks();
            for (int i = 0; i < stage.targets.size(); i++) {
                any |= serve(stage.targets.get(i));
            }
        }
    }

    private boolean serve(Stage.End target) {
        byte[] more = drained(target);
        StrictServer server = servers.computeIfAbsent(target, t -> StrictServer.of(stage.speaksHttp2));
        int before = server.whole().size();
        byte[] answers = server.hear(more);
        asked.addAll(server.whole().subList(before, server.whole().size()));
        if (answers.length > 0 && target.isActive()) {
            target.writeInbound(target.alloc().buffer().writeBytes(answers));
        }
        return more.length > 0 || answers.length > 0;
    }

    static byte[] drained(EmbeddedChannel channel) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
            byte[] bytes = new byte[b.readableBytes()];
            b.readBytes(bytes);
            b.release();
            out.writeBytes(bytes);
        }
        return out.toByteArray();
    }

    @Override
    public void close() {
        stage.close();
    }
}
