package dev.culvert.tun.device;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The counters behind {@link TunStats}: written by the event loop alone, read by any thread. Opaque stores
 * cost what plain ones do, yet are never torn or kept back.
 */
final class TunCounters {
    static final int PACKETS_IN = 0;
    static final int BYTES_IN = 1;
    static final int SUPER_PACKETS_IN = 2;
    static final int PACKETS_OUT = 3;
    static final int BYTES_OUT = 4;
    static final int SUPER_PACKETS_OUT = 5;
    static final int MALFORMED_OUT = 6;
    static final int LINK_DOWN_OUT = 7;
    static final int REFUSED_OUT = 8;
    static final int MALFORMED_IN = 9;
    static final int SOFTWARE_OUT = 10;
    static final int GSO_FALLBACKS = 11;
    static final int WRITE_STALLS = 12;
    private static final int COUNT = 13;

    private static final VarHandle LONGS = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] values = new long[COUNT];

    void add(int counter, long n) {
        LONGS.setOpaque(values, counter, values[counter] + n);
    }

    private long get(int counter) {
        return (long) LONGS.getOpaque(values, counter);
    }

    TunStats snapshot() {
        return new TunStats(
                get(PACKETS_IN),
                get(BYTES_IN),
                get(SUPER_PACKETS_IN),
                get(PACKETS_OUT),
                get(BYTES_OUT),
                get(SUPER_PACKETS_OUT),
                get(MALFORMED_OUT),
                get(LINK_DOWN_OUT),
                get(REFUSED_OUT),
                get(MALFORMED_IN),
                get(SOFTWARE_OUT),
                get(GSO_FALLBACKS),
                get(WRITE_STALLS));
    }
}
