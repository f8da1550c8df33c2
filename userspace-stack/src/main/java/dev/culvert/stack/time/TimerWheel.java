package dev.culvert.stack.time;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.AbstractScheduledEventExecutor;
import io.netty.util.concurrent.Ticker;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A hierarchical timer wheel (Varghese and Lauck 1987, scheme 7): four wheels of 64 slots, ticks of 10 ms, driven by at
 * most one scheduled task of the event loop.
 *
 * <p>TCP pushes its retransmission timer back with nearly every acknowledgement. So arming allocates nothing, and a
 * timer that is pushed back stays where it is: when its old slot comes up it is moved (lazy re-arming). A cancelled timer
 * stays too, and is dropped in passing; {@link #remove} takes it out at once, which whoever owns the timer must do
 * before letting go of it, else the wheel keeps the owner alive.
 *
 * <p>Timers never fire early, and up to one tick late. Not thread safe: one event loop owns it.
 */
public final class TimerWheel {
    /** What a deadline is rounded up to. */
    public static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private static final int BITS = 6;
    private static final int SLOTS = 1 << BITS;
    private static final int MASK = SLOTS - 1;
    private static final int LEVELS = 4;
    /** The farthest a timer is placed ahead, 46 hours; a later one is placed there and moved on when that comes up. */
    private static final long HORIZON = (1L << BITS * LEVELS) - 1;

    private static final long NEVER = Long.MAX_VALUE;

    /** Something that happens at a time. Its links belong to the wheel. */
    public abstract static class Timer {
        private long deadline = NEVER;
        private long placed;
        private int slot = -1;
        private @Nullable Timer next;
        private @Nullable Timer previous;

        /** For subclasses, each of which says what happens. */
        protected Timer() {}

        /** Called on the event loop, once per arming; the timer is not armed any more and may be armed again. */
        protected abstract void expired();

        /** Whether the timer will fire. */
        public final boolean isArmed() {
            return deadline != NEVER;
        }
    }

    private final EventLoop loop;
    private final Ticker ticker;
    private final long start;
    private final @Nullable Timer[] slots = new @Nullable Timer[SLOTS * LEVELS];
    private final long[] occupied = new long[LEVELS];
    private final Runnable turn = this::turn;
    private int linked;
    private long current;
    private long wake = NEVER;
    private @Nullable Future<?> wakeUp;
    private boolean turning;

    /** A wheel on {@code loop}, whose clock it uses (so it obeys the frozen time of an embedded channel). */
    public TimerWheel(EventLoop loop) {
        this.loop = loop;
        this.ticker = loop instanceof AbstractScheduledEventExecutor e ? e.ticker() : Ticker.systemTicker();
        this.start = ticker.nanoTime();
    }

    /** The clock of the event loop in nanoseconds, with an arbitrary origin. */
    public long nanoTime() {
        return ticker.nanoTime();
    }

    /** Lets {@code timer} fire {@code delayNanos} from {@code nowNanos}, whatever it was armed for before. */
    public void arm(Timer timer, long nowNanos, long delayNanos) {
        long now = nowNanos - start;
        if (linked == 0 && !turning) {
            current = Math.max(current, now / TICK_NANOS);
        }
        long tick = Math.max((now + delayNanos + TICK_NANOS - 1) / TICK_NANOS, current + 1);
        timer.deadline = tick;
        if (timer.slot >= 0) {
            if (timer.placed <= tick) {
                return;
            }
            unlink(timer);
        }
        place(timer);
        if (!turning) {
            long next = nextTick();
            if (next < wake) {
                wakeAt(next);
            }
        }
    }

    /** Lets {@code timer} not fire; it stays linked until its slot comes up. */
    public void cancel(Timer timer) {
        timer.deadline = NEVER;
    }

    /** As {@link #cancel}, and the wheel forgets the timer at once. */
    public void remove(Timer timer) {
        timer.deadline = NEVER;
        if (timer.slot >= 0) {
            unlink(timer);
        }
        if (linked == 0 && !turning) {
            sleep();
        }
    }

    /**
     * To be asked by a timer that has expired: by how many nanoseconds it was late. Beyond a few ticks it was we who stood
     * still (a suspended machine, a stopped process), and what did not come meanwhile says nothing about the peer.
     */
    public long lateNanos() {
        return Math.max(0, ticker.nanoTime() - start - current * TICK_NANOS);
    }

    /** How many timers are linked, cancelled ones included. */
    public int size() {
        return linked;
    }

    /** Forgets the scheduled task of the event loop; timers that are still armed will not fire. */
    public void close() {
        sleep();
    }

    private void turn() {
        wake = NEVER;
        wakeUp = null;
        turning = true;
        try {
            advance((ticker.nanoTime() - start) / TICK_NANOS);
        } finally {
            turning = false;
            if (linked > 0) {
                wakeAt(nextTick());
            }
        }
    }

    private void advance(long now) {
        while (linked > 0) {
            long next = nextTick();
            if (next > now) {
                break;
            }
            current = next;
            for (int level = LEVELS - 1; level > 0; level--) {
                if ((current & (1L << BITS * level) - 1) == 0) {
                    cascade(level * SLOTS + (int) (current >>> BITS * level & MASK));
                }
            }
            expire((int) (current & MASK));
        }
        current = Math.max(current, now);
    }

    private void cascade(int slot) {
        Timer timer;
        while ((timer = slots[slot]) != null) {
            unlink(timer);
            if (timer.deadline != NEVER) {
                place(timer);
                if (timer.slot == slot) {
                    // A whole turn of the highest wheel ahead: it would be met again and again in this loop.
                    throw new IllegalStateException("timer placed into the slot that it left: slot=" + slot);
                }
            }
        }
    }

    private void expire(int slot) {
        Timer timer;
        while ((timer = slots[slot]) != null) {
            unlink(timer);
            if (timer.deadline <= current) {
                timer.deadline = NEVER;
                timer.expired();
            } else if (timer.deadline != NEVER) {
                place(timer);
            }
        }
    }

    private void place(Timer timer) {
        long tick = Math.min(timer.deadline, current + HORIZON - (1L << BITS * (LEVELS - 1)));
        long ahead = tick - current;
        int level = ahead < SLOTS ? 0 : (63 - Long.numberOfLeadingZeros(ahead)) / BITS;
        int index = (int) (tick >>> BITS * level & MASK);
        int slot = level * SLOTS + index;
        Timer first = slots[slot];
        timer.placed = tick;
        timer.slot = slot;
        timer.previous = null;
        timer.next = first;
        if (first != null) {
            first.previous = timer;
        }
        slots[slot] = timer;
        occupied[level] |= 1L << index;
        linked++;
    }

    private void unlink(Timer timer) {
        Timer previous = timer.previous;
        Timer next = timer.next;
        if (previous != null) {
            previous.next = next;
        } else {
            slots[timer.slot] = next;
            if (next == null) {
                occupied[timer.slot >>> BITS] &= ~(1L << (timer.slot & MASK));
            }
        }
        if (next != null) {
            next.previous = previous;
        }
        timer.next = null;
        timer.previous = null;
        timer.slot = -1;
        linked--;
    }

    /** The next tick at which a slot expires or cascades. */
    private long nextTick() {
        long best = NEVER;
        for (int level = 0; level < LEVELS; level++) {
            long bits = occupied[level];
            if (bits != 0) {
                long position = (current >>> BITS * level) + 1;
                int ahead = Long.numberOfTrailingZeros(Long.rotateRight(bits, (int) (position & MASK)));
                best = Math.min(best, position + ahead << BITS * level);
            }
        }
        return best;
    }

    private void wakeAt(long tick) {
        Future<?> before = wakeUp;
        if (before != null) {
            before.cancel(false);
        }
        wake = tick;
        long delay = Math.max(0, tick * TICK_NANOS - (ticker.nanoTime() - start));
        wakeUp = loop.schedule(turn, delay, TimeUnit.NANOSECONDS);
    }

    private void sleep() {
        Future<?> before = wakeUp;
        if (before != null) {
            before.cancel(false);
        }
        wakeUp = null;
        wake = NEVER;
    }
}
