package dev.culvert.tun.icmp;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import dev.culvert.tun.libc.LibC;
import dev.culvert.tun.libc.NativeLibraries;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.unix.Socket;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;

/**
 * Sends single datagrams that the channel's own write cannot, from an unconnected datagram socket, UDP or
 * {@link PingSockets}: those with a hop limit of their own (ip(7), IP_TTL; ipv6(7), IPV6_UNICAST_HOPS), and empty ones, which
 * Netty 4.2 takes for sent, and then counts wrongly which of several it has sent. At once and past the channel's outbound
 * buffer: what is in that leaves later. Whoever minds the order flushes first.
 *
 * <p>Holds one native word; use it on the event loop of the channels only.
 */
public final class DatagramSender {
    private static final int SOL_IP = 0;
    private static final int IP_TTL = 2;
    private static final int SOL_IPV6 = 41;
    private static final int IPV6_UNICAST_HOPS = 16;

    /** The system's default. */
    public static final int DEFAULT = -1;

    private final Memory value = new Memory(Integer.BYTES);

    /** Whether this system can; elsewhere there is nothing to construct. */
    public static boolean isAvailable() {
        return NativeLibraries.areLoaded();
    }

    /**
     * Sends one datagram.
     *
     * @param datagram stays the caller's; of a ping an echo request, as {@link PingSockets} says
     * @param hopLimit 1 to 255, or {@link #DEFAULT}
     * @return false when the socket is full and the datagram lost, or the channel is of another kind
     * @throws IOException what sendto(2) says; also an ICMP error about an earlier datagram ({@link IcmpErrorQueue})
     */
    public boolean send(Channel channel, ByteBuf datagram, InetSocketAddress to, int hopLimit) throws IOException {
        if (!(channel instanceof EpollDatagramChannel epoll) || !epoll.isOpen()) {
            return false;
        }
        RawPingHandler raw = epoll.pipeline().get(RawPingHandler.class);
        if (raw != null) {
            raw.address(datagram);
        }
        ByteBuf direct = datagram;
        if (!datagram.isDirect() || datagram.nioBufferCount() != 1) {
            direct = epoll.alloc().directBuffer(datagram.readableBytes());
            direct.writeBytes(datagram, datagram.readerIndex(), datagram.readableBytes());
        }
        boolean ipv4 = to.getAddress() instanceof Inet4Address;
        int fd = epoll.fd().intValue();
        if (hopLimit != DEFAULT) {
            set(fd, ipv4, hopLimit);
        }
        try {
            int bytes = direct.readableBytes();
            // What Netty's own channel calls; it gives its descriptor's class away as the base class only.
            return ((Socket) epoll.fd())
                            .sendTo(
                                    direct.internalNioBuffer(direct.readerIndex(), bytes)
                                            .slice(),
                                    0,
                                    bytes,
                                    to.getAddress(),
                                    to.getPort())
                    == bytes;
        } finally {
            if (hopLimit != DEFAULT) {
                set(fd, ipv4, DEFAULT);
            }
            if (direct != datagram) {
                direct.release();
            }
        }
    }

    private void set(int fd, boolean ipv4, int hopLimit) throws IOException {
        value.setInt(0, hopLimit);
        if (LibC.get().setsockopt(fd, ipv4 ? SOL_IP : SOL_IPV6, ipv4 ? IP_TTL : IPV6_UNICAST_HOPS, value, Integer.BYTES)
                < 0) {
            throw new IOException("set a hop limit of " + hopLimit + ": " + LibC.text(Native.getLastError()));
        }
    }
}
