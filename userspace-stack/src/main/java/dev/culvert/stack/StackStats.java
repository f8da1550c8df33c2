package dev.culvert.stack;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpCounters;

/** What an {@link IpStack} has done so far. Readable from any thread; each value is as it was a moment ago. */
public final class StackStats {
    private final IpCounters ip;
    private volatile int udpFlows;
    private volatile int echoFlows;
    private volatile int reassembling;
    private volatile long reassemblyBytes;

    StackStats(IpCounters ip) {
        this.ip = ip;
    }

    /** The value of one counter of IP, UDP and ICMP. */
    public long get(IpCounter counter) {
        return ip.get(counter);
    }

    /** All packets, fragments and messages that were dropped, whatever the cause. */
    public long dropped() {
        long sum = 0;
        for (IpCounter counter : IpCounter.values()) {
            if (counter.isDrop()) {
                sum += ip.get(counter);
            }
        }
        return sum;
    }

    /** UDP flows that are open. */
    public int udpFlows() {
        return udpFlows;
    }

    /** Echo flows that are open. */
    public int echoFlows() {
        return echoFlows;
    }

    /** Datagrams of which fragments are missing. */
    public int reassembling() {
        return reassembling;
    }

    /** Bytes that such fragments hold, their overhead included. */
    public long reassemblyBytes() {
        return reassemblyBytes;
    }

    void gauge(int udp, int echo, int datagrams, long bytes) {
        udpFlows = udp;
        echoFlows = echo;
        reassembling = datagrams;
        reassemblyBytes = bytes;
    }
}
