package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;

/** A datagram from (or to) a port of the destination's host that is not the flow's. Whoever has it last releases it. */
public final class PortedDatagram extends DefaultByteBufHolder {
    private final int port;

    public PortedDatagram(int port, ByteBuf content) {
        super(content);
        this.port = port;
    }

    public int port() {
        return port;
    }

    @Override
    public PortedDatagram replace(ByteBuf content) {
        return new PortedDatagram(port, content);
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof PortedDatagram d && d.port == port && super.equals(o);
    }

    @Override
    public int hashCode() {
        return 31 * port + super.hashCode();
    }
}
