package dev.culvert.tun.libc;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;

/**
 * The C library calls that Netty has no binding for; set-up only, never per packet. Interface mapping,
 * not direct mapping: {@code open}, {@code ioctl} and {@code fcntl} are variadic, which direct mapping
 * cannot express. Read the result first and only then {@link Native#getLastError()}.
 */
public interface LibC extends Library {
    /** Loaded at first use, so that merely naming this type works on any system. */
    final class Holder {
        static final LibC INSTANCE = Native.load("c", LibC.class);

        private Holder() {}
    }

    int O_RDWR = 2;
    int O_NONBLOCK = 0x800;
    int O_CLOEXEC = 0x80000;

    int F_GETFL = 3;
    int F_SETFL = 4;
    int F_SETFD = 2;
    int FD_CLOEXEC = 1;

    int AF_INET = 2;
    int AF_INET6 = 10;
    int SOCK_DGRAM = 2;
    int SOCK_RAW = 3;
    /** Equal to {@link #O_NONBLOCK} and {@link #O_CLOEXEC} on every Linux that Netty has natives for. */
    int SOCK_NONBLOCK = 0x800;

    int SOCK_CLOEXEC = 0x80000;

    int EPERM = 1;
    int ENOENT = 2;
    int EIO = 5;
    int ENXIO = 6;
    int ENOMEM = 12;
    int EACCES = 13;
    int EBUSY = 16;
    int ENODEV = 19;
    int EINVAL = 22;
    int ENOTTY = 25;
    int EBADFD = 77;
    int EPROTONOSUPPORT = 93;
    int EOPNOTSUPP = 95;
    int EAFNOSUPPORT = 97;
    int ENOBUFS = 105;

    int open(String path, int flags, Object... mode);

    int close(int fd);

    int ioctl(int fd, NativeLong request, Object... argument);

    int fcntl(int fd, int command, Object... argument);

    int socket(int family, int type, int protocol);

    int setsockopt(int fd, int level, int name, com.sun.jna.Pointer value, int length);

    NativeLong recvmsg(int fd, com.sun.jna.Pointer message, int flags);

    int setsid();

    String strerror(int errno);

    /** What an errno means, for people. */
    static String text(int errno) {
        return get().strerror(errno) + " (errno " + errno + ")";
    }

    static LibC get() {
        return Holder.INSTANCE;
    }
}
