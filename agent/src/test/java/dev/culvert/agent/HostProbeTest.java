package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.agent.HostProbe.State;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When the kernel is asked, and what is made of its answers; time stands still. */
@NullUnmarked
final class HostProbeTest {
    private static final int OWN = 7_440;
    private static final State SILENT = new State(60_000, 0, 0, 0);
    private static final State HEARD = new State(3, 0, 0, 0);

    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final List<Integer> keepAliveTimes = new ArrayList<>();
    private State state = SILENT;
    private boolean open = true;
    private int looks;
    private int alive;
    private HostProbe probe;

    @BeforeEach
    void start() {
        channel.freezeTime();
        HostProbe.Host host = new HostProbe.Host() {
            @Override
            public boolean isOpen() {
                return open;
            }

            @Override
            public void keepAliveTime(int seconds) {
                assertThat(open).isTrue();
                keepAliveTimes.add(seconds);
            }

            @Override
            public State state() {
                assertThat(open).isTrue();
                looks++;
                return state;
            }
        };
        probe = new HostProbe(channel.eventLoop(), host, OWN, () -> alive++);
    }

    @AfterEach
    void stop() {
        channel.finishAndReleaseAll();
    }

    private void advance(long millis) {
        for (long i = 0; i < millis; i++) {
            channel.advanceTimeBy(1, TimeUnit.MILLISECONDS);
            channel.runScheduledPendingTasks();
        }
    }

    @Test
    void aHostThatAnswers() {
        probe.ask();
        assertThat(keepAliveTimes).containsExactly(1);
        assertThat(alive).isZero();
        advance(4);
        state = HEARD;
        advance(1);
        assertThat(alive).isEqualTo(1);
        assertThat(keepAliveTimes).containsExactly(1, OWN);
        advance(60_000);
        assertThat(alive).isEqualTo(1);
        assertThat(looks).isEqualTo(2);
    }

    @Test
    void aHostFarAway() {
        probe.ask();
        advance(700);
        state = HEARD;
        advance(600);
        assertThat(alive).isEqualTo(1);
        assertThat(keepAliveTimes).containsExactly(1, OWN);
    }

    @Test
    void aDeadHostIsAskedAgainWheneverTheApplicationAsks() {
        for (int i = 1; i <= 3; i++) {
            probe.ask();
            probe.ask();
            advance(10_000);
            assertThat(alive).isZero();
            assertThat(keepAliveTimes).hasSize(2 * i).endsWith(1, OWN);
            assertThat(looks).isLessThanOrEqualTo(10 * i);
        }
        state = HEARD;
        probe.ask();
        assertThat(alive).isEqualTo(1);
    }

    /** However often a client asks: the kernel is asked once a second. */
    @Test
    void aFlood() {
        state = HEARD;
        for (int i = 0; i < 10_000; i++) {
            probe.ask();
        }
        assertThat(alive).isEqualTo(10_000);
        assertThat(looks).isEqualTo(1);
        assertThat(keepAliveTimes).isEmpty();
        advance(1_000);
        state = SILENT;
        for (int i = 0; i < 10_000; i++) {
            probe.ask();
        }
        assertThat(keepAliveTimes).containsExactly(1);
        assertThat(alive).isEqualTo(10_000);
    }

    /** Its window is closed, so the kernel asks by probes of that alone, seldom; the last one was answered. */
    @Test
    void aHostThatDoesNotRead() {
        state = new State(90_000, 0, 5_000, 0);
        probe.ask();
        assertThat(alive).isEqualTo(1);
        assertThat(keepAliveTimes).isEmpty();
        advance(2_000);
        state = new State(120_000, 0, 5_000, 1);
        probe.ask();
        advance(10_000);
        assertThat(alive).isEqualTo(1);
    }

    @Test
    void aHostThatDoesNotAcknowledge() {
        state = new State(8_000, 3, 5_000, 0);
        probe.ask();
        advance(10_000);
        assertThat(alive).isZero();
    }

    @Test
    void aConnectionThatEndsMeanwhile() {
        probe.ask();
        open = false;
        advance(10_000);
        probe.ask();
        assertThat(keepAliveTimes).containsExactly(1);
        assertThat(alive).isZero();
    }

    @Test
    void aKernelThatDoesNotTell() {
        state = null;
        probe.ask();
        assertThat(alive).isEqualTo(1);
    }
}
