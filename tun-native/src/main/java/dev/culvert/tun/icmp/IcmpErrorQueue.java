package dev.culvert.tun.icmp;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import dev.culvert.tun.libc.LibC;
import dev.culvert.tun.libc.NativeLibraries;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
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
         * @param quoted the beginning of what was sent, as much as came back, at most 64 bytes: a datagram's content, or
         *     an echo request with its ICMP header. Good for this call only
         */
        void error(InetSocketAddress destination, IcmpError error, ByteBuf quoted);
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
    private static final int MSG_IOV = 16;
    private static final int MSG_IOVLEN = 24;
    private static final int MSG_CONTROL = 32;
    private static final int MSG_CONTROLLEN = 40;
    private static final int MSGHDR_BYTES = 56;

    /** struct iovec of LP64: base, length. */
    private static final int IOVEC_BYTES = 16;

    /** struct cmsghdr of LP64: size_t length with header, int level, int type; then data, aligned to 8. */
    private static final int CMSG_LEVEL = 8;

    private static final int CMSG_TYPE = 12;
    private static final int CMSG_DATA = 16;

    /**
     * struct sock_extended_err, linux/errqueue.h: u32 errno, u8 origin, u8 type, u8 code, u8 pad, u32 info (the MTU), u32
     * data; behind it the offender as a sockaddr.
     */
    private static final int EE_ORIGIN = 4;

    private static final int EE_TYPE = 5;
    private static final int EE_CODE = 6;
    private static final int EE_INFO = 8;
    private static final int EE_BYTES = 16;
    private static final int ORIGIN_ICMP = 2;
    private static final int ORIGIN_ICMP6 = 3;

    private static final int NAME_BYTES = 28; // struct sockaddr_in6
    private static final int IPV4_NAME_BYTES = 16; // struct sockaddr_in
    private static final int CONTROL_BYTES = 512;

    /** Of what was sent: an echo's header, and what tells a datagram from others to the same port. */
    private static final int QUOTED_BYTES = 64;

    /** Errors taken in one call; a flood of them leaves the loop its other work, and epoll calls again. */
    private static final int MAX_PER_CALL = 256;

    private final Memory message = new Memory(MSGHDR_BYTES);
    private final Memory name = new Memory(NAME_BYTES);
    private final Memory control = new Memory(CONTROL_BYTES);
    private final Memory vector = new Memory(IOVEC_BYTES);
    private final Memory data = new Memory(QUOTED_BYTES);
    private final ByteBuf quoted = Unpooled.wrappedBuffer(data.getByteBuffer(0, QUOTED_BYTES));

    /** Whether this system has error queues; elsewhere there is nothing to construct. */
    public static boolean isAvailable() {
        return NativeLibraries.areLoaded() && Native.POINTER_SIZE == 8;
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
                sink.error(destination, error, quoted);
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
        vector.setPointer(0, data);
        vector.setLong(Native.POINTER_SIZE, QUOTED_BYTES);
        message.setPointer(MSG_IOV, vector);
        message.setLong(MSG_IOVLEN, 1);
        long n = LibC.get().recvmsg(fd, message, MSG_ERRQUEUE | MSG_DONTWAIT).longValue();
        quoted.setIndex(0, (int) Math.max(0, Math.min(n, QUOTED_BYTES)));
        return n >= 0;
    }

    private @Nullable IcmpError error() {
        long end = Math.min(message.getLong(MSG_CONTROLLEN), CONTROL_BYTES);
        for (long at = 0; at + CMSG_DATA + EE_BYTES <= end; ) {
            long length = control.getLong(at);
            int level = control.getInt(at + CMSG_LEVEL);
            int type = control.getInt(at + CMSG_TYPE);
            if (level == SOL_IP && type == IP_RECVERR || level == SOL_IPV6 && type == IPV6_RECVERR) {
                long error = at + CMSG_DATA;
                int origin = control.getByte(error + EE_ORIGIN);
                if (origin != ORIGIN_ICMP && origin != ORIGIN_ICMP6) {
                    return null;
                }
                boolean offender = length >= CMSG_DATA + EE_BYTES + IPV4_NAME_BYTES;
                return new IcmpError(
                        origin == ORIGIN_ICMP6,
                        control.getByte(error + EE_TYPE) & 0xff,
                        control.getByte(error + EE_CODE) & 0xff,
                        control.getInt(error),
                        control.getInt(error + EE_INFO),
                        offender ? address(control, error + EE_BYTES) : null);
            }
            if (length < CMSG_DATA) {
                return null;
            }
            at += length + 7 & ~7L;
        }
        return null;
    }

    private @Nullable InetSocketAddress destination() {
        InetAddress address = address(name, 0);
        int port = (name.getByte(2) & 0xff) << 8 | name.getByte(3) & 0xff;
        return address == null ? null : new InetSocketAddress(address, port);
    }

    /** Of a struct sockaddr_in (family, port, address) or sockaddr_in6 (family, port, flow, address, scope). */
    private static @Nullable InetAddress address(Pointer name, long at) {
        int family = name.getShort(at);
        if (family != LibC.AF_INET && family != LibC.AF_INET6) {
            return null;
        }
        try {
            return InetAddress.getByAddress(
                    family == LibC.AF_INET ? name.getByteArray(at + 4, 4) : name.getByteArray(at + 8, 16));
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of 4 or 16 bytes", e);
        }
    }
}
