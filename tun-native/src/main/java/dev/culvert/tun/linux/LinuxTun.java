package dev.culvert.tun.linux;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.device.TunOffloads;
import dev.culvert.tun.device.UnixTunDevice;
import dev.culvert.tun.device.VirtioNetHeader;
import dev.culvert.tun.libc.LibC;
import dev.culvert.tun.libc.NativeLibraries;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Linux TUN interface by way of {@code /dev/net/tun} (kernel: Documentation/networking/tuntap.rst,
 * include/uapi/linux/if_tun.h).
 */
public final class LinuxTun implements UnixTunDevice {
    private static final Logger log = LoggerFactory.getLogger(LinuxTun.class);

    static final String CLONE_DEVICE = "/dev/net/tun";

    private static final long TUNSETIFF = 0x400454CAL;
    private static final long TUNSETOFFLOAD = 0x400454D0L;
    private static final long TUNGETIFF = 0x800454D2L;
    private static final long TUNSETVNETHDRSZ = 0x400454D8L;
    private static final long SIOCGIFMTU = 0x8921L;
    private static final long SIOCSIFMTU = 0x8922L;
    private static final long SIOCGIFTXQLEN = 0x8942L;
    private static final long SIOCSIFTXQLEN = 0x8943L;

    private static final int IFF_TUN = 0x0001;
    private static final int IFF_MULTI_QUEUE = 0x0100;
    private static final int IFF_NO_PI = 0x1000;
    private static final int IFF_VNET_HDR = 0x4000;

    private static final int TUN_F_CSUM = 0x01;
    private static final int TUN_F_TSO4 = 0x02;
    private static final int TUN_F_TSO6 = 0x04;
    /** The kernel accepts USO4 only together with USO6. */
    private static final int TUN_F_USO = 0x20 | 0x40;

    private static final int TCP_OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

    /** sizeof(struct ifreq) on 64-bit Linux: 16 bytes of name, 24 of union. */
    private static final int IFREQ_BYTES = 40;

    private static final int IFREQ_UNION = 16;

    private final String name;
    private final int mtu;
    private final TunOffloads offloads;
    private final FileDescriptor fd;

    private LinuxTun(String name, int mtu, TunOffloads offloads, FileDescriptor fd) {
        this.name = name;
        this.mtu = mtu;
        this.offloads = offloads;
        this.fd = fd;
    }

    public static LinuxTun open(TunConfig config) throws TunException {
        String problem = NativeLibraries.problem();
        if (problem != null) {
            // Not only the channel needs the natives: the descriptor is closed through them.
            throw new TunException("open tun " + config.name() + ": " + problem);
        }
        boolean given = config.existingFd().isPresent();
        int fd = given ? config.existingFd().getAsInt() : openCloneDevice(config.name());
        boolean done = false;
        try {
            LinuxTun device = given ? adopt(fd, config) : attach(fd, config);
            done = true;
            return device;
        } finally {
            if (!done) {
                LibC.get().close(fd);
            }
        }
    }

    private static int openCloneDevice(String name) throws TunException {
        int fd = LibC.get().open(CLONE_DEVICE, LibC.O_RDWR | LibC.O_CLOEXEC | LibC.O_NONBLOCK);
        if (fd >= 0) {
            return fd;
        }
        int errno = Native.getLastError();
        String failed = "open " + CLONE_DEVICE + (name.contains("%") ? "" : " for tun " + name) + ": "
                + LibC.text(errno) + "; ";
        switch (errno) {
            case LibC.ENOENT, LibC.ENODEV, LibC.ENXIO:
                throw new TunException(
                        failed + "load the driver with: modprobe tun (in a container: --device /dev/net/tun)", errno);
            case LibC.EACCES, LibC.EPERM:
                throw new TunException(
                        failed + "run with sudo (for --tun, which needs no root, let this user open it: chmod 0666 "
                                + CLONE_DEVICE + ")",
                        errno);
            default:
                throw new TunException(failed + "check the limit of open files (ulimit -n)", errno);
        }
    }

