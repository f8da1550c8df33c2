package dev.culvert.tun.windows;

import com.sun.jna.Callback;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The functions of wintun.dll that we use (wintun.h, version 0.14). Direct mapping, as four of them are called for each packet: a
 * {@code long} is a pointer or a handle, so this is for 64-bit processes, where there is one calling convention. Read the result
 * first and only then {@link Native#getLastError()}.
 */
final class Wintun {
    /** WINTUN_MIN_RING_CAPACITY, WINTUN_MAX_RING_CAPACITY; a power of two. */
    static final int MIN_RING_CAPACITY = 0x20000;

    static final int MAX_RING_CAPACITY = 0x4000000;

    /** WINTUN_MAX_IP_PACKET_SIZE. */
    static final int MAX_IP_PACKET_SIZE = 0xFFFF;

    /** WINTUN_LOGGER_LEVEL. */
    static final int LOG_INFO = 0;

    static final int LOG_WARN = 1;
    static final int LOG_ERR = 2;

    private static boolean loaded;

    private Wintun() {}

    /** WINTUN_LOGGER_CALLBACK. Called on any thread; the message is a wide string, good for the call. */
    interface Logger extends Callback {
        void invoke(int level, long timestamp, Pointer message);
    }

    /**
     * Loads the library; a second time does nothing, as a process has one.
     *
     * @param path absolute
     * @throws UnsatisfiedLinkError if it does not load, or is another library
     */
    static synchronized void load(String path) {
        if (!loaded) {
            Native.register(Wintun.class, NativeLibrary.getInstance(path));
            loaded = true;
        }
    }

    /** Characters of two bytes and a zero, LPCWSTR: not JNA's {@code WString}, whose characters have four on other systems. */
    static byte[] wide(String text) {
        return (text + '\0').getBytes(StandardCharsets.UTF_16LE);
    }

    /** What is at an LPCWSTR, at most so many characters of it. */
    static String text(Pointer wide, int most) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < most; i++) {
            char c = (char) wide.getShort(2L * i);
            if (c == 0) {
                break;
            }
            text.append(c);
        }
        return text.toString();
    }

    static native long WintunCreateAdapter(byte[] name, byte[] tunnelType, byte[] requestedGuid);

    static native long WintunOpenAdapter(byte[] name);

    static native void WintunCloseAdapter(long adapter);

    /** @param luid address of a NET_LUID */
    static native void WintunGetAdapterLUID(long adapter, long luid);

    static native int WintunGetRunningDriverVersion();

    static native void WintunSetLogger(@Nullable Logger logger);

    static native long WintunStartSession(long adapter, int capacity);

    static native void WintunEndSession(long session);

    static native long WintunGetReadWaitEvent(long session);

    /** @param packetSize address of a DWORD */
    static native long WintunReceivePacket(long session, long packetSize);

    static native void WintunReleaseReceivePacket(long session, long packet);

    static native long WintunAllocateSendPacket(long session, int packetSize);

    static native void WintunSendPacket(long session, long packet);
}
