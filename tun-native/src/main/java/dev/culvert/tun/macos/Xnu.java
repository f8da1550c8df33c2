package dev.culvert.tun.macos;

import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;

/**
 * Numbers and structures of macOS's kernel, as its public headers have them: apple-oss-distributions/xnu, the file and the line
 * beside each (of the headers as of xnu-11417, except where said). They are the same on x86-64 and arm64.
 */
final class Xnu {
    /** bsd/sys/socket.h, AF_INET. */
    static final int AF_INET = 2;

    /** bsd/sys/socket.h, AF_INET6: not Linux's 10. */
    static final int AF_INET6 = 30;

    /** bsd/sys/socket.h, AF_SYSTEM, PF_SYSTEM. */
    static final int AF_SYSTEM = 32;

    /** bsd/sys/socket.h, SOCK_DGRAM. */
    static final int SOCK_DGRAM = 2;

    /** bsd/sys/socket.h, PF_ROUTE, SOCK_RAW. */
    static final int PF_ROUTE = 17;

    static final int SOCK_RAW = 3;

    /** bsd/sys/sysctl.h, CTL_NET. */
    static final int CTL_NET = 4;

    /** bsd/sys/socket.h, NET_RT_DUMP, NET_RT_IFLIST2. */
    static final int NET_RT_DUMP = 1;

    static final int NET_RT_IFLIST2 = 6;

    /** bsd/sys/poll.h, POLLIN; struct pollfd is int fd, short events, short revents. */
    static final int POLLIN = 1;

    /** bsd/sys/sys_domain.h, SYSPROTO_CONTROL; a protocol, and the level of its options. */
    static final int SYSPROTO_CONTROL = 2;

    /** bsd/sys/sys_domain.h, AF_SYS_CONTROL. */
    static final int AF_SYS_CONTROL = 2;

    /** bsd/sys/socket.h, SOL_SOCKET: not Linux's 1. */
    static final int SOL_SOCKET = 0xffff;

    /** bsd/sys/socket.h, SO_RCVBUF. */
    static final int SO_RCVBUF = 0x1002;

    /** bsd/sys/fcntl.h, F_SETFD, F_GETFL, F_SETFL, FD_CLOEXEC, O_NONBLOCK. */
    static final int F_SETFD = 2;

    static final int F_GETFL = 3;
    static final int F_SETFL = 4;
    static final int FD_CLOEXEC = 1;
    static final int O_NONBLOCK = 4;

    /** bsd/net/if_utun.h:49, UTUN_CONTROL_NAME. */
    static final String UTUN_CONTROL_NAME = "com.apple.net.utun_control";

    /** bsd/net/if_utun.h:55, UTUN_OPT_IFNAME. */
    static final int UTUN_OPT_IFNAME = 2;

    /** bsd/net/if_utun.h:61, UTUN_OPT_MAX_PENDING_PACKETS: a u_int32_t, not 0. */
    static final int UTUN_OPT_MAX_PENDING_PACKETS = 16;

    /** bsd/sys/kern_control.h:95, CTLIOCGINFO: _IOWR('N', 3, struct ctl_info), of 100 bytes. */
    static final long CTLIOCGINFO = 0xC064_4E03L;

    /** bsd/sys/sockio.h, SIOCGIFMTU: _IOWR('i', 51, struct ifreq), of 32 bytes. */
    static final long SIOCGIFMTU = 0xC020_6933L;

    /** bsd/sys/sockio.h, SIOCSIFMTU: _IOW('i', 52, struct ifreq). */
    static final long SIOCSIFMTU = 0x8020_6934L;

    /** bsd/net/if.h, IFNAMSIZ. */
    static final int IFNAMSIZ = 16;

    /** bsd/sys/event.h, EVFILT_READ, EVFILT_WRITE. */
    static final short EVFILT_READ = -1;

    static final short EVFILT_WRITE = -2;

    /** bsd/sys/event.h, EV_ADD, EV_DELETE, EV_ENABLE; without EV_CLEAR an event is told as long as it holds. */
    static final short EV_ADD = 0x1;

    static final short EV_DELETE = 0x2;
    static final short EV_ENABLE = 0x4;

    /** bsd/sys/errno.h; from 35 on they are not Linux's. */
    static final int EPERM = 1;

    static final int ENOENT = 2;
    static final int EINTR = 4;
    static final int ENXIO = 6;
    static final int ENOMEM = 12;
    static final int EBUSY = 16;
    static final int EINVAL = 22;
    static final int ENOSPC = 28;
    static final int EPIPE = 32;
    static final int ENETDOWN = 50;
    static final int ENOBUFS = 55;
    static final int ENOTCONN = 57;

    private Xnu() {}

    /** bsd/sys/kern_control.h:115, struct ctl_info. */
    @FieldOrder({"id", "name"})
    public static final class CtlInfo extends Structure {
        /** The kernel says it. */
        public int id;

        /** Ends with a zero byte; MAX_KCTL_NAME, line 102. */
        public byte[] name = new byte[96];
    }

    /** bsd/sys/kern_control.h:138, struct sockaddr_ctl. */
    @FieldOrder({"length", "family", "sysaddr", "id", "unit", "reserved"})
    public static final class SockaddrCtl extends Structure {
        public byte length;
        public byte family;
        public short sysaddr;
        public int id;

        /** utunN is unit N + 1; 0 for the first that is free. */
        public int unit;

        public int[] reserved = new int[5];
    }

    /** bsd/net/if.h, struct ifreq, with ifr_mtu of its union of 16 bytes. */
    @FieldOrder({"name", "mtu", "rest"})
    public static final class Ifreq extends Structure {
        public byte[] name = new byte[IFNAMSIZ];
        public int mtu;
        public int[] rest = new int[3];
    }
}