    private static LinuxTun attach(int fd, TunConfig config) throws TunException {
        int flags = IFF_TUN | IFF_NO_PI | (config.offload() ? IFF_VNET_HDR : 0);
        try (Memory ifreq = new Memory(IFREQ_BYTES)) {
            int errno = setInterface(fd, ifreq, config.name(), flags);
            if (errno == LibC.EINVAL && (flags & IFF_VNET_HDR) != 0) {
                flags &= ~IFF_VNET_HDR;
                errno = setInterface(fd, ifreq, config.name(), flags);
            }
            if (errno == LibC.EINVAL) {
                // A persistent TUN made with "multi_queue" refuses an attachment without that flag. One
                // queue of it serves: several readers of one interface reorder flows.
                flags = IFF_TUN | IFF_NO_PI | (config.offload() ? IFF_VNET_HDR : 0) | IFF_MULTI_QUEUE;
                errno = setInterface(fd, ifreq, config.name(), flags);
            }
            if (errno != 0) {
                throw attachFailed(config.name(), errno);
            }
            return configure(fd, ifreq, config, (flags & IFF_VNET_HDR) != 0);
        }
    }

    private static LinuxTun adopt(int fd, TunConfig config) throws TunException {
        LibC c = LibC.get();
        try (Memory ifreq = new Memory(IFREQ_BYTES)) {
            ifreq.clear();
            if (c.ioctl(fd, new NativeLong(TUNGETIFF), ifreq) < 0) {
                int errno = Native.getLastError();
                throw new TunException(
                        "use fd " + fd + " as a tun: " + LibC.text(errno) + "; pass a descriptor of " + CLONE_DEVICE
                                + " on which TUNSETIFF was done",
                        errno);
            }
            int flags = ifreq.getShort(IFREQ_UNION) & 0xffff;
            if ((flags & IFF_TUN) == 0 || (flags & IFF_NO_PI) == 0) {
                throw new TunException("use fd " + fd + " as a tun: its flags 0x" + Integer.toHexString(flags)
                        + " are not IFF_TUN|IFF_NO_PI; open it with those");
            }
            int status = c.fcntl(fd, LibC.F_GETFL);
            if (status < 0
                    || c.fcntl(fd, LibC.F_SETFL, status | LibC.O_NONBLOCK) < 0
                    || c.fcntl(fd, LibC.F_SETFD, LibC.FD_CLOEXEC) < 0) {
                int errno = Native.getLastError();
                throw new TunException(
                        "make fd " + fd + " non-blocking: " + LibC.text(errno) + "; pass an open one", errno);
            }
            return configure(fd, ifreq, config, (flags & IFF_VNET_HDR) != 0);
        }
    }

    /** Returns 0 or the errno; the kernel writes the name it chose into {@code ifreq}. */
    private static int setInterface(int fd, Memory ifreq, String name, int flags) {
        putName(ifreq, name);
        ifreq.setShort(IFREQ_UNION, (short) flags);
        return LibC.get().ioctl(fd, new NativeLong(TUNSETIFF), ifreq) < 0 ? Native.getLastError() : 0;
    }

    private static void putName(Memory ifreq, String name) {
        ifreq.clear();
        byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
        ifreq.write(0, bytes, 0, bytes.length);
    }

    private static TunException attachFailed(String name, int errno) {
        String failed = "create tun " + name + ": " + LibC.text(errno) + "; ";
        String remedy;
        switch (errno) {
            case LibC.EPERM:
                remedy = "run as root (CAP_NET_ADMIN), or make it beforehand with: ip tuntap add dev "
                        + name.replace("%d", "0")
                        + " mode tun user \"$USER\"";
                break;
            case LibC.EBUSY:
                remedy = "another process has it open; stop that one or choose another name";
                break;
            case LibC.EINVAL:
                remedy = "an interface of that name exists and is not a TUN; choose another name";
                break;
            default:
                remedy = "see the kernel log (dmesg) for the cause";
                break;
        }
        return new TunException(failed + remedy, errno);
    }

    private static LinuxTun configure(int fd, Memory ifreq, TunConfig config, boolean vnetHeader) throws TunException {
        String name = ifreq.getString(0, "US-ASCII");
        TunOffloads offloads = negotiate(fd, name, vnetHeader, config.offload());
        int mtu = link(name, ifreq, config);
        log.info("tun {} is open: mtu {}, {}", name, mtu, offloads);
        return new LinuxTun(name, mtu, offloads, new FileDescriptor(fd));
    }

