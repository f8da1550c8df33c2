package dev.culvert.tun.icmp;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import dev.culvert.tun.libc.LibC;
import dev.culvert.tun.libc.NativeLibraries;
import dev.culvert.tun.libc.ProcFile;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDatagramChannel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/**
 * ICMP echo without privilege (Linux: socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), allowed to the groups in
 * the sysctl net.ipv4.ping_group_range, which rules IPv6 too).
 *
 * <h2>What to send</h2>
 * A {@code DatagramPacket} to the host (the port does not matter; 0) whose content is an ICMP echo request
 * without IP header: type 8 (ICMPv6: 128), code 0, checksum, identifier, sequence number, data. Identifier
 * and checksum are overwritten: the identifier by one that is the channel's for its life.
 *
 * <h2>What arrives</h2>
 * A {@code DatagramPacket} from the answering host (port 0) whose content is an ICMP echo reply without
 * IP header: type 0 (ICMPv6: 129), code 0, checksum, the channel's identifier, the request's sequence
 * number and data. Only replies to this channel's identifier arrive, and no ICMP errors. Put back the
 * identifier, and the checksum with it, before passing a reply on. Who receives the packet releases it.
 */
public final class PingSockets {
    private static final int IPPROTO_ICMP = 1;
    private static final int IPPROTO_ICMPV6 = 58;
    private static final int ECHO_REQUEST_V4 = 8;
    private static final int ECHO_REQUEST_V6 = 128;
    private static final int SOL_RAW = 255;
    private static final int ICMP_FILTER = 1;
    private static final int ICMP6_FILTER = 1;
    private static final int ICMP6_FILTER_BYTES = 32;

    private static final Path GROUP_RANGE = Path.of("/proc/sys/net/ipv4/ping_group_range");

    private PingSockets() {}

    /**
     * Opens a socket for echo requests; register the channel on an epoll event loop. Where the group range
     * forbids, but the process may open raw sockets, a raw one behaves the same through a handler that is
     * first in the pipeline.
     *
     * @throws PingUnavailableException if the process may neither
     */
    public static EpollDatagramChannel open(boolean ipv6) throws PingUnavailableException {
        String problem = NativeLibraries.problem();
        if (problem != null) {
            throw new PingUnavailableException("open an echo socket: " + problem);
        }
        int family = ipv6 ? LibC.AF_INET6 : LibC.AF_INET;
        int protocol = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        int flags = LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC;
        LibC c = LibC.get();
        int fd = c.socket(family, LibC.SOCK_DGRAM | flags, protocol);
        if (fd >= 0) {
            return new EpollDatagramChannel(fd);
        }
        int errno = Native.getLastError();
        if (errno == LibC.EACCES || errno == LibC.EPERM) {
            fd = c.socket(family, LibC.SOCK_RAW | flags, protocol);
            if (fd >= 0) {
                return raw(fd, ipv6);
            }
        }
        throw unavailable(ipv6, errno);
    }

    /**
     * Which echo request an ICMP error is about.
     *
     * @param quoted what {@link IcmpErrorQueue} gives
     * @return the request's sequence number; -1 when that is not known, or the request was not this channel's
     */
    public static int quotedSequence(Channel channel, ByteBuf quoted) {
        int start = quoted.readerIndex();
        if (quoted.readableBytes() < RawPingHandler.ICMP_HEADER) {
            return -1;
        }
        int type = quoted.getUnsignedByte(start);
        RawPingHandler raw = channel.pipeline().get(RawPingHandler.class);
        boolean ours = raw == null || quoted.getUnsignedShort(start + RawPingHandler.IDENTIFIER) == raw.identifier();
        return ours && (type == ECHO_REQUEST_V4 || type == ECHO_REQUEST_V6)
                ? quoted.getUnsignedShort(start + RawPingHandler.SEQUENCE)
                : -1;
    }

    private static EpollDatagramChannel raw(int fd, boolean ipv6) {
        onlyEchoReplies(fd, ipv6);
        EpollDatagramChannel channel = new EpollDatagramChannel(fd);
        int identifier = ThreadLocalRandom.current().nextInt(1, 1 << 16);
        channel.pipeline().addFirst(new RawPingHandler(ipv6, identifier));
        return channel;
    }

    /** A raw socket sees all ICMP of the host; the kernel filters cheaper than we do, who check again. */
    private static void onlyEchoReplies(int fd, boolean ipv6) {
        LibC c = LibC.get();
        if (ipv6) {
            try (Memory blocked = new Memory(ICMP6_FILTER_BYTES)) {
                blocked.setMemory(0, ICMP6_FILTER_BYTES, (byte) 0xff);
                int word = RawPingHandler.ECHO_REPLY_V6 / 32 * Integer.BYTES;
                blocked.setInt(word, ~(1 << (RawPingHandler.ECHO_REPLY_V6 % 32)));
                c.setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, blocked, ICMP6_FILTER_BYTES);
            }
        } else {
            try (Memory blocked = new Memory(Integer.BYTES)) {
                blocked.setInt(0, ~(1 << RawPingHandler.ECHO_REPLY_V4));
                c.setsockopt(fd, SOL_RAW, ICMP_FILTER, blocked, Integer.BYTES);
            }
        }
    }

    private static PingUnavailableException unavailable(boolean ipv6, int errno) {
        String operation = "open an " + (ipv6 ? "ICMPv6" : "ICMP") + " echo socket: " + LibC.text(errno);
        if (errno != LibC.EACCES && errno != LibC.EPERM) {
            boolean missing = errno == LibC.EAFNOSUPPORT || errno == LibC.EPROTONOSUPPORT;
            return new PingUnavailableException(
                    operation
                            + (missing
                                    ? "; this kernel has it switched off, enable the protocol"
                                    : "; check the limit of open files (ulimit -n)"),
                    !missing);
        }
        String range;
        try {
            range = ProcFile.read(GROUP_RANGE).replaceAll("\\s+", " ");
        } catch (IOException e) {
            range = "unknown";
        }
        return new PingUnavailableException(operation + "; net.ipv4.ping_group_range is \"" + range
                + "\" and leaves out this process's groups: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"");
    }
}
