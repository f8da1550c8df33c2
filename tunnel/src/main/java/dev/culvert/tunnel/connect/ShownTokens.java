package dev.culvert.tunnel.connect;

import org.jspecify.annotations.Nullable;

/**
 * Which token a gateway is shown: the one that it took last, and one that is to take its place, which somebody may have forged. So what
 * a gateway took is given up only when it has taken another. From any thread.
 */
final class ShownTokens {
    /** At first the one that its holder was given. */
    private String proven;

    private @Nullable String unproven;
    private boolean unprovensTurn;

    /** In a row. */
    private int refusals;

    ShownTokens(String given) {
        proven = given;
    }

    /** What is to be shown now. */
    synchronized String next() {
        String other = unproven;
        return unprovensTurn && other != null ? other : proven;
    }

    /** What the gateway took last. */
    synchronized String proven() {
        return proven;
    }

    /** There is another, which is shown from now on. */
    synchronized void replace(String renewed) {
        if (!renewed.equals(proven) && !renewed.equals(unproven)) {
            unproven = renewed;
            unprovensTurn = true;
            refusals = 0;
        }
    }

    /** The gateway has taken it. */
    synchronized void taken(String shown) {
        refusals = 0;
        if (shown.equals(unproven)) {
            proven = shown;
            unproven = null;
        } else {
            unprovensTurn = false; // what was refused once may have been so for a while only: it stays for later
        }
    }

    /** The gateway has said that it does not take it. */
    synchronized void refused(String shown) {
        if (unproven != null) {
            unprovensTurn = !shown.equals(unproven);
            refusals++;
        }
    }

    /** Whether one was refused, and the other was not tried since. */
    synchronized boolean hasAnother() {
        return refusals == 1;
    }
}
