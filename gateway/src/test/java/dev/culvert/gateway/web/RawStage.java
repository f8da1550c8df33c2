package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Visitors who speak in bytes, and a target that reads by the letter: each visitor has a {@link Stage} of its own, all have one allocator.
 */
final class RawStage implements AutoCloseable {
    private final UnpooledByteBufAllocator memory = new UnpooledByteBufAllocator(false);
    private final List<ServedStage> stages = new ArrayList<>();

    /** Bytes of buffers that were not released. */
    long usedMemory() {
        return memory.metric().usedHeapMemory() + memory.metric().usedDirectMemory();
    }

    /** One of HTTP/2, and a target in HTTP/1.1. */
    Visitor visitor() {
        return visitor(false);
    }

    /** @param h2c whether the target speaks HTTP/2 */
    Visitor visitor(boolean h2c) {
        return new Visitor(stage("h2", h2c));
    }

    /** A visitor in HTTP/1.1. */
    ServedStage plain(boolean h2c) {
        return stage("http/1.1", h2c);
    }

    private ServedStage stage(String protocol, boolean h2c) {
        ServedStage stage = new ServedStage(protocol, h2c, memory);
        stages.add(stage);
        return stage;
    }

    @Override
    public void close() {
        stages.forEach(ServedStage::close);
        stages.clear();
    }

    /** A visitor and the targets' end of what it asks. */
    static final class Visitor extends RawVisitor {
        private final ServedStage stage;

        Visitor(ServedStage stage) {
            super(Stage.NAME);
            this.stage = stage;
        }

        Stage stage() {
            return stage.stage();
        }

        @Override
        protected void write(byte[] bytes) {
            stage.say(bytes);
        }

        @Override
        protected byte @Nullable [] read() {
            byte[] all = stage.heard();
            return all.length == 0 ? null : all;
        }

        @Override
        protected boolean isClosed() {
            return !isOpen();
        }

        @Override
        public int asked() {
            return stage.asked().size();
        }

        @Override
        public void hasAsked(int n) {
            assertThat(asked()).isEqualTo(n);
        }

        boolean isOpen() {
            return stage().browser.isActive();
        }
    }
}
