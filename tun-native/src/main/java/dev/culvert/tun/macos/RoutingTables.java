package dev.culvert.tun.macos;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.ptr.NativeLongByReference;
import java.io.IOException;
import java.nio.ByteBuffer;

/** What sysctl(3) tells of the network: the messages that {@link RouteMessages} reads. Blocks. */
interface RoutingTables {
    /** A table that grows between two calls is asked for again. */
    int ATTEMPTS = 4;

    /** More than the largest table that is read takes, of which each route is some 150 bytes. */
    long MAX_BYTES = 64L << 20;

    /** Of all interfaces and their addresses. */
    ByteBuffer interfaces() throws IOException;

    /** Of all routes, of both families. */
    ByteBuffer routes() throws IOException;

    /** This machine's. */
    static RoutingTables own() {
        return new RoutingTables() {
            @Override
            public ByteBuffer interfaces() throws IOException {
                return sysctl(Xnu.NET_RT_IFLIST2);
            }

            @Override
            public ByteBuffer routes() throws IOException {
                return sysctl(Xnu.NET_RT_DUMP);
            }
        };
    }

    private static ByteBuffer sysctl(int what) throws IOException {
        DarwinC c = DarwinC.get();
        int[] name = {Xnu.CTL_NET, Xnu.PF_ROUTE, 0, 0, what, 0};
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            NativeLongByReference size = new NativeLongByReference();
            if (c.sysctl(name, name.length, null, size, null, new NativeLong(0)) == 0) {
                long room = size.getValue().longValue() * 2 + 4096; // it may grow until it is asked for
                if (room > MAX_BYTES) {
                    throw new IOException(
                            "read the routes of this machine: they take more than " + MAX_BYTES / (1 << 20) + " MiB");
                }
                try (Memory memory = new Memory(room)) {
                    size.setValue(new NativeLong(room));
                    if (c.sysctl(name, name.length, memory, size, null, new NativeLong(0)) == 0) {
                        return ByteBuffer.wrap(
                                memory.getByteArray(0, (int) size.getValue().longValue()));
                    }
                }
            }
        }
        int errno = Native.getLastError();
        throw new IOException("read the network of this machine: " + c.strerror(errno) + " (errno " + errno + ")");
    }
}
