package dev.culvert.agent;

import dev.culvert.tun.HopLimitedSender;
import dev.culvert.tun.IcmpErrorQueue;
import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.Reason;
import io.netty.channel.EventLoop;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * UDP flows. All flows of one application socket (client and source address) share one socket here, a {@link UdpMapping},
 * so that the LAN sees one endpoint whatever the destination (endpoint-independent mapping, RFC 4787 4.1). What comes back
 * is passed on only from hosts that the source has a flow to (address-dependent filtering, RFC 4787 5), because each flow
 * was authorised by itself. One link's; event loop only.
 */
final class UdpMappings {
    private static final Logger log = LoggerFactory.getLogger(UdpMappings.class);

    /** Sockets: an application that opens more is scanning or broken; half of a usual descriptor limit of 16,384. */
    static final int MAX_MAPPINGS = 8192;

    /** Of these for one client, so that one client's scan leaves the others sockets. */
    static final int MAX_MAPPINGS_PER_CLIENT = 4096;

    /** The application's socket; IPv4 and IPv6 destinations have different sockets here. */
    record Key(String client, String clientName, InetSocketAddress source, boolean ipv6) {}

    final EventLoop loop;

    /** Null where the system has none: then ICMP errors are not noticed. */
    final @Nullable IcmpErrorQueue errors = IcmpErrorQueue.isAvailable() ? new IcmpErrorQueue() : null;

    /** Null where the system cannot: then low hop limits are those of any datagram. */
    final @Nullable HopLimitedSender limited = HopLimitedSender.isAvailable() ? new HopLimitedSender() : null;

    private final Map<Key, UdpMapping> mappings = new HashMap<>();
    private final Map<String, Integer> byClient = new HashMap<>();

    /** Datagrams from hosts that their receiver has no flow to, and those that a full or failing socket lost. */
    long dropped;

    private boolean complained;

    UdpMappings(EventLoop loop) {
        this.loop = loop;
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
        Key key = new Key(Objects.requireNonNullElse(flow.request().client(), ""), client, source, ipv6);
        UdpMapping mapping = mappings.get(key);
        if (mapping == null) {
            if (mappings.size() >= MAX_MAPPINGS || byClient.getOrDefault(client, 0) >= MAX_MAPPINGS_PER_CLIENT) {
                flow.refuse(Reason.OVERLOADED, "too many UDP sockets at the agent");
                return;
            }
            try {
                mapping = new UdpMapping(this, key, EventLoops.newDatagramChannel());
            } catch (RuntimeException e) { // Netty wraps what socket(2) says: no descriptors, no memory
                if (!complained) {
                    complained = true;
                    log.warn("cannot open a UDP socket: {}; check the limit of open files (ulimit -n)", e.toString());
                }
                flow.refuse(Reason.OVERLOADED, "the agent could not open a UDP socket");
                return;
            }
            mappings.put(key, mapping);
            byClient.merge(client, 1, Integer::sum);
        }
        mapping.add(
                flow,
                new InetSocketAddress(address, flow.request().destination().port()));
    }

    void forget(UdpMapping mapping) {
        if (mappings.remove(mapping.key, mapping)) {
            byClient.computeIfPresent(mapping.key.clientName(), (c, n) -> n == 1 ? null : n - 1);
        }
    }
}
