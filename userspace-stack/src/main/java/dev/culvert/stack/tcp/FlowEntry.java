package dev.culvert.stack.tcp;

import dev.culvert.stack.ip.IpAddresses;
import java.net.InetSocketAddress;

/**
 * A row of the connection table: a connection's four-tuple and what is known of it. Addresses are as {@link IpAddresses} has
 * them; the IP version is part of the key, so that an IPv4 address never equals a mapped IPv6 one.
 */
abstract class FlowEntry {
    final long remoteHigh;
    final long remoteLow;
    final long localHigh;
    final long localLow;
    /** IP version, remote port, local port in 16 bits each. */
    final long ports;

    final int hash;

    FlowEntry(long remoteHigh, long remoteLow, long localHigh, long localLow, long ports, int hash) {
        this.remoteHigh = remoteHigh;
        this.remoteLow = remoteLow;
        this.localHigh = localHigh;
        this.localLow = localLow;
        this.ports = ports;
        this.hash = hash;
    }

    FlowEntry(FlowEntry same) {
        this(same.remoteHigh, same.remoteLow, same.localHigh, same.localLow, same.ports, same.hash);
    }

    static long ports(int ipVersion, int remotePort, int localPort) {
        return (long) ipVersion << 32 | (long) remotePort << 16 | localPort;
    }

    final boolean isIpv4() {
        return ports >>> 32 == 4;
    }

    final int remotePort() {
        return (int) (ports >>> 16) & 0xffff;
    }

    final int localPort() {
        return (int) ports & 0xffff;
    }

    final boolean matches(long remoteHigh, long remoteLow, long localHigh, long localLow, long ports) {
        return this.ports == ports
                && this.remoteLow == remoteLow
                && this.localLow == localLow
                && this.remoteHigh == remoteHigh
                && this.localHigh == localHigh;
    }

    final InetSocketAddress remote() {
        return IpAddresses.socketAddress(remoteHigh, remoteLow, remotePort());
    }

    final InetSocketAddress local() {
        return IpAddresses.socketAddress(localHigh, localLow, localPort());
    }
}
