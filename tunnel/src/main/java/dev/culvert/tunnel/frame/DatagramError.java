package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;
import java.net.InetAddress;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a router or host on the way says of a datagram that the flow's opener sent: an ICMP error. It ends nothing. The
 * content is the beginning of that datagram as it was in the flow, as much as came back. Whoever has it last releases it.
 *
 * <pre>
 *  0        1        2                         6          7
 *  +--------+--------+-------------------------+----------+-------------------+----------------------
 *  |  type  |  code  |           mtu           |  length  | offender (0,4,16) | beginning of datagram
 *  +--------+--------+-------------------------+----------+-------------------+----------------------
 * </pre>
 */
public final class DatagramError extends DefaultByteBufHolder {
    /** Bytes without offender and datagram. */
    static final int MIN_LENGTH = 7;

    private final int port;
    private final int type;
    private final int code;
    private final long mtu;
    private final @Nullable InetAddress offender;

    /**
     * Takes ownership of {@code about}.
     *
     * @param port that the datagram was sent to, or 0 for the flow's own
     * @param type of ICMP or ICMPv6, as the destination's address is
     * @param mtu of the next hop, for the types that tell it
     * @param offender who says so, null when it is not known
     */
    public DatagramError(int port, int type, int code, long mtu, @Nullable InetAddress offender, ByteBuf about) {
        super(about);
        this.port = port;
        this.type = type;
        this.code = code;
        this.mtu = mtu;
        this.offender = offender;
    }

    public int port() {
        return port;
    }

    public int type() {
        return type;
    }

    public int code() {
        return code;
    }

    /** 0 to 2³²-1. */
    public long mtu() {
        return mtu;
    }

    public @Nullable InetAddress offender() {
        return offender;
    }

    @Override
    public DatagramError replace(ByteBuf content) {
        return new DatagramError(port, type, code, mtu, offender, content);
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof DatagramError e
                && e.port == port
                && e.type == type
                && e.code == code
                && e.mtu == mtu
                && Objects.equals(e.offender, offender)
                && super.equals(o);
    }

    @Override
    public int hashCode() {
        return Objects.hash(port, type, code, mtu, offender) + super.hashCode();
    }

    @Override
    public String toString() {
        return "DatagramError(port=" + port + ", type=" + type + ", code=" + code + ", mtu=" + mtu + ", offender="
                + offender + ", about=" + contentToString() + ")";
    }
}
