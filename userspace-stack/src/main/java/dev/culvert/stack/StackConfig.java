package dev.culvert.stack;

import dev.culvert.stack.ip.Reassembler;
import dev.culvert.stack.tcp.TcpConfig;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.security.SecureRandom;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The settings of one {@link IpStack}; immutable. Its clock is the ticker of the packet channel's event loop. Every bound
 * exists because whoever sends packets may be hostile: what one can make us keep is finite.
 */
public final class StackConfig {
    private final Builder values;
    private final TcpConfig tcp;

    private StackConfig(Builder values, TcpConfig tcp) {
        this.values = values;
        this.tcp = tcp;
    }

    /** A builder that holds the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** The largest IP packet that the link carries, in bytes (1,280 to 65,535; default 1,500). */
    public int mtu() {
        return values.mtu;
    }

    /** The settings of TCP; their MTU is this one's. */
    public TcpConfig tcp() {
        return tcp;
    }

    /** How many UDP flows may exist (default 16,384); beyond it the one idle longest is closed. */
    public int maxUdpFlows() {
        return values.maxUdpFlows;
    }

    /** Idle time that closes a UDP flow, in nanoseconds (default 5 min, RFC 4787 REQ-5). */
    public long udpIdleNanos() {
        return values.udpIdle.toNanos();
    }

    /**
     * Idle time that closes a UDP flow which has asked only port 53 and has had all its answers, in nanoseconds (default
     * 10 s): resolvers use a fresh port for each question and would otherwise fill the table.
     */
    public long dnsIdleNanos() {
        return values.dnsIdle.toNanos();
    }

    /** How many echo flows may exist (default 4,096); beyond it the one idle longest is closed. */
    public int maxEchoFlows() {
        return values.maxEchoFlows;
    }

    /** Idle time that closes an echo flow, in nanoseconds (default 60 s, RFC 5508 REQ-2). */
    public long echoIdleNanos() {
        return values.echoIdle.toNanos();
    }

    /** Datagrams that a UDP or echo flow keeps for a reader that does not read (default 256). */
    public int maxQueuedDatagrams() {
        return values.maxQueuedDatagrams;
    }

    /** Bytes of such datagrams (default 256 KiB: as much as a socket's receive buffer has by default, and a bit). */
    public int maxQueuedBytes() {
        return values.maxQueuedBytes;
    }

    /**
     * Bytes of such datagrams, and of the objects around them, of all UDP flows together, and of all echo flows (default 16
     * MiB each).
     */
    public long maxQueuedOfAll() {
        return values.maxQueuedOfAll;
    }

    /** What reassembly may hold (default 4 MiB, 1,024 datagrams, 256 of one source, 60 s). */
    public Reassembler.Limits reassembly() {
        return values.reassembly;
    }

    /** ICMP errors a second (default 1,000, as Linux's icmp_msgs_per_sec), and as many that are passed on for others. */
    public int icmpErrorsPerSecond() {
        return values.icmpErrorsPerSecond;
    }

    /** ICMP errors at once (default 200: a burst of refusals as from a port scan still gets its answers). */
    public int icmpErrorBurst() {
        return values.icmpErrorBurst;
    }

    /**
     * The stack's own IPv4 address, as the router in front of all hosts: the source of ICMP errors that no other router is
     * known to have sent, and so the first line of a traceroute. Default: none; then such errors come from the destination.
     */
    public @Nullable InetAddress router4() {
        return values.router4;
    }

    /** As {@link #router4}, for IPv6. */
    public @Nullable InetAddress router6() {
        return values.router6;
    }

    long secretLow() {
        return values.secretLow;
    }

    long secretHigh() {
        return values.secretHigh;
    }

    /** Collects the settings; {@link #build} checks them. Not for use by several threads. */
    public static final class Builder {
        private int mtu = 1500;
        private TcpConfig.Builder tcp = TcpConfig.builder();
        private int maxUdpFlows = 16_384;
        private Duration udpIdle = Duration.ofMinutes(5);
        private Duration dnsIdle = Duration.ofSeconds(10);
        private int maxEchoFlows = 4_096;
        private Duration echoIdle = Duration.ofSeconds(60);
        private int maxQueuedDatagrams = 256;
        private int maxQueuedBytes = 256 << 10;
        private long maxQueuedOfAll = 16L << 20;
        private Reassembler.Limits reassembly = new Reassembler.Limits(
                4L << 20, 1024, 256, Duration.ofSeconds(60).toNanos());
        private int icmpErrorsPerSecond = 1000;
        private int icmpErrorBurst = 200;
        private @Nullable InetAddress router4;
        private @Nullable InetAddress router6;
        private long secretLow;
        private long secretHigh;
        private boolean secretFixed;

        private Builder() {
            SecureRandom random = new SecureRandom();
            secretLow = random.nextLong();
            secretHigh = random.nextLong();
        }

        /** See {@link StackConfig#mtu}. */
        public Builder mtu(int bytes) {
            mtu = bytes;
            return this;
        }

