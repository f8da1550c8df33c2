package dev.culvert.stack;

import dev.culvert.stack.ip.IpPacket;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;
import java.net.InetSocketAddress;

/**
 * A datagram read from a {@link UdpFlow} whose hop limit is so low that it may be meant to end on the way, as a traceroute's
 * are. It owns its content; who reads it releases it.
 */
public final class UdpProbe extends DefaultByteBufHolder {
    /**
     * Hop limits up to here are carried. No system in use starts lower than at 64 (32 long ago), and hardly any path has
     * more than 30 hops, which is where traceroute gives up by default: what arrives with more is not about the hops, and
     * costs nothing extra.
     */
    public static final int MAX_HOP_LIMIT = 31;

    private final InetSocketAddress recipient;
    private final int hopLimit;

    UdpProbe(InetSocketAddress recipient, int hopLimit, ByteBuf content) {
        super(content);
        this.recipient = recipient;
        this.hopLimit = hopLimit;
    }

    /** What {@link #hopLimit()} is for a packet: its own less the hop that this stack is, or 0 for those that are high. */
    static int hopLimit(IpPacket packet) {
        return packet.hopLimit() > MAX_HOP_LIMIT ? 0 : packet.hopLimit() - 1;
    }

    /** Whom the application sent it to. */
    public InetSocketAddress recipient() {
        return recipient;
    }

    /** Routers behind this stack that it may reach: 1 to {@link #MAX_HOP_LIMIT} - 1. */
    public int hopLimit() {
        return hopLimit;
    }

    @Override
    public UdpProbe replace(ByteBuf content) {
        return new UdpProbe(recipient, hopLimit, content);
    }

    @Override
    public boolean equals(Object other) {
        return super.equals(other)
                && other instanceof UdpProbe that
                && hopLimit == that.hopLimit
                && recipient.equals(that.recipient);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * super.hashCode() + hopLimit) + recipient.hashCode();
    }

    @Override
    public String toString() {
        return "UdpProbe(recipient=" + recipient + ", hopLimit=" + hopLimit + ", content=" + contentToString() + ")";
    }
}
