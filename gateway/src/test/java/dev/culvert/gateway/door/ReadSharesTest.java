package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.link.UpgradableReads;
import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.Test;

class ReadSharesTest {
    @Test
    void nothingIsKeptOfAHolderWhoseLinksAreGone() {
        ReadShares shares = new ReadShares();
        EmbeddedChannel first = channel();
        EmbeddedChannel second = channel();
        shares.join(first, "client laptop");
        shares.join(first, "agent office");
        shares.join(second, "client laptop");
        assertThat(shares.size()).as("each on its loop").isEqualTo(3);
        first.close();
        first.runPendingTasks();
        assertThat(shares.size()).isEqualTo(1);
        second.close();
        second.runPendingTasks();
        assertThat(shares.size()).isZero();
    }

    private static EmbeddedChannel channel() {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.config().setRecvByteBufAllocator(new UpgradableReads(4_096));
        return channel;
    }
}