        /** See {@link StackConfig#tcp}; {@link #build} sets the MTU in it. */
        public Builder tcp(TcpConfig.Builder settings) {
            tcp = settings;
            return this;
        }

        /** See {@link StackConfig#maxUdpFlows}, {@link StackConfig#udpIdleNanos}, {@link StackConfig#dnsIdleNanos}. */
        public Builder udp(int maxFlows, Duration idle, Duration answeredDnsIdle) {
            maxUdpFlows = maxFlows;
            udpIdle = idle;
            dnsIdle = answeredDnsIdle;
            return this;
        }

        /** See {@link StackConfig#maxEchoFlows} and {@link StackConfig#echoIdleNanos}. */
        public Builder echo(int maxFlows, Duration idle) {
            maxEchoFlows = maxFlows;
            echoIdle = idle;
            return this;
        }

        /**
         * See {@link StackConfig#maxQueuedDatagrams}, {@link StackConfig#maxQueuedBytes}, {@link
         * StackConfig#maxQueuedOfAll}.
         */
        public Builder queue(int datagrams, int bytes, long bytesOfAll) {
            maxQueuedDatagrams = datagrams;
            maxQueuedBytes = bytes;
            maxQueuedOfAll = bytesOfAll;
            return this;
        }

        /** See {@link StackConfig#reassembly}. */
        public Builder reassembly(long bytes, int datagrams, int datagramsPerSource, Duration timeout) {
            reassembly = new Reassembler.Limits(bytes, datagrams, datagramsPerSource, timeout.toNanos());
            return this;
        }

        /** See {@link StackConfig#icmpErrorsPerSecond} and {@link StackConfig#icmpErrorBurst}. */
        public Builder icmpErrors(int perSecond, int burst) {
            icmpErrorsPerSecond = perSecond;
            icmpErrorBurst = burst;
            return this;
        }

        /** See {@link StackConfig#router4} and {@link StackConfig#router6}. */
        public Builder router(@Nullable Inet4Address ipv4, @Nullable Inet6Address ipv6) {
            router4 = ipv4;
            router6 = ipv6;
            return this;
        }

        /** Fixes the secret that keys hashes and sequence numbers; without it a random one is used. */
        public Builder secret(long low, long high) {
            secretLow = low;
            secretHigh = high;
            secretFixed = true;
            return this;
        }

        /** @throws IllegalArgumentException naming the setting, its value and its bounds */
        public StackConfig build() {
            range("mtu", mtu, 1280, 65_535);
            range("maxUdpFlows", maxUdpFlows, 1, 1 << 24);
            range("udpIdle (ms)", udpIdle.toMillis(), 1, 86_400_000);
            range("dnsIdle (ms)", dnsIdle.toMillis(), 1, 86_400_000);
            range("maxEchoFlows", maxEchoFlows, 1, 1 << 24);
            range("echoIdle (ms)", echoIdle.toMillis(), 1, 86_400_000);
            range("maxQueuedDatagrams", maxQueuedDatagrams, 1, 1 << 20);
            range("maxQueuedBytes", maxQueuedBytes, 65_535, 1 << 30);
            range("maxQueuedOfAll", maxQueuedOfAll, maxQueuedBytes, 1L << 32);
            range("reassembly bytes", reassembly.bytes(), 128 << 10, 1L << 32);
            range("reassembly datagrams", reassembly.datagrams(), 1, 1 << 20);
            range("reassembly datagramsPerSource", reassembly.datagramsPerSource(), 1, 1 << 20);
            range("reassembly timeout (ms)", reassembly.timeoutNanos() / 1_000_000, 1, 120_000);
            range("icmpErrorsPerSecond", icmpErrorsPerSecond, 1, 1_000_000);
            range("icmpErrorBurst", icmpErrorBurst, 1, 1_000_000);
            if (secretFixed) {
                tcp.secret(secretLow, secretHigh);
            }
            return new StackConfig(copy(), tcp.mtu(mtu).build());
        }

        private Builder copy() {
            Builder copy = new Builder();
            copy.mtu = mtu;
            copy.maxUdpFlows = maxUdpFlows;
            copy.udpIdle = udpIdle;
            copy.dnsIdle = dnsIdle;
            copy.maxEchoFlows = maxEchoFlows;
            copy.echoIdle = echoIdle;
            copy.maxQueuedDatagrams = maxQueuedDatagrams;
            copy.maxQueuedBytes = maxQueuedBytes;
            copy.maxQueuedOfAll = maxQueuedOfAll;
            copy.reassembly = reassembly;
            copy.icmpErrorsPerSecond = icmpErrorsPerSecond;
            copy.icmpErrorBurst = icmpErrorBurst;
            copy.router4 = router4;
            copy.router6 = router6;
            copy.secretLow = secretLow;
            copy.secretHigh = secretHigh;
            return copy;
        }

        private static void range(String name, long value, long low, long high) {
            if (value < low || value > high) {
                throw new IllegalArgumentException(
                        "stack setting out of range: " + name + "=" + value + ", choose " + low + " to " + high);
            }
        }
    }
}
