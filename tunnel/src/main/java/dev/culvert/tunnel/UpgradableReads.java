package dev.culvert.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;

/**
 * How a connection is read that may become a link: a little at a time, so that a stranger costs little, and in bulk from the
 * upgrade on. A channel asks its allocator for a handle once, at its first read, and another allocator comes too late then;
 * so this one's handle changes.
 */
public final class UpgradableReads implements RecvByteBufAllocator {
    private final RecvByteBufAllocator before; // once in a turn
    private volatile boolean upgraded;

    /** @param most bytes that are read in a turn of the event loop before the upgrade */
    public UpgradableReads(int most) {
        before = new AdaptiveRecvByteBufAllocator(Math.min(64, most), most, most).maxMessagesPerRead(1);
    }

    /** Reads in bulk from the next turn on. */
    void upgrade() {
        upgraded = true;
    }

    @Override
    @SuppressWarnings("deprecation") // of the interface that every allocator implements
    public ExtendedHandle newHandle() {
        return new Switching();
    }

    private final class Switching implements ExtendedHandle {
        private ExtendedHandle now = (ExtendedHandle) before.newHandle();
        private boolean bulk;

        @Override
        public void reset(ChannelConfig config) {
            if (upgraded && !bulk) {
                bulk = true;
                now = (ExtendedHandle) EventLoops.bulkReads().newHandle();
            }
            now.reset(config);
        }

        @Override
        public ByteBuf allocate(ByteBufAllocator alloc) {
            return now.allocate(alloc);
        }

        @Override
        public int guess() {
            return now.guess();
        }

        @Override
        public void incMessagesRead(int n) {
            now.incMessagesRead(n);
        }

        @Override
        public void lastBytesRead(int bytes) {
            now.lastBytesRead(bytes);
        }

        @Override
        public int lastBytesRead() {
            return now.lastBytesRead();
        }

        @Override
        public void attemptedBytesRead(int bytes) {
            now.attemptedBytesRead(bytes);
        }

        @Override
        public int attemptedBytesRead() {
            return now.attemptedBytesRead();
        }

        @Override
        public boolean continueReading() {
            return now.continueReading();
        }

        @Override
        public boolean continueReading(UncheckedBooleanSupplier maybeMoreData) {
            return now.continueReading(maybeMoreData);
        }

        @Override
        public void readComplete() {
            now.readComplete();
        }
    }
}
