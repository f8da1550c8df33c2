package dev.culvert.command;

import java.io.IOException;
import java.util.List;

/** A program that can say what some arguments may be just now, for a shell that completes them. */
public interface Completing {
    /**
     * What there is, quickly: somebody has pressed a key and waits.
     *
     * @param kind as of {@link Candidates}
     * @return words, in any order; none when it is not known
     * @throws IOException when it cannot be found out
     */
    List<String> candidates(String kind) throws IOException;
}
