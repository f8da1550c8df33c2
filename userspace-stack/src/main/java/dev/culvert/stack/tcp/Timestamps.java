package dev.culvert.stack.tcp;

import java.util.concurrent.TimeUnit;

/** The timestamps option of one connection: our clock, what is echoed, and PAWS (RFC 7323). */
final class Timestamps {
    /** RFC 7323 appendix A: two NOPs and the option. */
    static final int OPTION_LENGTH = 12;
    /** RFC 7323 section 5.5: a connection that was idle for longer has no valid TS.Recent. */
    private static final long VALIDITY = TimeUnit.DAYS.toNanos(24);

    private static final int NANOS_PER_TICK = 1_000_000;

    /** Whether both ends have offered them. */
    final boolean enabled;
    /** Secret per connection, so that the clock tells nothing about the host (RFC 7323 section 7.1). */
    private final int offset;
    /** TS.Recent. */
    private int recent;

    private long recentAt;

    Timestamps(PendingRequest request, int offset, long now) {
        this.enabled = request.timestamps;
        this.offset = offset;
        this.recent = request.timestampValue;
        this.recentAt = now;
    }

    /** What a segment that is sent now carries: milliseconds. */
    int value(long now) {
        return (int) (now / NANOS_PER_TICK) + offset;
    }

    /** PAWS, section 5.3 R1: whether the segment is from before what came last. */
    boolean isOld(Segment segment, long now) {
        return Sequence.before(segment.timestampValue, recent) && now - recentAt < VALIDITY;
    }

    /** Whether the segment is newer than all before it: RFC 6191 lets that open a connection anew. */
    boolean isNewer(Segment segment) {
        return enabled && segment.timestamps && Sequence.after(segment.timestampValue, recent);
    }

    /** Section 4.3 (2): what covers the last acknowledgement that we sent is echoed from now on. */
    void remember(Segment segment, int lastAckSent, long now) {
        if (enabled && !Sequence.after(segment.sequence, lastAckSent)) {
            recent = segment.timestampValue;
            recentAt = now;
        }
    }

    /** Sets the option of the segment that is about to be written. */
    void write(SegmentWriter writer, long now) {
        if (enabled) {
            writer.timestamps = true;
            writer.timestampValue = value(now);
            writer.timestampEcho = recent;
        }
    }
}
