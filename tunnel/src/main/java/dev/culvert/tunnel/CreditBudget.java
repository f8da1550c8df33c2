package dev.culvert.tunnel;

import io.netty.util.internal.PlatformDependent;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What windows may grow by, in bytes: of one link, and above that of the whole process. The sum of all growth is the
 * most that the gateway, and we, can ever have to hold beyond each flow's first credit.
 *
 * <p>No flow may hold more than is still {@linkplain #left() left} for the others (the dynamic threshold of Choudhury and
 * Hahne, IEEE/ACM Transactions on Networking 6(2), 1998): one flow alone gets half of the budget, each of ten gets an
 * eleventh, and an eleventh is left for the next. A flow that holds more, because others have come, is cut down by not
 * renewing what its application takes ({@link ReceiveWindow}). Any thread.
 */
final class CreditBudget {
    /** Growth of one link: half of it, for one flow alone, fills 5 Gbit/s over 100 ms of round trip. */
    static final long DEFAULT = 128L << 20;

    /** All links of a process: of the memory that Netty may take for buffers the rest is for what is on its way out. */
    static final CreditBudget PROCESS = new CreditBudget(PlatformDependent.maxDirectMemory() / 4, null);

    private final @Nullable CreditBudget whole;
    private final AtomicLong left;

    /** @param whole what this is a part of: whatever is taken here is taken there too */
    CreditBudget(long bytes, @Nullable CreditBudget whole) {
        this.left = new AtomicLong(bytes);
        this.whole = whole;
    }

    long left() {
        long here = left.get();
        return whole == null ? here : Math.min(here, whole.left());
    }

    /** Takes up to {@code wanted} bytes; returns how many. */
    long take(long wanted) {
        long before;
        long n;
        do {
            before = left.get();
            n = Math.max(0, Math.min(wanted, before));
        } while (!left.compareAndSet(before, before - n));
        if (whole != null && n > 0) {
            long granted = whole.take(n);
            left.addAndGet(n - granted);
            return granted;
        }
        return n;
    }

    void giveBack(long bytes) {
        left.addAndGet(bytes);
        if (whole != null) {
            whole.giveBack(bytes);
        }
    }
}
