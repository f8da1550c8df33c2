package dev.culvert.tunnel.loop;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class SlicedWorkTest {
    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel channel =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final SlicedWork work = new SlicedWork(channel.eventLoop());
    private final List<String> done = new ArrayList<>();

    private BooleanSupplier steps(String name, int steps, long nanosEach) {
        int[] left = {steps};
        return () -> {
            ticker.advance(nanosEach, TimeUnit.NANOSECONDS);
            done.add(name);
            return --left[0] > 0;
        };
    }

    private void add(BooleanSupplier step) {
        work.add(step, () -> {});
    }

    private List<String> turn() {
        done.clear();
        channel.runScheduledPendingTasks();
        return List.copyOf(done);
    }

    @Test
    void nothingIsDoneInTheTurnInWhichItIsAdded() {
        add(steps("a", 1, 1));
        assertThat(done).isEmpty();
        assertThat(turn()).containsExactly("a");
        assertThat(turn()).isEmpty();
    }

    @Test
    void allTogetherHaveOneSliceOfATurn() {
        add(steps("a", 3, SlicedWork.SLICE_NANOS / 2));
        add(steps("b", 2, SlicedWork.SLICE_NANOS / 2));
        add(steps("c", 2, SlicedWork.SLICE_NANOS * 10));
        assertThat(turn()).containsExactly("a", "a", "a");
        assertThat(turn()).containsExactly("b", "b", "c");
        assertThat(turn()).containsExactly("c");
        assertThat(turn()).isEmpty();
    }

    @Test
    void whatIsAddedByAWorkIsDoneToo() {
        add(() -> {
            add(steps("more", 1, 0));
            return false;
        });
        assertThat(turn()).containsExactly("more");
        add(steps("later", 1, 0));
        assertThat(turn()).containsExactly("later");
    }

    @Test
    void oneThatFailsDoesNotStopTheOthers() {
        add(() -> {
            throw new IllegalStateException("a bug");
        });
        add(steps("other", 1, 0));
        assertThat(turn()).containsExactly("other");
        add(steps("later", 1, 0));
        assertThat(turn()).containsExactly("later");
    }

    @Test
    void whoAddsAWorkHearsOnceThatItIsOver() {
        work.add(steps("a", 3, SlicedWork.SLICE_NANOS), () -> done.add("over"));
        assertThat(turn()).containsExactly("a", "a");
        assertThat(turn()).containsExactly("a", "over");
        assertThat(turn()).isEmpty();
    }

    /** What it has noted of the work may not stand for good. */
    @Test
    void soDoesWhoseWorkFails() {
        work.add(
                () -> {
                    throw new IllegalStateException("a bug");
                },
                () -> {
                    done.add("over");
                    add(steps("again", 1, 0));
                });
        add(steps("other", 1, 0));
        assertThat(turn()).containsExactly("over", "other", "again");
        assertThat(turn()).isEmpty();
    }
}
