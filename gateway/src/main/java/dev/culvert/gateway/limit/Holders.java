package dev.culvert.gateway.limit;

import java.util.Map;

/** Who keeps memory here that is nobody's link. From any thread but an event loop. */
public interface Holders {
    /** What each keeps now, in bytes; those who do not say within so long are left out. */
    Map<String, Long> held(long millis);

    /**
     * Ends what keeps the most of a holder's, and of that which keeps alike the oldest, until half of the holder's is given back.
     *
     * @return how many connections were ended
     */
    int shed(String holder, long millis);
}
