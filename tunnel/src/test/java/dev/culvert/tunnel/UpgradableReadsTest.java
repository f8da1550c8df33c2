package dev.culvert.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator.ExtendedHandle;
import io.netty.channel.embedded.EmbeddedChannel;
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

    /** What is read at once of a peer that always has more. */
    private static int most(EmbeddedChannel channel, ExtendedHandle handle) {
        int most = 0;
        for (int turn = 0; turn < 50; turn++) {
            handle.reset(channel.config());
            ByteBuf buffer = handle.allocate(UnpooledByteBufAllocator.DEFAULT);
            most = Math.max(most, buffer.writableBytes());
            handle.attemptedBytesRead(buffer.writableBytes());
            handle.lastBytesRead(buffer.writableBytes());
            handle.incMessagesRead(1);
            handle.readComplete();
            buffer.release();
        }
        return most;
    }
}
