package dev.culvert.tun;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import io.netty.channel.Channel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDatagramChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * ICMP errors about what an unconnected datagram socket has sent (UDP and {@link PingSockets}), with the destination that
 * each is about: Linux's error queue (ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR), read with recvmsg(MSG_ERRQUEUE).
 *
 * <p>While a socket's queue is not empty, epoll reports EPOLLERR without end, and each error makes one send or receive of
 * the socket fail, whoever it was for. So the owner {@linkplain #drain drains} the queue when a send or a receive fails,
 * and when the socket woke it up with nothing to read.
 *
 * <p>Holds one native buffer; give it to all sockets of one event loop, and use it on that loop only.
 */
public final class IcmpErrorQueue {
    /** Told of one error. */
    public interface Sink {
        /**
         * @param destination where the datagram went; port 0 for a ping
         * @param error what the network answered
         */
        void error(InetSocketAddress destination, IcmpError error);
    }

    private static final int SOL_IP = 0;
    private static final int IP_RECVERR = 11;
    private static final int SOL_IPV6 = 41;
    private static final int IPV6_RECVERR = 25;
    private static final int MSG_ERRQUEUE = 0x2000;
    private static final int MSG_DONTWAIT = 0x40;

    /** struct msghdr of LP64, linux/socket.h. */
    private static final int MSG_NAME = 0;

    private static final int MSG_NAMELEN = 8;
    private static final int MSG_CONTROL = 32;
    private static final int MSG_CONTROLLEN = 40;
    private static final int MSGHDR_BYTES = 56;

    /** struct cmsghdr of LP64: size_t length with header, int level, int type; then data, aligned to 8. */
    private static final int CMSG_LEVEL = 8;

    private static final int CMSG_TYPE = 12;
    private static final int CMSG_DATA = 16;

    /** struct sock_extended_err, linux/errqueue.h: u32 errno, u8 origin, u8 type, u8 code. */
    private static final int EE_ORIGIN = 4;

    private static final int EE_TYPE = 5;
    private static final int EE_CODE = 6;
    private static final int EE_BYTES = 16;
    private static final int ORIGIN_ICMP = 2;
    private static final int ORIGIN_ICMP6 = 3;

    private static final int NAME_BYTES = 28; // struct sockaddr_in6
    private static final int CONTROL_BYTES = 512;

    /** Errors taken in one call; a flood of them leaves the loop its other work, and epoll calls again. */
    private static final int MAX_PER_CALL = 256;

    private final Memory message = new Memory(MSGHDR_BYTES);
    private final Memory name = new Memory(NAME_BYTES);
    private final Memory control = new Memory(CONTROL_BYTES);

    /** Whether this system has error queues; elsewhere there is nothing to construct. */
    public static boolean isAvailable() {
        return Epoll.isAvailable() && Native.POINTER_SIZE == 8;
    }

    /**
     * Lets the socket's ICMP errors be queued. Without it they are lost.
     *
     * @return false if the system refuses, or the channel is of another kind
     */
    public static boolean enable(Channel channel, boolean ipv6) {
        if (!isAvailable() || !(channel instanceof EpollDatagramChannel epoll)) {
            return false;
        }
        try (Memory on = new Memory(Integer.BYTES)) {
            on.setInt(0, 1);
            int fd = epoll.fd().intValue();
            return LibC.get().setsockopt(fd, ipv6 ? SOL_IPV6 : SOL_IP, ipv6 ? IPV6_RECVERR : IP_RECVERR, on, 4) == 0;
        }
    }

    /**
     * Takes what is queued, at most 256 errors. Errors that are not answers of the network (a datagram larger than the
     * interface's MTU) are dropped.
     *
     * @param sink may close the channel
     * @return how many were taken
     */
    public int drain(Channel channel, Sink sink) {
        if (!(channel instanceof EpollDatagramChannel epoll)) {
            return 0;
        }
        int taken = 0;
        while (taken < MAX_PER_CALL && epoll.isOpen() && receive(epoll.fd().intValue())) {
            taken++;
            IcmpError error = error();
            InetSocketAddress destination = error == null ? null : destination();
            if (error != null && destination != null) {
                sink.error(destination, error);
            }
        }
        return taken;
    }

    private boolean receive(int fd) {
        name.clear();
        message.clear();
        message.setPointer(MSG_NAME, name);
        message.setInt(MSG_NAMELEN, NAME_BYTES);
        message.setPointer(MSG_CONTROL, control);
        message.setLong(MSG_CONTROLLEN, CONTROL_BYTES);
        // No iovec: the datagram that caused the error is cut to nothing.
        NativeLong n = LibC.get().recvmsg(fd, message, MSG_ERRQUEUE | MSG_DONTWAIT);
        return n.longValue() >= 0;
    }

    private @Nullable IcmpError error() {
        long end = Math.min(message.getLong(MSG_CONTROLLEN), CONTROL_BYTES);
        for (long at = 0; at + CMSG_DATA + EE_BYTES <= end; ) {
            long length = control.getLong(at);
            int level = control.getInt(at + CMSG_LEVEL);
            int type = control.getInt(at + CMSG_TYPE);
            if (level == SOL_IP && type == IP_RECVERR || level == SOL_IPV6 && type == IPV6_RECVERR) {
                long data = at + CMSG_DATA;
                int origin = control.getByte(data + EE_ORIGIN);
                if (origin != ORIGIN_ICMP && origin != ORIGIN_ICMP6) {
                    return null;
                }
                return new IcmpError(
                        origin == ORIGIN_ICMP6,
                        control.getByte(data + EE_TYPE) & 0xff,
                        control.getByte(data + EE_CODE) & 0xff,
                        control.getInt(data));
            }
            if (length < CMSG_DATA) {
                return null;
            }
            at += length + 7 & ~7L;
        }
        return null;
    }

    /** msg_name: struct sockaddr_in (family, port, address) or sockaddr_in6 (family, port, flow, address, scope). */
    private @Nullable InetSocketAddress destination() {
        int family = name.getShort(0);
        if (family != LibC.AF_INET && family != LibC.AF_INET6) {
            return null;
        }
        int port = (name.getByte(2) & 0xff) << 8 | name.getByte(3) & 0xff;
        byte[] address = family == LibC.AF_INET ? name.getByteArray(4, 4) : name.getByteArray(8, 16);
        try {
            return new InetSocketAddress(InetAddress.getByAddress(address), port);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of 4 or 16 bytes", e);
        }
    }
}
