package dev.culvert.tunnel.frame;

import org.jspecify.annotations.Nullable;

/**
 * Of a flow that can be resumed: which it is, which of its paths an OPEN asks for, and, when it goes on, from where.
 *
 * @param number the opener's, never used again in its session
 * @param oldest the lowest number of a flow that the opener still has: those below it are over
 * @param epoch grows with each path of the flow; a later one takes it from an earlier one
 * @param session whose flow it is, as an agent knows it (gateway to agent); null from a client, whose link has said so
 * @param resume when the flow has been answered before, or may have been; null when it begins
 */
public record FlowPath(
        long number,
        long oldest,
        int epoch,
        @Nullable SessionId session,
        @Nullable Resume resume) {

    /** Longest name of an answerer, in bytes: a gateway's instance and key. */
    public static final int MAX_ANSWERER = 192;

    /**
     * From where a flow goes on.
     *
     * @param received offset up to which the opener has received; a FIN counts one
     * @param answerer who has the flow's other end, as OPENED said; empty when it is not known yet
     */
    public record Resume(long received, String answerer) {
        /** @throws IllegalArgumentException for an offset or name that cannot be */
        public Resume {
            if (received < 0 || answerer.length() > MAX_ANSWERER) {
                throw new IllegalArgumentException("resumption from offset " + received);
            }
        }
    }

    /**
     * What gateway and agent call the flow in their logs, on whatever path it is: the first 40 bits of the session as this agent knows it, and
     * the number. Nothing can be done with it.
     *
     * @return null where the session is not known
     */
    public @Nullable String id() {
        return session == null ? null : session.shown() + '-' + number;
    }

    /** The same as an agent gets it. */
    public FlowPath forwarded(SessionId of) {
        return new FlowPath(number, oldest, epoch, of, resume == null ? null : new Resume(resume.received(), ""));
    }
}
