package dev.culvert.tunnel.flow;

import io.netty.util.internal.PlatformDependent;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What streams may keep of what they have sent, in bytes, over all of a process. No stream keeps more than is left for the others
 * (the dynamic threshold of Choudhury and Hahne, as in {@link CreditBudget}): at that bound its end stops sending, it drops
 * nothing. Any thread.
 */
final class KeptBudget {
    /** What a slice costs beside its bytes: an object, a slot, what its buffer is rounded up to. */
    static final int SLICE_OVERHEAD = 256;

    /** Less than this a stream may always keep, or one would wait for others for ever; it is what it begins with at least. */
    static final int LEAST = FlowMemory.LEAST;

    /** As much as windows may grow by: what one end may have to be sent the other may have to keep. */
    static final KeptBudget PROCESS = new KeptBudget(PlatformDependent.maxDirectMemory() / 4);

    private final AtomicLong left;
    private final long all;

    KeptBudget(long bytes) {
        all = bytes;
        left = new AtomicLong(bytes);
    }

    void take(long bytes) {
        left.addAndGet(-bytes);
    }

    void giveBack(long bytes) {
        left.addAndGet(bytes);
    }

    long left() {
        return left.get();
    }

    /** What may be kept. */
    long all() {
        return all;
    }

    /** What all keep. */
    long taken() {
        return all - left.get();
    }

    /** What a stream may still send and keep. */
    long room(long keeps) {
        return Math.max(LEAST, left.get()) - keeps;
    }
}
