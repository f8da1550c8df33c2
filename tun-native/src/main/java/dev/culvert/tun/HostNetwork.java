package dev.culvert.tun;

import java.io.IOException;
import java.net.InetAddress;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/**
 * Links, addresses and routes of the host, in the network namespace of this process. Every change is
 * in the {@link UndoJournal} before it is made; {@link UndoJournal#replay()} takes them all back. What was
 * there before is never taken over, changed or deleted.
 *
 * <p>All methods block (bounded by {@value IpCommand#TIMEOUT_SECONDS} s a command) and throw {@link
 * HostNetworkException} in one line. One thread at a time.
 */
public interface HostNetwork {
    /** Sets MTU (bytes) and queue length (packets) of a link and brings it up. */
    void setUp(String ifName, int mtu, int txQueueLength) throws IOException;

    /**
     * Gives an interface an address; IPv6 without duplicate address detection, as nobody shares the link.
     *
     * @return false when the interface has it already; it is then not ours, and stays at the end
     */
    boolean addAddress(String ifName, InetAddress address, int prefixLength) throws IOException;

    /**
     * Routes a network into an interface.
     *
     * @return false when that very route exists already; it is then not ours, and stays at the end
     * @throws HostNetworkException also when the network is routed elsewhere with equal preference
     */
    boolean addRoute(InetAddress network, int prefixLength, String ifName) throws IOException;

    /**
     * Routes many networks in one go (a thousand in well under a second).
     *
     * @return those that exist already, through whatever interface, and were left alone
     */
    List<IpPrefix> addRoutes(Collection<IpPrefix> networks, String ifName) throws IOException;

    /** Deletes a route that this or an earlier run added; others' are left alone, and a missing one is fine. */
    void removeRoute(InetAddress network, int prefixLength, String ifName) throws IOException;

    /**
     * Keeps a host (the gateway) out of the tunnel: a host route through the next hop that the host's
     * routes name now. Call it before the routes into the tunnel.
     *
     * @return false when there was nothing to add: the host is local, or has a route of its own
     */
    boolean excludeHost(InetAddress host) throws IOException;

    /** The host network of this operating system. */
    static HostNetwork system(UndoJournal journal) {
        String os = System.getProperty("os.name", "unknown");
        if (os.toLowerCase(Locale.ROOT).startsWith("linux")) {
            return new LinuxHostNetwork(new IpCommand(), journal);
        }
        throw new UnsupportedOperationException("change routes on " + os + ": not supported yet; run on Linux");
    }
}
