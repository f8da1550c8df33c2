package dev.culvert.stack.time;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class TimerWheelTest {
    private static final long MILLI = 1_000_000;

    private final EmbeddedChannel channel = frozen();
    private final TimerWheel wheel = new TimerWheel(channel.eventLoop());
    private final List<String> fired = new ArrayList<>();
    private final long start = wheel.nanoTime();

    private static EmbeddedChannel frozen() {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.freezeTime();
        return channel;
    }

    private final class Named extends TimerWheel.Timer {
        final String name;
        long firedAt = -1;
        long expected;

        Named(String name) {
            this.name = name;
        }

        @Override
        protected void expired() {
            fired.add(name);
            firedAt = wheel.nanoTime() - start;
        }
    }

    private void advance(long millis) {
        channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
    }

    @Test
    void firesAtItsTimeAndOnce() {
        Named t = new Named("t");
        wheel.arm(t, wheel.nanoTime(), 100 * MILLI);
        advance(99);
        assertThat(fired).isEmpty();
        advance(11);
        assertThat(fired).containsExactly("t");
        assertThat(t.isArmed()).isFalse();
        advance(10_000);
        assertThat(fired).hasSize(1);
        assertThat(wheel.size()).isZero();
    }

    @Test
    void tellsHowLateItIs() {
        long[] late = {-1};
        TimerWheel.Timer t = new TimerWheel.Timer() {
            @Override
            protected void expired() {
                late[0] = wheel.lateNanos();
            }
        };
        for (long standstill : new long[] {0, 5, 70, 5_000, 7_200_000, 200_000_000}) {
            wheel.arm(t, wheel.nanoTime(), 100 * MILLI);
            advance(110 + standstill);
            assertThat(late[0]).isBetween(standstill * MILLI, (standstill + 10) * MILLI);
        }
    }

    @Test
    void pushingBackMovesNothingUntilTheOldTimeComes() {
        Named t = new Named("t");
        for (int i = 0; i < 50; i++) {
            wheel.arm(t, wheel.nanoTime(), 100 * MILLI);
            advance(50);
        }
        assertThat(fired).isEmpty();
        advance(60);
        assertThat(fired).containsExactly("t");
    }

    @Test
    void bringingForwardIsHonoured() {
        Named t = new Named("t");
        wheel.arm(t, wheel.nanoTime(), 10_000 * MILLI);
        wheel.arm(t, wheel.nanoTime(), 20 * MILLI);
        advance(30);
        assertThat(fired).containsExactly("t");
    }

    @Test
    void cancelledAndRemovedTimersDoNotFire() {
        Named cancelled = new Named("cancelled");
        Named removed = new Named("removed");
        wheel.arm(cancelled, wheel.nanoTime(), 100 * MILLI);
        wheel.arm(removed, wheel.nanoTime(), 100 * MILLI);
        wheel.cancel(cancelled);
        wheel.remove(removed);
        assertThat(wheel.size()).isEqualTo(1);
        advance(1000);
        assertThat(fired).isEmpty();
        assertThat(wheel.size()).isZero();
    }

    @Test
    void timersMayArmAndRemoveOthersWhileTheyFire() {
        Named victim = new Named("victim");
        Named later = new Named("later");
        TimerWheel.Timer killer = new TimerWheel.Timer() {
            @Override
            protected void expired() {
                wheel.remove(victim);
                wheel.arm(later, wheel.nanoTime(), 0);
            }
        };
        wheel.arm(victim, wheel.nanoTime(), 100 * MILLI);
        wheel.arm(killer, wheel.nanoTime(), 100 * MILLI);
        advance(110);
        advance(20);
        assertThat(fired).containsExactly("later");
    }

    @Test
    void randomTimersFireInTheirTickOverAllLevels() {
        long seed = 20_261_122;
        Random random = new Random(seed);
        List<Named> timers = new ArrayList<>();
        long now = 0;
        for (int i = 0; i < 5000; i++) {
            Named t = new Named("t" + i);
            long delay = (long) Math.exp(random.nextDouble() * Math.log(48 * 3600_000.0));
            t.expected = now + delay;
            wheel.arm(t, wheel.nanoTime(), delay * MILLI);
            timers.add(t);
            if (random.nextInt(4) == 0) {
                Named again = timers.get(random.nextInt(timers.size()));
                if (again.firedAt < 0) {
                    long other = random.nextInt(100_000);
                    again.expected = now + other;
                    wheel.arm(again, wheel.nanoTime(), other * MILLI);
                }
            }
            long step = random.nextInt(30);
            now += step;
            advance(step);
        }
        while (wheel.size() > 0) {
            long step = 1 + random.nextInt(1000);
            // Fine steps, so that the time of firing is that of the tick.
            for (long left = step; left > 0; left -= 10) {
                now += 10;
                advance(10);
            }
            if (now > 3_000_000) {
                now += 60_000;
                advance(60_000);
            }
        }
        for (Named t : timers) {
            long at = t.firedAt / MILLI;
            long slack = t.expected > 3_000_000 ? 60_030 : 45;
            assertThat(at).as("seed=%d %s", seed, t.name).isBetween(t.expected, t.expected + slack);
        }
    }

    @Test
    void longIdleTimesDoNotConfuseIt() {
        Named first = new Named("first");
        wheel.arm(first, wheel.nanoTime(), 10 * MILLI);
        advance(3_600_000);
        Named second = new Named("second");
        wheel.arm(second, wheel.nanoTime(), 50 * MILLI);
        advance(45);
        assertThat(fired).containsExactly("first");
        advance(20);
        assertThat(fired).containsExactly("first", "second");
    }
}
