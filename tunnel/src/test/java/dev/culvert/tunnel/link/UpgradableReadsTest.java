package dev.culvert.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator.ExtendedHandle;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class UpgradableReadsTest {
    /** A link that went on to be read as a stranger is cost its gateway twice the processor time. */
    @Test
    void theHandleThatAChannelHasKeptReadsInBulkAfterTheUpgrade() {
        EmbeddedChannel channel = new EmbeddedChannel();
        UpgradableReads reads = new UpgradableReads(4_096);
        ExtendedHandle handle = reads.newHandle();
        assertThat(most(channel, handle)).isEqualTo(4_096);
        reads.upgrade();
        assertThat(most(channel, handle)).isGreaterThanOrEqualTo(65_536);
        channel.finishAndReleaseAll();
    }

    /** Frames that take long, as OPENs do, must not hold up the other links of the event loop for as long as 64 KiB of them. */
    @Test
    void noMoreIsReadOfALinkThanCanBeDoneInTime() {
        EmbeddedChannel channel = new EmbeddedChannel();
        long[] now = {0};
        UpgradableReads reads = new UpgradableReads(4_096, () -> now[0]);
        ExtendedHandle handle = reads.newHandle();
        reads.upgrade();
        for (int turn = 0; turn < 50; turn++) {
            assertThat(turn(channel, handle, now, 250)) // so that 64 KiB would take 16 ms
                    .isLessThanOrEqualTo(2 * ReadShare.SLICE_NANOS);
        }
        assertThat(most(channel, handle)).as("when it sends data").isGreaterThanOrEqualTo(65_536);
        turn(channel, handle, now, 250);
        assertThat(turn(channel, handle, now, 250)).isLessThanOrEqualTo(2 * ReadShare.SLICE_NANOS);
        channel.finishAndReleaseAll();
    }

    /** A hundred links of one holder hold up the others of their event loop no longer than one of another holder does. */
    @Test
    void theLinksOfOneHolderShareItsTime() {
        EmbeddedChannel channel = new EmbeddedChannel();
        long[] now = {0};
        ReadShare share = new ReadShare(channel.eventLoop());
        List<ExtendedHandle> links = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            UpgradableReads reads = new UpgradableReads(4_096, () -> now[0]);
            share.joined();
            reads.share(share);
            links.add(reads.newHandle());
            reads.upgrade();
        }
        long most = 0;
        for (int turn = 0; turn < 200; turn++) {
            long start = now[0];
            for (ExtendedHandle handle : links.subList(0, turn % 40 == 39 ? 1 : 100)) { // a pause wins nothing
                turn(channel, handle, now, 250);
            }
            channel.runPendingTasks();
            if (turn > 0) {
                most = Math.max(most, now[0] - start);
            }
        }
        assertThat(most).as("of the least that is read, 64 us each").isLessThanOrEqualTo(100 * 256 * 250L);
        channel.finishAndReleaseAll();
    }

    @Test
    void aHolderWhoseOtherLinksAreIdleReadsInBulk() {
        EmbeddedChannel channel = new EmbeddedChannel();
        long[] now = {0};
        ReadShare share = new ReadShare(channel.eventLoop());
        UpgradableReads reads = new UpgradableReads(4_096, () -> now[0]);
        for (int i = 0; i < 100; i++) {
            share.joined();
        }
        reads.share(share);
        ExtendedHandle handle = reads.newHandle();
        reads.upgrade();
        int most = 0;
        for (int turn = 0; turn < 50; turn++) {
            handle.reset(channel.config());
            int n = read(handle);
            now[0] += 2L * n; // as long as data takes
            handle.continueReading();
            handle.readComplete();
            channel.runPendingTasks();
            most = Math.max(most, n);
        }
        assertThat(most).isGreaterThanOrEqualTo(65_536);
        channel.finishAndReleaseAll();
    }

    /** How long a turn takes in which the peer always has more. */
    private static long turn(EmbeddedChannel channel, ExtendedHandle handle, long[] now, long nanosEach) {
        long start = now[0];
        handle.reset(channel.config());
        do {
            now[0] += read(handle) * nanosEach;
        } while (handle.continueReading());
        handle.readComplete();
        return now[0] - start;
    }

    private static int read(ExtendedHandle handle) {
        ByteBuf buffer = handle.allocate(UnpooledByteBufAllocator.DEFAULT);
        int n = buffer.writableBytes();
        handle.attemptedBytesRead(n);
        handle.lastBytesRead(n);
        handle.incMessagesRead(1);
        buffer.release();
        return n;
    }

    /** What is read at once of a peer that always has more. */
    private static int most(EmbeddedChannel channel, ExtendedHandle handle) {
        int most = 0;
        for (int turn = 0; turn < 50; turn++) {
            handle.reset(channel.config());
            most = Math.max(most, read(handle));
            handle.continueReading();
            handle.readComplete();
        }
        return most;
    }
}
