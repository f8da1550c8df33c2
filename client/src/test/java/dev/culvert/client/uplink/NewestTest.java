package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class NewestTest {
    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final List<Integer> taken = new ArrayList<>();
    private final Newest<Integer> newest = new Newest<>(channel.eventLoop(), 1_000, taken::add);

    private void pass(long millis) {
        channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
    }

    @Test
    void oneInASecondTheNewest() {
        channel.freezeTime();
        for (int i = 1; i <= 500; i++) {
            newest.offer(i);
        }
        assertThat(taken).containsExactly(1);
        pass(999);
        assertThat(taken).containsExactly(1);
        pass(1);
        assertThat(taken).containsExactly(1, 500);
        newest.offer(501);
        pass(1_000);
        assertThat(taken).containsExactly(1, 500, 501);
        pass(1_000);
        newest.offer(502);
        assertThat(taken).as("after a pause at once").containsExactly(1, 500, 501, 502);
    }

    @Test
    void whatIsDroppedIsNotTaken() {
        channel.freezeTime();
        newest.offer(1);
        newest.offer(2);
        newest.drop();
        pass(1_000);
        assertThat(taken).containsExactly(1);
        newest.offer(3);
        assertThat(taken).containsExactly(1, 3);
    }
}
