package dev.culvert.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;
import java.util.function.LongSupplier;

/**
 * How a connection is read that may become a link: a little at a time, so that a stranger costs little, and in bulk from the
 * upgrade on. A channel asks its allocator for a handle once, at its first read, and another allocator comes too late then;
 * so this one's handle changes. What is read of a link is as much as can be done in a slice of time: 64 KiB of data
 * take 0.1 ms, and of OPENs 20, which whoever shares the event loop would wait for.
 */
public final class UpgradableReads implements RecvByteBufAllocator {
    /** How long what is read of a link at once may take. */
    static final long SLICE_NANOS = 1_000_000;

    private static final int MOST = 65_536;

    /** Some dozens of OPENs, and as much as an interactive flow needs. */
    private static final int LEAST = 2_048;

    /** How much more is read than the last time, so that a link that was idle begins with little. */
    private static final int GROWTH = 4;

    private final RecvByteBufAllocator before; // once in a turn
    private final LongSupplier nanoTime;
    private volatile boolean upgraded;

    /** @param most bytes that are read in a turn of the event loop before the upgrade */
    public UpgradableReads(int most) {
        this(most, System::nanoTime);
    }

    UpgradableReads(int most, LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
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
        private int most = LEAST;
        private long startNanos;
        private int lastBytes;
        private long lastNanos;

        @Override
        public void reset(ChannelConfig config) {
            if (upgraded && !bulk) {
                bulk = true;
                now = (ExtendedHandle) EventLoops.bulkReads().newHandle();
            }
            now.reset(config);
            startNanos = bulk ? nanoTime.getAsLong() : 0;
        }

        @Override
        public ByteBuf allocate(ByteBufAllocator alloc) {
            return bulk && most < now.guess() ? alloc.ioBuffer(most) : now.allocate(alloc);
        }

        @Override
        public int guess() {
            return bulk ? Math.min(most, now.guess()) : now.guess();
        }

        @Override
        public void incMessagesRead(int n) {
            now.incMessagesRead(n);
        }

        @Override
        public void lastBytesRead(int bytes) {
            now.lastBytesRead(bytes);
            if (bulk) {
                lastBytes = bytes;
                lastNanos = nanoTime.getAsLong();
            }
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
            return inTime() && now.continueReading();
        }

        @Override
        public boolean continueReading(UncheckedBooleanSupplier maybeMoreData) {
            return inTime() && now.continueReading(maybeMoreData);
        }

        /** Whether there is time left in this turn. As much is read the next time as can be done in a slice, by the last. */
        private boolean inTime() {
            if (!bulk) {
                return true;
            }
            long time = nanoTime.getAsLong();
            long took = Math.max(1, time - lastNanos);
            long more = Math.min(lastBytes * SLICE_NANOS / took, (long) GROWTH * lastBytes);
            most = (int) Math.max(LEAST, Math.min(MOST, more));
            return time - startNanos < SLICE_NANOS;
        }

        @Override
        public void readComplete() {
            now.readComplete();
        }
    }
}
