package dev.culvert.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;

/**
 * An ICMP echo message without its envelope: read from an {@link EchoFlow} it is a request, written to one a reply. It owns
 * its data; who reads it releases it.
 *
 * <p>A request whose hop limit is so low that it may be meant to end on the way ({@link UdpProbe#MAX_HOP_LIMIT}) says so.
 */
public final class EchoMessage extends DefaultByteBufHolder {
    private final int sequence;
    private final int hopLimit;

    /**
     * Takes ownership of {@code data}.
     *
     * @param sequence the sequence number, 0 to 65,535
     */
    public EchoMessage(int sequence, ByteBuf data) {
        this(sequence, data, 0);
    }

    EchoMessage(int sequence, ByteBuf data, int hopLimit) {
        super(data);
        if (sequence >>> 16 != 0) {
            throw new IllegalArgumentException(
                    "echo sequence number out of range: sequence=" + sequence + ", choose 0 to 65535");
        }
        this.sequence = sequence;
        this.hopLimit = hopLimit;
    }

    /** Routers that the request may still pass, as in {@link UdpProbe#hopLimit}, or 0 if that is of no interest. */
    public int hopLimit() {
        return hopLimit;
    }

    /** The sequence number, 0 to 65,535. */
    public int sequence() {
        return sequence;
    }

    @Override
    public EchoMessage replace(ByteBuf content) {
        return new EchoMessage(sequence, content, hopLimit);
    }

    @Override
    public EchoMessage copy() {
        return replace(content().copy());
    }

    @Override
    public EchoMessage duplicate() {
        return replace(content().duplicate());
    }

    @Override
    public EchoMessage retainedDuplicate() {
        return replace(content().retainedDuplicate());
    }

    @Override
    public EchoMessage retain() {
        super.retain();
        return this;
    }

    @Override
    public EchoMessage retain(int increment) {
        super.retain(increment);
        return this;
    }

    @Override
    public EchoMessage touch() {
        super.touch();
        return this;
    }

    @Override
    public EchoMessage touch(Object hint) {
        super.touch(hint);
        return this;
    }

    @Override
    public boolean equals(Object other) {
        return super.equals(other)
                && other instanceof EchoMessage that
                && sequence == that.sequence
                && hopLimit == that.hopLimit;
    }

    @Override
    public int hashCode() {
        return 31 * super.hashCode() + sequence;
    }

    @Override
    public String toString() {
        return "EchoMessage(sequence=" + sequence + ", data=" + contentToString() + ")";
    }
}
