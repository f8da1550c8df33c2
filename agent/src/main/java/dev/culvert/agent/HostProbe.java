package dev.culvert.agent;

import dev.culvert.tunnel.flow.LinkFlow;
import io.netty.channel.EventLoop;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.RawUnixChannelOption;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Asks a connection's host whether it is still there, when the application asks by a keep-alive probe of its own, and passes
 * the answer on; where the host says nothing neither do we. So it is the application's options that decide when a host is
 * dead, and its own kernel that says so.
 *
 * <p>The kernel of this machine does the asking: with a short keep-alive time it sends a probe at once, and tells in
 * {@code TCP_INFO} when it has heard of the host last. Event loop only.
 */
final class HostProbe {
    /** Heard of within this time is alive. Keep-alive times are whole seconds: no kernel asks sooner. */
    static final int FRESH_MILLIS = 1_000;

    /**
     * When we look first after the kernel was told to ask, as soon as its timer and a host on the LAN can have done it; and
     * how often, each time after twice as long. Together 2.5 s; a later answer is there when the application asks again.
     */
    private static final int FIRST_LOOK_MILLIS = 5;

    private static final int LOOKS = 9;

    /** A keep-alive time that has passed: the least that there is. */
    private static final int AT_ONCE_SECONDS = FRESH_MILLIS / 1_000;

    private final EventLoop loop;
    private final int idleSeconds;
    private final Host host;
    private final Runnable alive;
    private boolean asking;
    private long aliveNanos;
    private boolean everAlive;

    /** What the kernel does for, and knows of, a connection. */
    interface Host {
        boolean isOpen();

        void keepAliveTime(int seconds);

        /** Null when it does not tell: that is no reason to let a connection end. */
        @Nullable
        State state();
    }

    /**
     * @param silentMillis since anything was received, an ACK or data
     * @param inFlight segments that are not acknowledged
     * @param unsent bytes that wait for the host's window
     * @param unanswered probes that were sent, of keep-alive or of a closed window, since anything was received
     */
    record State(long silentMillis, int inFlight, long unsent, int unanswered) {
        /** A host whose window is closed is not asked otherwise than by probes of that, which become rare. */
        boolean isAlive() {
            return silentMillis < FRESH_MILLIS || inFlight == 0 && unsent > 0 && unanswered == 0;
        }
    }

    /** @param idleSeconds the connection's own keep-alive time */
    HostProbe(EventLoop loop, Host host, int idleSeconds, Runnable alive) {
        this.loop = loop;
        this.host = host;
        this.idleSeconds = idleSeconds;
        this.alive = alive;
    }

    /** The application asks. */
    void ask() {
        if (asking || !host.isOpen()) {
            return;
        }
        long now = loop.ticker().nanoTime();
        if (everAlive && now - aliveNanos < TimeUnit.MILLISECONDS.toNanos(FRESH_MILLIS)) {
            alive.run();
            return;
        }
        if (!answered()) {
            asking = true;
            host.keepAliveTime(AT_ONCE_SECONDS);
            look(FIRST_LOOK_MILLIS, LOOKS);
        }
    }

    private void look(int delayMillis, int looks) {
        loop.schedule(
                () -> {
                    if (!host.isOpen()) {
                        asking = false;
                    } else if (answered() || looks == 1) {
                        asking = false;
                        host.keepAliveTime(idleSeconds);
                    } else {
                        look(2 * delayMillis, looks - 1);
                    }
                },
                delayMillis,
                TimeUnit.MILLISECONDS);
    }

    private boolean answered() {
        State state = host.state();
        if (state != null && !state.isAlive()) {
            return false;
        }
        everAlive = true;
        aliveNanos = loop.ticker().nanoTime();
        alive.run();
        return true;
    }

    /** Answers the probes that come on {@code flow} by asking the host at the other end of {@code socket}. */
    static void answer(LinkFlow flow, EpollSocketChannel socket, int idleSeconds) {
        flow.onProbe(new HostProbe(socket.eventLoop(), new Connection(socket), idleSeconds, flow::alive)::ask);
    }

    /** Linux: struct tcp_info of linux/tcp.h. */
    private record Connection(EpollSocketChannel socket) implements Host {
        /** Offsets of tcpi_probes (u8), tcpi_unacked, tcpi_last_data_recv, tcpi_last_ack_recv and tcpi_notsent_bytes (u32). */
        private static final int PROBES = 3;

        private static final int UNACKED = 24;
        private static final int LAST_DATA_RECEIVED = 52;
        private static final int LAST_ACK_RECEIVED = 56;
        private static final int NOT_SENT = 144;
        private static final RawUnixChannelOption TCP_INFO =
                new RawUnixChannelOption("TCP_INFO", 6 /* IPPROTO_TCP */, 11 /* TCP_INFO */, NOT_SENT + 4);

        @Override
        public boolean isOpen() {
            return socket.isOpen();
        }

        @Override
        public void keepAliveTime(int seconds) {
            socket.config().setOption(EpollChannelOption.TCP_KEEPIDLE, seconds);
        }

        @Override
        public @Nullable State state() {
            ByteBuffer info = socket.config().getOption(TCP_INFO);
            if (info == null || info.remaining() < NOT_SENT + 4) {
                return null; // a kernel before 4.6
            }
            info = info.slice().order(ByteOrder.nativeOrder());
            return new State(
                    Math.min(unsigned(info, LAST_DATA_RECEIVED), unsigned(info, LAST_ACK_RECEIVED)),
                    info.getInt(UNACKED),
                    unsigned(info, NOT_SENT),
                    info.get(PROBES) & 0xff);
        }

        private static long unsigned(ByteBuffer info, int offset) {
            return info.getInt(offset) & 0xffff_ffffL;
        }
    }
}
