package dev.culvert.command.doctor;

import java.io.IOException;
import java.util.List;

/** Looks at one thing that a program needs. */
public interface Check {
    /** Of what. */
    String name();

    /**
     * Looks; blocks, for some seconds at most. Changes nothing that outlives it.
     *
     * @return one finding, or one of each of several alike
     * @throws IOException when it cannot be looked at, with one line for people
     */
    List<Finding> look() throws IOException;
}
