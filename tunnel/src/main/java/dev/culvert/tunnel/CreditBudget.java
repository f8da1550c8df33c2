package dev.culvert.tunnel;

/**
 * What all windows of one link may grow by, in bytes. The sum of all windows is the most that the gateway, and we, can
 * ever have to hold for the link. Event loop only.
 */
final class CreditBudget {
    /** Growth that one link hands out: sixteen flows may reach 8 MiB, which fills 1 Gbit/s over 1 s of round trip. */
    static final long DEFAULT = 128L << 20;

    private long left;

    CreditBudget(long bytes) {
        left = bytes;
    }

    /** Takes up to {@code wanted} bytes; returns how many. */
    long take(long wanted) {
        long n = Math.max(0, Math.min(wanted, left));
        left -= n;
        return n;
    }

    void giveBack(long bytes) {
        left += bytes;
    }
}
