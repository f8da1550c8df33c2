package dev.culvert.stack;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpCounters;
import dev.culvert.stack.tcp.TcpCounters;
import org.jspecify.annotations.Nullable;

/**
 * What an {@link IpStack} has done so far. Readable from any thread; counters are as they were a moment
 * ago, the numbers of open flows and held fragments as they were after the last batch of packets or sweep.
 */
public final class StackStats {
    private final IpCounters ip;
    private volatile @Nullable TcpCounters tcp;
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

    /** The value of one counter of TCP; 0 before the stack is in a pipeline. */
    public long get(TcpCounters.Counter counter) {
        TcpCounters counters = tcp;
        return counters == null ? 0 : counters.get(counter);
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

    void follow(TcpCounters counters) {
        tcp = counters;
    }

    void gauge(int udp, int echo, int datagrams, long bytes) {
        udpFlows = udp;
        echoFlows = echo;
        reassembling = datagrams;
        reassemblyBytes = bytes;
    }
}