    private static TunOffloads negotiate(int fd, String name, boolean vnetHeader, boolean wanted) throws TunException {
        LibC c = LibC.get();
        if (!vnetHeader) {
            // Without the header no packet may arrive unfinished; an adopted or persistent device might
            // still be set to.
            c.ioctl(fd, new NativeLong(TUNSETOFFLOAD), new NativeLong(0));
            return TunOffloads.NONE;
        }
        try (Memory size = new Memory(Integer.BYTES)) {
            size.setInt(0, VirtioNetHeader.LENGTH);
            if (c.ioctl(fd, new NativeLong(TUNSETVNETHDRSZ), size) < 0) {
                int errno = Native.getLastError();
                throw new TunException(
                        "set the vnet header of tun " + name + " to " + VirtioNetHeader.LENGTH + " bytes: "
                                + LibC.text(errno) + "; open it with offload off",
                        errno);
            }
        }
        int[] attempts = wanted ? new int[] {TCP_OFFLOADS | TUN_F_USO, TCP_OFFLOADS, 0} : new int[] {0};
        for (int features : attempts) {
            // The argument is a value, not a pointer.
            if (c.ioctl(fd, new NativeLong(TUNSETOFFLOAD), new NativeLong(features)) >= 0) {
                return new TunOffloads(
                        true,
                        (features & TUN_F_CSUM) != 0,
                        (features & TUN_F_TSO4) != 0,
                        (features & TUN_F_TSO6) != 0,
                        (features & TUN_F_USO) != 0);
            }
        }
        return new TunOffloads(true, false, false, false, false);
    }

    /** Sets MTU and queue length where this process may, and returns the MTU that holds. */
    private static int link(String name, Memory ifreq, TunConfig config) throws TunException {
        LibC c = LibC.get();
        int socket = c.socket(LibC.AF_INET, LibC.SOCK_DGRAM | LibC.SOCK_CLOEXEC, 0);
        if (socket < 0) {
            int errno = Native.getLastError();
            throw new TunException(
                    "set mtu of tun " + name + ": socket: " + LibC.text(errno) + "; see ulimit -n", errno);
        }
        try {
            set(socket, name, ifreq, SIOCGIFTXQLEN, SIOCSIFTXQLEN, config.txQueueLength(), "txqueuelen");
            return set(socket, name, ifreq, SIOCGIFMTU, SIOCSIFMTU, config.mtu(), "mtu");
        } finally {
            c.close(socket);
        }
    }

    private static int set(int socket, String name, Memory ifreq, long getter, long setter, int wanted, String what)
            throws TunException {
        LibC c = LibC.get();
        putName(ifreq, name);
        if (c.ioctl(socket, new NativeLong(getter), ifreq) < 0) {
            int errno = Native.getLastError();
            throw new TunException(
                    "read " + what + " of tun " + name + ": " + LibC.text(errno)
                            + "; was its descriptor opened in another network namespace?",
                    errno);
        }
        int now = ifreq.getInt(IFREQ_UNION);
        if (now == wanted) {
            return now;
        }
        putName(ifreq, name);
        ifreq.setInt(IFREQ_UNION, wanted);
        if (c.ioctl(socket, new NativeLong(setter), ifreq) < 0) {
            // An unprivileged process attaches to an interface that its administrator has set up.
            log.warn(
                    "tun {} keeps {} {} instead of {}: {}; set it as root with: ip link set dev {} {} {}",
                    name,
                    what,
                    now,
                    wanted,
                    LibC.text(Native.getLastError()),
                    name,
                    what,
                    wanted);
            return now;
        }
        return wanted;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public TunOffloads offloads() {
        return offloads;
    }

    @Override
    public FileDescriptor fd() {
        return fd;
    }

    @Override
    public TunChannel newChannel() {
        return new EpollTunChannel(this);
    }

    @Override
    public boolean isOpen() {
        return fd.isOpen();
    }

    @Override
    public void close() throws IOException {
        fd.close();
    }

    @Override
    public String toString() {
        return "LinuxTun(" + name + ", fd=" + fd.intValue() + ")";
    }
}
