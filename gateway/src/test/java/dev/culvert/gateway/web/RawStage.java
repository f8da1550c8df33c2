package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Visitors who speak in bytes, and a target that reads by the letter: each visitor has a {@link Stage} of its own, all have one allocator.
 */
final class RawStage implements AutoCloseable {
    private final UnpooledByteBufAllocator memory = new UnpooledByteBufAllocator(false);
    private final List<Stage> stages = new ArrayList<>();

    /** Bytes of buffers that were not released. */
    long usedMemory() {
        return memory.metric().usedHeapMemory() + memory.metric().usedDirectMemory();
    }

    Visitor visitor() {
        return new Visitor(stage("h2"));
    }

    private Stage stage(String protocol) {
        Stage stage = new Stage(protocol, true, false, memory);
        stages.add(stage);
        return stage;
    }

    @Override
    public void close() {
        stages.forEach(Stage::close);
        stages.clear();
    }

    private static byte[] drained(EmbeddedChannel channel) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
            byte[] bytes = new byte[b.readableBytes()];
            b.readBytes(bytes);
            b.release();
            out.writeBytes(bytes);
        }
        return out.toByteArray();
    }

    /** A visitor and the targets' end of what it asks. */
    static final class Visitor extends RawVisitor {
        private final Stage stage;
        private final Map<Stage.End, StrictTarget> targets = new IdentityHashMap<>();

        Visitor(Stage stage) {
            super(Stage.NAME);
            this.stage = stage;
        }

        Stage stage() {
            return stage;
        }

        @Override
        protected void write(byte[] bytes) {
            if (stage.browser.isActive()) {
                stage.browser.writeInbound(stage.browser.alloc().buffer().writeBytes(bytes));
            }
            serve();
        }

        @Override
        protected byte @Nullable [] read() {
            serve();
            byte[] all = drained(stage.browser);
            return all.length == 0 ? null : all;
        }

        @Override
        protected boolean isClosed() {
            return !stage.browser.isActive();
        }

        @Override
        public int asked() {
            serve();
            return targets.values().stream().mapToInt(t -> t.whole().size()).sum();
        }

        @Override
        public void hasAsked(int n) {
            assertThat(asked()).isEqualTo(n);
        }

        boolean isOpen() {
            return stage.browser.isActive();
        }

        /** What targets have heard. */
        List<StrictTarget> heard() {
            serve();
            return List.copyOf(targets.values());
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
            byte[] answers =
                    targets.computeIfAbsent(target, t -> new StrictTarget()).hear(more);
            if (answers.length > 0 && target.isActive()) {
                target.writeInbound(target.alloc().buffer().writeBytes(answers));
            }
            return more.length > 0;
        }
    }
}
