package dev.culvert.e2e;

import java.time.Duration;

/** How a command ended; {@code output} is both streams. */
record Outcome(int exit, String output, Duration took) {
    /** The lines that a person would have to read. */
    long lines() {
        return output.strip().lines().count();
    }
}
