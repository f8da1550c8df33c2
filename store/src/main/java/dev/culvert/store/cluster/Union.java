package dev.culvert.store.cluster;

import dev.culvert.store.StateException;

/**
 * Unites two texts of one document that only grows in a way that the store does not know: whatever one of them ends (a token, a key) is
 * ended in what comes of both.
 */
public interface Union {
    /**
     * The union. The same two texts always give the same one.
     *
     * @param later the one that counts but for what the other ends
     * @param earlier the other
     * @return {@code later} itself, if the other ends nothing that it does not
     * @throws StateException if one of them cannot be understood
     */
    String of(String later, String earlier) throws StateException;
}
