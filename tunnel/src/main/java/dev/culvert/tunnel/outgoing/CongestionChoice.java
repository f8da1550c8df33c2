package dev.culvert.tunnel.outgoing;

import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.RawUnixChannelOption;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * Which congestion control the kernel uses for a link. Its usual one takes each lost packet for a full line: where one in a
 * hundred is lost to chance, at 80 ms there and back, CUBIC carries 2 Mbit/s of 200. BBR goes by the rate at which packets
 * arrive, and carries 126. On a line without delay BBR's pacing costs throughput and there is nothing to win; so only a link
 * whose least round trip is that of a way out of the house gets it, and only where the kernel has it and lets this process
 * (Linux; anyone where net.ipv4.tcp_allowed_congestion_control names it, else with CAP_NET_ADMIN). What the administrator chose
 * for the machine other than the usual ones stays. Event loop only.
 */
public final class CongestionChoice {
    /** Beyond a house and its wireless network, below any way through a provider. */
    static final long FAR_NANOS = 3_000_000;

    static final String WANTED = "bbr";

    /** What Linux has as its default. */
    private static final Set<String> USUAL = Set.of("cubic", "reno");

    /** The least round trip is another one when the network below has changed; each look is one system call. */
    private boolean decided;

    /** What the kernel is asked and told. */
    interface Kernel {
        /** The least round trip of the connection; negative where the kernel does not tell. */
        long leastRoundTripNanos();

        /** The name of the congestion control in use; empty where the kernel does not tell. */
        String control();

        /** Sets it. May fail with ChannelException: there is none of that name, or this process may not choose it. */
        void control(String name);
    }

    /**
     * A round trip over the link has been measured.
     *
     * @param leastNanos the least so far, as the programs at both ends saw it: not below that of the line
     */
    public void roundTrip(Channel channel, long leastNanos) {
        // A link in the same house never costs more than this comparison.
        if (!decided && leastNanos >= FAR_NANOS && channel instanceof EpollSocketChannel epoll && epoll.isOpen()) {
            look(new EpollKernel(epoll));
        }
    }

    void look(Kernel kernel) {
        if (kernel.leastRoundTripNanos() < FAR_NANOS) {
            return; // it was the programs that took so long
        }
        decided = true;
        if (USUAL.contains(kernel.control())) {
            try {
                kernel.control(WANTED);
            } catch (ChannelException e) {
                // The usual one stays; `doctor` says how the kernel gets the other.
            }
        }
    }

    private record EpollKernel(EpollSocketChannel channel) implements Kernel {
        /** TCP_CA_NAME_MAX of net/tcp.h. */
        private static final int NAME_MAX = 16;

        private static RawUnixChannelOption control(int length) {
            return new RawUnixChannelOption("TCP_CONGESTION", 6 /* IPPROTO_TCP */, 13 /* TCP_CONGESTION */, length);
        }

        @Override
        public long leastRoundTripNanos() {
            return KernelQueue.of(channel).leastRoundTripNanos();
        }

        @Override
        public String control() {
            ByteBuffer name = channel.config().getOption(control(NAME_MAX));
            // The rest of the buffer is zeros.
            return name == null
                    ? ""
                    : StandardCharsets.US_ASCII.decode(name).toString().trim();
        }

        @Override
        public void control(String name) {
            byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
            channel.config().setOption(control(bytes.length), ByteBuffer.wrap(bytes));
        }
    }
}
