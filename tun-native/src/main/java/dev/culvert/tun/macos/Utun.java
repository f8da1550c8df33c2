package dev.culvert.tun.macos;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.ptr.IntByReference;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.device.TunOffloads;
import dev.culvert.tun.device.UnixTunDevice;
import dev.culvert.tun.libc.NativeLibraries;
import io.netty.channel.kqueue.KQueue;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A macOS utun interface: a socket that is connected to the kernel control of that name (xnu, bsd/net/if_utun.c). The interface lives as
 * long as the socket, so nothing of it outlives the process. It has no offload.
 */
public final class Utun implements UnixTunDevice {
    private static final Logger log = LoggerFactory.getLogger(Utun.class);

    /** The kernel gives as much of it as kern.ipc.maxsockbuf allows, 8 MiB where nobody has changed that. */
    private static final int RECEIVE_BUFFER_BYTES = 8 << 20;

    private static final Pattern NUMBERED = Pattern.compile("utun(0|[1-9][0-9]{0,5})");

    private final String name;
    private final int mtu;
    private final FileDescriptor fd;

    private Utun(String name, int mtu, FileDescriptor fd) {
        this.name = name;
        this.mtu = mtu;
        this.fd = fd;
    }

    /**
     * Makes an interface: utunN if it is named so, the first that is free if the name is a pattern. An existing descriptor is one that is
     * connected already.
     *
     * @throws TunException in one line: what failed and what mends it
     */
    public static Utun open(TunConfig config) throws TunException {
        String problem = NativeLibraries.problem(
                "Netty's kqueue library",
                KQueue.isAvailable() ? null : KQueue.unavailabilityCause(),
                () -> DarwinC.get() != null);
        if (problem != null) {
            throw new TunException("open tun " + config.name() + ": " + problem);
        }
        return open(config, DarwinC.get());
    }

    static Utun open(TunConfig config, DarwinC c) throws TunException {
        int unit = unit(config.name());
        boolean given = config.existingFd().isPresent();
        int fd = given ? config.existingFd().getAsInt() : c.socket(Xnu.AF_SYSTEM, Xnu.SOCK_DGRAM, Xnu.SYSPROTO_CONTROL);
        if (fd < 0) {
            throw failed("open a system control socket", c, "check the limit of open files (ulimit -n)");
        }
        boolean done = false;
        try {
            if (!given) {
                connect(fd, config.name(), unit, c);
            }
            Utun device = configure(fd, config, c);
            done = true;
            return device;
        } finally {
            if (!done) {
                c.close(fd);
            }
        }
    }

    /** The unit to ask for: the interface's number and one, or 0 for any. */
    static int unit(String name) throws TunException {
        if (name.equals(TunConfig.DEFAULT_NAME) || name.equals("utun") || name.equals("utun%d")) {
            return 0;
        }
        if (!NUMBERED.matcher(name).matches()) {
            throw new TunException("open tun " + name
                    + ": macOS calls such interfaces utun and a number; leave the name out, or choose one as utun7");
        }
        return Integer.parseInt(name.substring("utun".length())) + 1;
    }

    private static void connect(int fd, String name, int unit, DarwinC c) throws TunException {
        Xnu.CtlInfo info = new Xnu.CtlInfo();
        byte[] control = Xnu.UTUN_CONTROL_NAME.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(control, 0, info.name, 0, control.length);
        info.write();
        if (c.ioctl(fd, new NativeLong(Xnu.CTLIOCGINFO), info.getPointer()) < 0) {
            throw failed(
                    "find the kernel control " + Xnu.UTUN_CONTROL_NAME, c, "it is part of every macOS since 10.6.8");
        }
        info.read();
        Xnu.SockaddrCtl address = new Xnu.SockaddrCtl();
        address.length = (byte) address.size();
        address.family = (byte) Xnu.AF_SYSTEM;
        address.sysaddr = (short) Xnu.AF_SYS_CONTROL;
        address.id = info.id;
        address.unit = unit;
        address.write();
        if (c.connect(fd, address.getPointer(), address.size()) < 0) {
            int errno = Native.getLastError();
            String remedy = switch (errno) {
                case Xnu.EPERM -> "run with sudo";
                case Xnu.EBUSY -> "another program has it; choose another number, or leave the name out";
                default -> "see the kernel's log (log show --last 1m) for the cause";
            };
            throw failed("make tun " + (unit == 0 ? "utun" : name), errno, c, remedy);
        }
    }

