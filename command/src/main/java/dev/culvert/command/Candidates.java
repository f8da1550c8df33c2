package dev.culvert.command;

import java.util.Collections;
import java.util.Iterator;

/**
 * What an argument may be that only the running program, or what is kept on this machine, can say; named as an argument's {@code
 * completionCandidates}, so that shells ask for it when they complete ({@link Completing}). It is empty itself: nothing is asked
 * for where help is printed.
 */
public abstract class Candidates implements Iterable<String> {
    private final String kind;

    /** @param kind what is asked for: a word in small letters */
    protected Candidates(String kind) {
        this.kind = kind;
    }

    final String kind() {
        return kind;
    }

    @Override
    public final Iterator<String> iterator() {
        return Collections.emptyIterator();
    }
}
