package dev.culvert.stack.tcp;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * The settings of one {@link TcpEndpoint}; immutable. Every bound exists because the peer may be hostile: what it can
 * make us keep is finite.
 */
public final class TcpConfig {
    private final Builder values;

    private TcpConfig(Builder values) {
        this.values = values;
    }

    /** A builder that holds the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** The largest IP packet that the link carries, in bytes (1,280 to 65,535; default 1,500). */
    public int mtu() {
        return values.mtu;
    }

    /** The receive buffer that a flow begins with, in bytes (default 256 KiB: four super-packets). */
    public int receiveBufferStart() {
        return values.receiveBufferStart;
    }

    /** What the receive buffer may grow to while the application keeps up, in bytes (default 8 MiB). */
    public int receiveBufferMax() {
        return values.receiveBufferMax;
    }

    /**
     * What all receive queues together may hold, in bytes, whole buffers and the objects around them included (default 256
     * MiB). No connection holds more than it leaves to others; beyond that its window stays shut, unless it has nothing waiting, and what comes all the
     * same is dropped, to come again.
     */
    public long receiveBudget() {
        return values.receiveBudget;
    }

    /**
     * What all send queues together may hold, in bytes (default 256 MiB). No connection holds more than it leaves to others,
     * but for one segment, which each may have.
     */
    public long sendBudget() {
        return values.sendBudget;
    }

    /** What a flow's send queue may hold whatever window the peer offers, in bytes (default 4 MiB). */
    public int sendQueueMax() {
        return values.sendQueueMax;
    }

    /** How many accepted connections may exist (default 65,536). */
    public int maxFlows() {
        return values.maxFlows;
    }

    /** How many SYNs may wait for an answer (default 8,192). */
    public int maxPending() {
        return values.maxPending;
    }

    /** How many SYNs of one source address may wait for an answer (default 4,096). */
    public int maxPendingPerSource() {
        return values.maxPendingPerSource;
    }

    /** How long a SYN may wait for its answer at most, in nanoseconds (default 75 s, the classical connect time-out). */
    public long pendingTimeoutNanos() {
        return values.pendingTimeout.toNanos();
    }

    /**
     * How long after its first SYN a peer that never retransmits is given up, in nanoseconds (default 5 s; a first
     * retransmission is due after 1 s by RFC 6298, after 3 s by its predecessor).
     */
    public long abandonAfterNanos() {
        return values.abandonAfter.toNanos();
    }

    /** How long a connection stays in TIME-WAIT, in nanoseconds (default 10 s; at most 240 s, 2 MSL of RFC 9293). */
    public long timeWaitNanos() {
        return values.timeWait.toNanos();
    }

    /** How many connections may be in TIME-WAIT (default 16,384); beyond it they are forgotten at once. */
    public int maxTimeWait() {
        return values.maxTimeWait;
    }

    /** How long a closed channel's connection waits for the peer's FIN, in nanoseconds (default 60 s). */
    public long orphanTimeoutNanos() {
        return values.orphanTimeout.toNanos();
    }

    /** R2 of RFC 9293 section 3.8.3, in nanoseconds: no acknowledgement for so long ends the connection (default 120 s, at least 100 s). */
    public long userTimeoutNanos() {
        return values.userTimeout.toNanos();
    }

    /** Idle time before the first keep-alive probe, in nanoseconds (default 2 h 4 min, RFC 5382 REQ-5); 0 is off. */
    public long keepAliveIdleNanos() {
        return values.keepAliveIdle.toNanos();
    }

    /** Time between keep-alive probes, in nanoseconds (default 75 s). */
    public long keepAliveIntervalNanos() {
        return values.keepAliveInterval.toNanos();
    }

    /** How many keep-alive probes may go unanswered (default 9). */
    public int keepAliveProbes() {
        return values.keepAliveProbes;
    }

    /** The key of sequence numbers and of the connection table, 16 bytes as two longs. */
    long secretLow() {
        return values.secretLow;
    }

    long secretHigh() {
        return values.secretHigh;
    }

    /** Makes the congestion control of each new flow (default {@link LosslessLink}). */
    public Supplier<CongestionControl> congestionControl() {
        return values.congestionControl;
    }

    /** Collects the settings; {@link #build} checks them. */
    public static final class Builder {
        private static final java.security.SecureRandom RANDOM = new java.security.SecureRandom();

        private int mtu = 1500;
        private int receiveBufferStart = 256 << 10;
        private int receiveBufferMax = 8 << 20;
        private long receiveBudget = 256L << 20;
        private long sendBudget = 256L << 20;
        private int sendQueueMax = 4 << 20;
        private int maxFlows = 65_536;
        private int maxPending = 8_192;
        private int maxPendingPerSource = 4_096;
        private Duration pendingTimeout = Duration.ofSeconds(75);
        private Duration abandonAfter = Duration.ofSeconds(5);
        private Duration timeWait = Duration.ofSeconds(10);
        private int maxTimeWait = 16_384;
        private Duration orphanTimeout = Duration.ofSeconds(60);
        private Duration userTimeout = Duration.ofSeconds(120);
        private Duration keepAliveIdle = Duration.ofMinutes(124);
        private Duration keepAliveInterval = Duration.ofSeconds(75);
        private int keepAliveProbes = 9;
        private long secretLow = RANDOM.nextLong();
        private long secretHigh = RANDOM.nextLong();
        private Supplier<CongestionControl> congestionControl = LosslessLink::instance;

