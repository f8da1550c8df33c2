package dev.culvert.tunnel.outgoing;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.RawUnixChannelOption;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** What the kernel knows of a connection that we write to (struct tcp_info of linux/tcp.h). Each call is a system call. */
interface KernelQueue {
    /** Bytes that it holds and has not sent for the first time yet; 0 where it does not tell. */
    int unsentBytes();

    /** Bytes that the peer has acknowledged, from the first one on; negative where the kernel does not tell. */
    long ackedBytes();

    /** The least round trip that it has measured in the last minutes, in nanoseconds; negative where it does not tell. */
    long leastRoundTripNanos();

    /** That of {@code channel}, which may be of any kind. */
    static KernelQueue of(Channel channel) {
        return new KernelQueue() {
            @Override
            public int unsentBytes() {
                ByteBuffer info = info();
                return info == null ? 0 : info.getInt(info.position() + NOTSENT_BYTES);
            }

            @Override
            public long ackedBytes() {
                ByteBuffer info = info();
                return info == null ? -1 : info.getLong(info.position() + BYTES_ACKED);
            }

            @Override
            public long leastRoundTripNanos() {
                ByteBuffer info = info();
                int micros = info == null ? -1 : info.getInt(info.position() + MIN_RTT); // -1: nothing measured yet
                return micros < 0 ? -1 : micros * 1_000L;
            }

            private @Nullable ByteBuffer info() {
                if (!(channel instanceof EpollSocketChannel epoll) || !epoll.isOpen()) {
                    return null;
                }
                ByteBuffer info = epoll.config().getOption(TCP_INFO);
                return info == null || info.remaining() < LENGTH ? null : info.order(ByteOrder.nativeOrder());
            }
        };
    }

    /** Offsets of tcpi_bytes_acked (u64), tcpi_notsent_bytes (u32) and tcpi_min_rtt (u32, in microseconds), and where the last ends. */
    int BYTES_ACKED = 120;

    int NOTSENT_BYTES = 144;
    int MIN_RTT = 148;
    int LENGTH = MIN_RTT + Integer.BYTES;

    RawUnixChannelOption TCP_INFO =
            new RawUnixChannelOption("TCP_INFO", 6 /* IPPROTO_TCP */, 11 /* TCP_INFO */, LENGTH);
}
