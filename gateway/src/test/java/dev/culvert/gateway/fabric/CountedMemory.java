package dev.culvert.gateway.fabric;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.UnpooledHeapByteBuf;

/**
 * Buffers of a simulation: arrays, for direct memory is dear to come by, counted, so that one that was not released shows at the end,
 * at no cost for each; and, to find where it got lost, watched one by one by Netty's leak detector.
 */
final class CountedMemory extends AbstractByteBufAllocator {
    private final boolean watched;
    private long bytes;

    /** @param watched whether the leak detector watches each */
    CountedMemory(boolean watched) {
        this.watched = watched;
    }

    /** What buffers take that have not been released. */
    long bytes() {
        return bytes;
    }

    @Override
    protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
        ByteBuf b = new Counted(this, initialCapacity, maxCapacity);
        return watched ? toLeakAwareBuffer(b) : b;
    }

    @Override
    protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
        return newHeapBuffer(initialCapacity, maxCapacity);
    }

    @Override
    public boolean isDirectBufferPooled() {
        return false;
    }

    private final class Counted extends UnpooledHeapByteBuf {
        Counted(ByteBufAllocator alloc, int initialCapacity, int maxCapacity) {
            super(alloc, initialCapacity, maxCapacity);
        }

        @Override
        protected byte[] allocateArray(int capacity) {
            bytes += capacity;
            return super.allocateArray(capacity);
        }

        @Override
        protected void freeArray(byte[] array) {
            bytes -= array.length;
            super.freeArray(array);
        }
    }
}