        private Builder() {}

        public Builder mtu(int bytes) {
            mtu = bytes;
            return this;
        }

        public Builder receiveBuffer(int startBytes, int maxBytes) {
            receiveBufferStart = startBytes;
            receiveBufferMax = maxBytes;
            return this;
        }

        public Builder receiveBudget(long bytes) {
            receiveBudget = bytes;
            return this;
        }

        public Builder sendBudget(long bytes) {
            sendBudget = bytes;
            return this;
        }

        public Builder sendQueueMax(int bytes) {
            sendQueueMax = bytes;
            return this;
        }

        public Builder maxFlows(int flows) {
            maxFlows = flows;
            return this;
        }

        public Builder maxPending(int total, int perSource) {
            maxPending = total;
            maxPendingPerSource = perSource;
            return this;
        }

        public Builder pendingTimeout(Duration atMost, Duration withoutRetransmission) {
            pendingTimeout = atMost;
            abandonAfter = withoutRetransmission;
            return this;
        }

        public Builder timeWait(Duration time, int connections) {
            timeWait = time;
            maxTimeWait = connections;
            return this;
        }

        public Builder orphanTimeout(Duration time) {
            orphanTimeout = time;
            return this;
        }

        public Builder userTimeout(Duration time) {
            userTimeout = time;
            return this;
        }

        public Builder keepAlive(Duration idle, Duration interval, int probes) {
            keepAliveIdle = idle;
            keepAliveInterval = interval;
            keepAliveProbes = probes;
            return this;
        }

        /** Fixes the secret, which is otherwise random; two endpoints that shall agree on hashes need it, tests too. */
        public Builder secret(long low, long high) {
            secretLow = low;
            secretHigh = high;
            return this;
        }

        public Builder congestionControl(Supplier<CongestionControl> perFlow) {
            congestionControl = Objects.requireNonNull(perFlow, "perFlow");
            return this;
        }

        /** @throws IllegalArgumentException naming the setting, its value and its bounds */
        public TcpConfig build() {
            range("mtu", mtu, 1280, 65_535);
            range("receiveBufferStart", receiveBufferStart, 2048, 1 << 29);
            range("receiveBufferMax", receiveBufferMax, receiveBufferStart, 1 << 29);
            range("receiveBudget", receiveBudget, receiveBufferMax, Long.MAX_VALUE);
            range("sendBudget", sendBudget, 65_536, Long.MAX_VALUE);
            range("sendQueueMax", sendQueueMax, 65_536, 1 << 29);
            range("maxFlows", maxFlows, 1, 1 << 24);
            range("maxPending", maxPending, 1, 1 << 24);
            range("maxPendingPerSource", maxPendingPerSource, 1, 1 << 24);
            range("pendingTimeout (ms)", pendingTimeout.toMillis(), 1, 600_000);
            range("abandonAfter (ms)", abandonAfter.toMillis(), 1, 600_000);
            range("timeWait (ms)", timeWait.toMillis(), 0, 240_000);
            range("maxTimeWait", maxTimeWait, 0, 1 << 24);
            range("orphanTimeout (ms)", orphanTimeout.toMillis(), 1, 3_600_000);
            range("userTimeout (ms)", userTimeout.toMillis(), 100_000, 86_400_000);
            range("keepAliveIdle (ms)", keepAliveIdle.toMillis(), 0, 7L * 86_400_000);
            range("keepAliveInterval (ms)", keepAliveInterval.toMillis(), 1, 86_400_000);
            range("keepAliveProbes", keepAliveProbes, 1, 127);
            return new TcpConfig(copy());
        }

        private Builder copy() {
            Builder copy = new Builder();
            copy.mtu = mtu;
            copy.receiveBufferStart = receiveBufferStart;
            copy.receiveBufferMax = receiveBufferMax;
            copy.receiveBudget = receiveBudget;
            copy.sendBudget = sendBudget;
            copy.sendQueueMax = sendQueueMax;
            copy.maxFlows = maxFlows;
            copy.maxPending = maxPending;
            copy.maxPendingPerSource = maxPendingPerSource;
            copy.pendingTimeout = pendingTimeout;
            copy.abandonAfter = abandonAfter;
            copy.timeWait = timeWait;
            copy.maxTimeWait = maxTimeWait;
            copy.orphanTimeout = orphanTimeout;
            copy.userTimeout = userTimeout;
            copy.keepAliveIdle = keepAliveIdle;
            copy.keepAliveInterval = keepAliveInterval;
            copy.keepAliveProbes = keepAliveProbes;
            copy.secretLow = secretLow;
            copy.secretHigh = secretHigh;
            copy.congestionControl = congestionControl;
            return copy;
        }

        private static void range(String name, long value, long low, long high) {
            if (value < low || value > high) {
                throw new IllegalArgumentException("TCP setting out of range: " + name + "=" + value + ", choose " + low
                        + " to " + (high == Long.MAX_VALUE ? "any" : Long.toString(high)));
            }
        }
    }
}
