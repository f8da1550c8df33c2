package dev.culvert.tun.resolver;

import java.io.IOException;
import java.time.Duration;

/** Sets up this machine's resolver in one of the ways that there are. Blocks, each call for a few seconds at most; one thread at a time. */
public interface HostResolver {
    /**
     * How it is.
     *
     * @param changed whether it was otherwise, and has been made so
     * @param asksForAll whether the servers are asked about all names: then they are to pass on what is in no domain
     * @param before what a resolv.conf(5) says that has the servers for those names; empty when there are none, or when nobody needs them
     */
    record Outcome(boolean changed, boolean asksForAll, String before) {}

    /** Whom it sets up, for people: {@code systemd-resolved}, {@code /etc/resolv.conf}. */
    String name();

    /**
     * Makes it so, and, called again, keeps it so: what others have changed meanwhile is put back.
     *
     * @throws IOException in one line, with a remedy
     */
    Outcome keep(ResolverConfig config) throws IOException;

    /** What it could not do of what it was last to {@link #keep}, and what helps, in a line for people; empty when there is nothing. */
    default String caveat() {
        return "";
    }

    /** How often {@link #keep} is to be called without a reason: nobody says when something has been changed. */
    Duration lookEach();

    /** Takes back what {@link #keep} has made; nothing if there is nothing. */
    void release() throws IOException;
}
