package dev.culvert.tun.macos;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.NativeLongByReference;
import org.jspecify.annotations.Nullable;

/**
 * The calls of libSystem that Netty has no binding for; set-up only, never per packet. Interface mapping, not direct mapping: {@code
 * ioctl} and {@code fcntl} are variadic, and Apple's arm64 passes variadic arguments on the stack, others in registers. Read the
 * result first and only then {@link Native#getLastError()}.
 */
interface DarwinC extends Library {
    /** Loaded at first use. */
    final class Holder {
        static final DarwinC INSTANCE = Native.load("System", DarwinC.class);

        private Holder() {}
    }

    int socket(int family, int type, int protocol);

    int close(int fd);

    int connect(int fd, Pointer address, int length);

    int ioctl(int fd, NativeLong request, Object... argument);

    int fcntl(int fd, int command, Object... argument);

    int getsockopt(int fd, int level, int name, Pointer value, IntByReference length);

    int setsockopt(int fd, int level, int name, Pointer value, int length);

    NativeLong read(int fd, Pointer buffer, NativeLong size);

    int poll(Pointer descriptors, int count, int millis);

    int sysctl(
            int[] name,
            int count,
            @Nullable Pointer old,
            NativeLongByReference oldSize,
            @Nullable Pointer fresh,
            NativeLong freshSize);

    String strerror(int errno);

    static DarwinC get() {
        return Holder.INSTANCE;
    }
}
