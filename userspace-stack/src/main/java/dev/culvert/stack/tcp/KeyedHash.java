package dev.culvert.stack.tcp;

/**
 * SipHash-1-3 over a connection's addresses and ports. It places connections in the table, where an attacker who could
 * guess slots would make every look-up a scan, and it is the keyed function of initial sequence numbers (RFC 6528).
 */
final class KeyedHash {
    private final long v0;
    private final long v1;
    private final long v2;
    private final long v3;

    KeyedHash(long low, long high) {
        v0 = low ^ 0x736f6d6570736575L;
        v1 = high ^ 0x646f72616e646f6dL;
        v2 = low ^ 0x6c7967656e657261L;
        v3 = high ^ 0x7465646279746573L;
    }

    /** The hash of a connection; {@code domain} separates uses of the same key. */
    long hash(long remoteHigh, long remoteLow, long localHigh, long localLow, long ports, long domain) {
        long a = v0;
        long b = v1;
        long c = v2;
        long d = v3;
        for (int i = 0; i < 9; i++) {
            long word;
            switch (i) {
                case 0 -> word = remoteHigh;
                case 1 -> word = remoteLow;
                case 2 -> word = localHigh;
                case 3 -> word = localLow;
                case 4 -> word = ports;
                case 5 -> word = domain ^ 48L << 56;
                default -> word = 0;
            }
            if (i == 6) {
                c ^= 0xff;
            }
            d ^= word;
            a += b;
            b = Long.rotateLeft(b, 13) ^ a;
            a = Long.rotateLeft(a, 32);
            c += d;
            d = Long.rotateLeft(d, 16) ^ c;
            a += d;
            d = Long.rotateLeft(d, 21) ^ a;
            c += b;
            b = Long.rotateLeft(b, 17) ^ c;
            c = Long.rotateLeft(c, 32);
            a ^= word;
        }
        return a ^ b ^ c ^ d;
    }
}
