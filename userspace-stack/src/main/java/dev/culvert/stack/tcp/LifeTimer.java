package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpConnection.State;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.time.TimerWheel;
import dev.culvert.stack.wire.Tcp;

/** Ends what is dead: keep-alive (RFC 9293 section 3.8.4), or the end of a FIN-WAIT-2 that nobody holds any more. */
final class LifeTimer extends TimerWheel.Timer {
    private final TcpConnection connection;
    private final TcpEndpoint endpoint;
    private int probes;

    LifeTimer(TcpConnection connection, TcpEndpoint endpoint) {
        this.connection = connection;
        this.endpoint = endpoint;
    }

    /** The connection is established; keep-alive begins. */
    void established(long now) {
        armKeepAlive(now, endpoint.config.keepAliveIdleNanos());
    }

    /** The peer has shown that it is there. */
    void heard() {
        probes = 0;
    }

    /** In FIN-WAIT-2 without a channel: the peer's FIN is waited for this long. */
    void orphaned(long now) {
        endpoint.timers.arm(this, now, endpoint.config.orphanTimeoutNanos());
    }

    private void armKeepAlive(long now, long delay) {
        if (endpoint.config.keepAliveIdleNanos() > 0) {
            endpoint.timers.arm(this, now, delay);
        }
    }

    @Override
    protected void expired() {
        if (connection.isGone()) {
            return;
        }
        if (connection.state() == State.FIN_WAIT_2 && connection.isOrphan()) {
            connection.forget();
            return;
        }
        long now = endpoint.now();
        TcpConfig config = endpoint.config;
        long idle = now - connection.lastReceived();
        if (connection.sender.inFlight() > 0 || idle < config.keepAliveIdleNanos()) {
            // Data in flight is its own probe. The timer was not moved with each segment, so it may be early.
            armKeepAlive(now, Math.max(config.keepAliveIdleNanos() - idle, config.keepAliveIntervalNanos()));
            return;
        }
        if (probes >= config.keepAliveProbes()) {
            connection.timedOut("no answer to " + probes + " keep-alive probes");
            return;
        }
        probes++;
        endpoint.counters.count(Counter.KEEPALIVE_PROBES);
        connection.transmit(Tcp.ACK, connection.sender.una - 1, 0);
        armKeepAlive(now, config.keepAliveIntervalNanos());
    }
}
