package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;

/**
 * A datagram that shall be sent with a hop limit of its own, because it may be meant to end on the way, as a traceroute's
 * are. Whoever has it last releases it.
 */
public final class HopLimitedDatagram extends DefaultByteBufHolder {
    private final int hopLimit;
    private final int port;

    /**
     * Takes ownership of {@code content}.
     *
     * @param hopLimit 1 to 255
     */
    public HopLimitedDatagram(int hopLimit, ByteBuf content) {
        this(hopLimit, 0, content);
    }

    public HopLimitedDatagram(int hopLimit, int port, ByteBuf content) {
        super(content);
        this.hopLimit = hopLimit;
        this.port = port;
    }

    /** Routers that it may reach: 1 to 255; from a peer that breaks the protocol also 0. */
    public int hopLimit() {
        return hopLimit;
    }

    /** The port of the destination's host, as in {@link PortedDatagram}, or 0 for the flow's own. */
    public int port() {
        return port;
    }

    @Override
    public HopLimitedDatagram replace(ByteBuf content) {
        return new HopLimitedDatagram(hopLimit, port, content);
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof HopLimitedDatagram d && d.hopLimit == hopLimit && d.port == port && super.equals(o);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * hopLimit + port) + super.hashCode();
    }
}
