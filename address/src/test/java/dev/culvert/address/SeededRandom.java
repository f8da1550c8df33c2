package dev.culvert.address;

import java.net.InetAddress;
import java.util.Random;

/** Randomness that can be had again: the seed is printed, and {@code -Dculvert.seed=N} sets it. */
public final class SeededRandom extends Random {
    private static final long serialVersionUID = 1L;

    public final long seed;

    private SeededRandom(long seed) {
        super(seed);
        this.seed = seed;
    }

    public static SeededRandom create() {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        System.out.println("culvert.seed=" + seed);
        return new SeededRandom(seed);
    }

    /** Addresses close together, so that prefixes nest and lookups hit. */
    public InetAddress address() {
        byte[] b = new byte[nextInt(3) == 0 ? 16 : 4];
        for (int i = 0; i < b.length; i++) {
            b[i] = (byte) (nextInt(4) == 0 ? nextInt(256) : nextInt(2));
        }
        b[0] = (byte) (b.length == 4 ? 10 : 0xfd);
        return IpLiteral.fromBytes(b);
    }

    public IpPrefix prefix() {
        InetAddress address = address();
        byte[] b = address.getAddress();
        int length = nextInt(b.length * 8 + 1);
        for (int i = length; i < b.length * 8; i++) {
            b[i / 8] &= (byte) ~(0x80 >>> i % 8);
        }
        return IpPrefix.of(IpLiteral.fromBytes(b), length);
    }
}
