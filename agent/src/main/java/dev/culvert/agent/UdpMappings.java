package dev.culvert.agent;

import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.EndpointKey;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.DatagramChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * UDP flows. All flows of one application socket (client and source address) share one socket here, a {@link UdpMapping},
 * so that the LAN sees one endpoint whatever the destination (endpoint-independent mapping, RFC 4787 4.1). What comes back
 * is passed on only from hosts that the source has a flow to (address-dependent filtering, RFC 4787 5), because each flow
 * was authorised by itself. Event loop only.
 */
final class UdpMappings {
    /**
     * The application's socket at the client of a link; IPv4 and IPv6 destinations have different sockets here.
     *
     * @param origin whose source it is: of which session, see {@link IncomingFlow#origin()}
     */
    record Key(Object origin, String clientName, EndpointKey source, boolean ipv6) implements Comparable<Key> {
        /** The client chooses its sources, thousands with one hash if it likes: see {@link EndpointKey}. */
        @Override
        public int compareTo(Key other) {
            int bySource = source.compareTo(other.source);
            return bySource != 0 ? bySource : Boolean.compare(ipv6, other.ipv6);
        }
    }

    /**
     * Bytes of datagrams that may wait for the kernel, of all sockets: a slow LAN has thousands of them wait. A turn of all links
     * brings less.
     */
    static final long MAX_UNSENT = 32L << 20;

    final EventLoop loop;
    final SocketBudget budget;

    final ErrorTellingSocket.Natives natives = new ErrorTellingSocket.Natives();
    private final Map<Key, UdpMapping> mappings = new HashMap<>();

    /** Datagrams from hosts that their receiver has no flow to, and those that a full or failing socket lost. */
    long dropped;

    /** Bytes of datagrams that wait for the kernel. */
    long unsent;

    UdpMappings(EventLoop loop, SocketBudget budget) {
        this.loop = loop;
        this.budget = budget;
    }

    int openCount() {
        return mappings.size();
    }

    long dropped() {
        return dropped;
    }

    void open(IncomingFlow flow, InetAddress address) {
        InetSocketAddress source = flow.request().source();
        if (source == null) {
            flow.refuse(Reason.PROTOCOL_ERROR, "a UDP flow must say its source");
            return;
        }
        boolean ipv6 = address.getAddress().length == 16;
        String client = flow.request().clientName();
        Key key = new Key(flow.origin(), client, EndpointKey.of(source), ipv6);
        UdpMapping mapping = mappings.get(key);
        if (mapping == null) {
            mapping = create(key, Taker.of(client, flow.request().destination()));
            if (mapping == null) {
                flow.refuse(Reason.OVERLOADED, "the agent has no UDP socket left");
                return;
            }
        }
        mapping.add(
                flow,
                new InetSocketAddress(address, flow.request().destination().port()));
    }

    private @Nullable UdpMapping create(Key key, Taker taker) {
        if (!budget.take(taker, SocketBudget.Kind.UDP)) {
            return null;
        }
        DatagramChannel socket;
        try {
            socket = EventLoops.newDatagramChannel();
        } catch (RuntimeException e) { // Netty wraps what socket(2) says: no descriptors, no memory
            budget.give(taker, SocketBudget.Kind.UDP);
            budget.failed(e);
            return null;
        }
        UdpMapping mapping = new UdpMapping(this, key, taker, socket);
        mappings.put(key, mapping);
        budget.opened(taker, SocketBudget.Kind.UDP, mapping);
        return mapping;
    }

    void forget(UdpMapping mapping) {
        if (mappings.remove(mapping.key, mapping)) {
            budget.closed(mapping.taker, SocketBudget.Kind.UDP, mapping);
            budget.give(mapping.taker, SocketBudget.Kind.UDP);
        }
    }
}
