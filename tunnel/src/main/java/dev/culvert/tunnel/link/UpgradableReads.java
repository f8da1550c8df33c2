package dev.culvert.tunnel.link;

import dev.culvert.tunnel.loop.EventLoops;
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
    private static final int MOST = 65_536;

    /** Some dozens of OPENs, and as much as an interactive flow needs. */
    private static final int LEAST = 2_048;

    /** The same of a link that shares its time with others of its holder: some OPENs. */
    private static final int LEAST_SHARED = 256;

    /** How much more is read than the last time, so that a link that was idle begins with little. */
    private static final int GROWTH = 4;

    private final RecvByteBufAllocator before; // once in a turn
    private final LongSupplier nanoTime;
    private ReadShare share = ReadShare.ALONE;
    private volatile boolean upgraded;

    /** @param most bytes that are read in a turn of the event loop before the upgrade */
    public UpgradableReads(int most) {
        this(most, System::nanoTime);
    }

    UpgradableReads(int most, LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        before = new AdaptiveRecvByteBufAllocator(Math.min(64, most), most, most).maxMessagesPerRead(1);
    }

    /** With which other links the link is to share its time; before the upgrade, on the link's loop. */
    public void share(ReadShare with) {
        share = with;
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
        private long slice;
        private int lastBytes;
        private long lastNanos;
        private long lastTook;

        @Override
        public void reset(ChannelConfig config) {
            if (upgraded && !bulk) {
                bulk = true;
                now = (ExtendedHandle) EventLoops.bulkReads().newHandle();
            }
            now.reset(config);
            if (bulk) {
                startNanos = nanoTime.getAsLong();
                slice = share.begin();
                if (share.isShared()) {
                    most = Math.min(most, fitting()); // others of the holder may have come since the last read
                }
            }
        }

        /** How much can be done in the slice, if it takes as long as what was read last. */
        private int fitting() {
            int least = share.isShared() ? LEAST_SHARED : LEAST;
            return (int) Math.max(least, Math.min(MOST, lastBytes * slice / Math.max(1, lastTook)));
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
            if (bulk && bytes > 0) {
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
            lastTook = time - lastNanos;
            most = Math.min(fitting(), Math.max(LEAST, GROWTH * lastBytes));
            return time - startNanos < slice;
        }

        @Override
        public void readComplete() {
            now.readComplete();
            if (bulk && share.isShared()) {
                share.used(nanoTime.getAsLong() - startNanos);
            }
        }
    }
}