    private static Utun configure(int fd, TunConfig config, DarwinC c) throws TunException {
        String name = name(fd, c);
        int flags = c.fcntl(fd, Xnu.F_GETFL);
        if (c.fcntl(fd, Xnu.F_SETFD, Xnu.FD_CLOEXEC) < 0
                || flags < 0
                || c.fcntl(fd, Xnu.F_SETFL, flags | Xnu.O_NONBLOCK) < 0) {
            throw failed("set the flags of tun " + name, c, "report this");
        }
        try (Memory value = new Memory(Integer.BYTES)) {
            // Else the kernel holds one packet for us, and drops the others of a burst.
            value.setInt(0, config.txQueueLength());
            int queue = c.setsockopt(fd, Xnu.SYSPROTO_CONTROL, Xnu.UTUN_OPT_MAX_PENDING_PACKETS, value, Integer.BYTES);
            value.setInt(0, RECEIVE_BUFFER_BYTES);
            if (queue < 0 || c.setsockopt(fd, Xnu.SOL_SOCKET, Xnu.SO_RCVBUF, value, Integer.BYTES) < 0) {
                log.warn("tun {} keeps a short queue: {}", name, text(Native.getLastError(), c));
            }
        }
        int mtu = mtu(name, config.mtu(), c);
        log.info("tun {} is open: mtu {}, {}", name, mtu, TunOffloads.NONE);
        return new Utun(name, mtu, new FileDescriptor(fd));
    }

    private static String name(int fd, DarwinC c) throws TunException {
        try (Memory value = new Memory(Xnu.IFNAMSIZ)) {
            value.clear();
            IntByReference length = new IntByReference(Xnu.IFNAMSIZ);
            if (c.getsockopt(fd, Xnu.SYSPROTO_CONTROL, Xnu.UTUN_OPT_IFNAME, value, length) < 0) {
                throw failed("ask for the name of a tun", c, "pass a descriptor that is connected to utun's control");
            }
            return value.getString(0, "US-ASCII");
        }
    }

    private static int mtu(String name, int wanted, DarwinC c) throws TunException {
        int socket = c.socket(Xnu.AF_INET, Xnu.SOCK_DGRAM, 0);
        if (socket < 0) {
            throw failed("set mtu of tun " + name + ": socket", c, "check the limit of open files (ulimit -n)");
        }
        try {
            Xnu.Ifreq request = new Xnu.Ifreq();
            byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
            System.arraycopy(ascii, 0, request.name, 0, Math.min(ascii.length, Xnu.IFNAMSIZ - 1));
            request.mtu = wanted;
            request.write();
            if (c.ioctl(socket, new NativeLong(Xnu.SIOCSIFMTU), request.getPointer()) >= 0) {
                return wanted;
            }
            int refused = Native.getLastError();
            if (c.ioctl(socket, new NativeLong(Xnu.SIOCGIFMTU), request.getPointer()) < 0) {
                throw failed("read mtu of tun " + name, c, "report this");
            }
            request.read();
            log.warn("tun {} keeps mtu {} instead of {}: {}", name, request.mtu, wanted, text(refused, c));
            return request.mtu;
        } finally {
            c.close(socket);
        }
    }

    private static TunException failed(String what, DarwinC c, String remedy) {
        return failed(what, Native.getLastError(), c, remedy);
    }

    private static TunException failed(String what, int errno, DarwinC c, String remedy) {
        return new TunException(what + ": " + text(errno, c) + "; " + remedy, errno);
    }

    private static String text(int errno, DarwinC c) {
        return c.strerror(errno) + " (errno " + errno + ")";
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
        return TunOffloads.NONE;
    }

    @Override
    public FileDescriptor fd() {
        return fd;
    }

    @Override
    public TunChannel newChannel() {
        return new UtunChannel(this, new KQueueWatch());
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
        return "Utun(" + name + ", fd=" + fd.intValue() + ")";
    }
}
