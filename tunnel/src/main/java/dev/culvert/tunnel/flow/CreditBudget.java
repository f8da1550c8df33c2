package dev.culvert.tunnel.flow;

import io.netty.util.internal.PlatformDependent;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What windows may grow by, in bytes: of one link, and above that of the whole process. The sum of all growth is the
 * most that the gateway, and we, can ever have to hold beyond each flow's first credit.
 *
 * <p>No flow may hold more than is still {@linkplain #left() left} for the others (the dynamic threshold of Choudhury and
 * Hahne, IEEE/ACM Transactions on Networking 6(2), 1998): one flow alone gets half of the budget, each of ten gets an
 * eleventh, and an eleventh is left for the next. A flow that holds more, because others have come, is cut down by not
 * renewing what its application takes ({@link ReceiveWindow}). Where a link carries the flows of many holders, as an agent's those of
 * clients and the gateway's own those for what is published, the same holds between holders first. Any thread.
 */
public final class CreditBudget {
    /** Growth of one link: half of it, for one flow alone, fills 5 Gbit/s over 100 ms of round trip; a client's, at an agent, 4. */
    static final long DEFAULT = 128L << 20;

    /** All links of a process: of the memory that Netty may take for buffers the rest is for what is on its way out. */
    static final CreditBudget PROCESS = new CreditBudget(PlatformDependent.maxDirectMemory() / 4, null);

    /** So many times what is left for others a holder may have: alone three quarters of the link's, two three sevenths each. */
    private static final int HOLDER_SHARE = 3;

    private static final long UNBOUNDED = Long.MAX_VALUE / 8;

    private final @Nullable CreditBudget whole;
    private final boolean ofHolder;
    private final AtomicLong left;
    private final Map<String, CreditBudget> holders = new HashMap<>(); // by name
    private int flows;

    /** @param whole what this is a part of: whatever is taken here is taken there too */
    CreditBudget(long bytes, @Nullable CreditBudget whole) {
        this(bytes, whole, false);
    }

    private CreditBudget(long bytes, @Nullable CreditBudget whole, boolean ofHolder) {
        this.left = new AtomicLong(bytes);
        this.whole = whole;
        this.ofHolder = ofHolder;
    }

    /**
     * For one more flow of a holder, to be {@linkplain #leave left} again: what its flows may grow by, together. However many
     * they are, and whether they are read or not, others' have a part that they cannot take. On the link's loop.
     *
     * @param holder empty when all flows are one's own, which then share all of this
     */
    CreditBudget join(String holder) {
        if (holder.isEmpty()) {
            return this;
        }
        CreditBudget its = holders.computeIfAbsent(holder, h -> new CreditBudget(UNBOUNDED, this, true));
        its.flows++;
        return its;
    }

    /** That flow is over, and has given all back. On the link's loop. */
    void leave(String holder) {
        CreditBudget its = holders.get(holder);
        if (its != null && --its.flows == 0) {
            holders.remove(holder);
        }
    }

    /** Holders with flows. */
    int holders() {
        return holders.size();
    }

    long left() {
        long here = left.get();
        if (whole == null) {
            return here;
        }
        long rest = whole.left();
        if (!ofHolder) {
            return Math.min(here, rest);
        }
        long taken = UNBOUNDED - here;
        return Math.max(0, (HOLDER_SHARE * rest - taken) / (HOLDER_SHARE + 1));
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
