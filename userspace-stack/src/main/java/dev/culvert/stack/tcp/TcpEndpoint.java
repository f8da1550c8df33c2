package dev.culvert.stack.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import org.jspecify.annotations.Nullable;

/** All TCP of one packet channel. This is the shape that the IP layer builds against; its inside follows. */
public final class TcpEndpoint {
    private final TcpConfig config;
    private final TcpListener listener;
    private final PacketOutput output;
    private @Nullable Channel parent;

    public TcpEndpoint(TcpConfig config, TcpListener listener, PacketOutput output) {
        this.config = config;
        this.listener = listener;
        this.output = output;
    }

    /** The packet channel is active; its event loop is ours from now on. */
    public void activate(Channel parent) {
        this.parent = parent;
    }

    /** One validated IP packet that carries TCP; the callee does not own it. */
    public void receive(ByteBuf packet, int ipVersion, int tcpOffset, int tcpLength, int ecn) {}

    /** The end of a batch of packets: acknowledgements and data of all touched flows are written. */
    public void batchComplete() {}

    /**
     * An ICMP error about a packet of ours.
     *
     * @param quoted the quoted packet, IP header at the reader index; ownership stays with the caller
     * @param tcpOffset offset of the quoted TCP header (at least 8 bytes of it) from the reader index
     * @param nextHopMtu the MTU that the error names if it is "packet too big", otherwise 0
     */
    public void icmpError(ByteBuf quoted, int ipVersion, int tcpOffset, int nextHopMtu) {}

    /** Ends everything; every buffer is released. */
    public void close() {}

    @Override
    public String toString() {
        return "TcpEndpoint(" + parent + ", " + config + ", " + listener + ", " + output + ")";
    }
}
