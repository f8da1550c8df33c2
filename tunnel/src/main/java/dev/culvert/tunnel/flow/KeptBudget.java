package dev.culvert.tunnel.flow;

import java.util.HashMap;
import java.util.Map;

/**
 * What streams may keep of what they have sent, in bytes, over all of a session. No stream keeps more than is left for the others, and
 * no holder more than three times that (the dynamic threshold of Choudhury and Hahne, as in {@link CreditBudget}): at that bound an end
 * stops sending, it drops nothing. One that grants and never says what it has received slows itself down. Event loop only.
 */
final class KeptBudget {
    /** What a slice costs beside its bytes: an object, a slot, what its buffer is rounded up to. */
    static final int SLICE_OVERHEAD = 256;

    /** Less than this a stream may always keep, or one would wait for others for ever; it is what it begins with at least. */
    static final int LEAST = FlowMemory.LEAST;

    /** So many times what is left for others a holder may keep. */
    private static final int HOLDER_SHARE = 3;

    /** What one holder's streams keep. */
    static final class Share {
        final String holder;
        long taken;
        int streams;

        private Share(String holder) {
            this.holder = holder;
        }
    }

    private final long all;
    private final Map<String, Share> shares = new HashMap<>();
    private long taken;

    KeptBudget(long bytes) {
        all = bytes;
    }

    /** For one more stream of a holder, to be {@linkplain #leave left} again. */
    Share join(String holder) {
        Share share = shares.computeIfAbsent(holder, Share::new);
        share.streams++;
        return share;
    }

    /** That stream keeps nothing any more. */
    void leave(Share share) {
        if (--share.streams == 0) {
            shares.remove(share.holder, share);
        }
    }

    void take(Share share, long bytes) {
        share.taken += bytes;
        taken += bytes;
    }

    void giveBack(Share share, long bytes) {
        share.taken -= bytes;
        taken -= bytes;
    }

    /** What may be kept. */
    long all() {
        return all;
    }

    /** What all keep. */
    long taken() {
        return taken;
    }

    /** Holders with streams. */
    int holders() {
        return shares.size();
    }

    /** What a stream that keeps so much may still send and keep. */
    long room(Share share, long keeps) {
        long left = all - taken;
        long room = left - keeps;
        if (!share.holder.isEmpty()) {
            room = Math.min(room, HOLDER_SHARE * left - share.taken);
        }
        return Math.max(LEAST - keeps, room);
    }
}
