package dev.culvert.tun.windows;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;

/** The functions of kernel32.dll by which a ring is waited for (synchapi.h, handleapi.h); mapped as {@link Wintun}'s are. */
final class Kernel32 {
    static final int INFINITE = -1;
    static final int WAIT_FAILED = -1;

    private static boolean loaded;

    private Kernel32() {}

    /** Loads the library; a second time does nothing. */
    static synchronized void load(String name) {
        if (!loaded) {
            Native.register(Kernel32.class, NativeLibrary.getInstance(name));
            loaded = true;
        }
    }

    static native long CreateEventW(long attributes, int manualReset, int initialState, long name);

    static native int SetEvent(long event);

    static native int CloseHandle(long handle);

    /** @param handles address of as many handles */
    static native int WaitForMultipleObjects(int count, long handles, int waitAll, int milliseconds);
}
