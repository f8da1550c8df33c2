package dev.culvert.tun.device;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A device of two rings in memory, as Wintun's: no descriptor, no offload, no notice of room. */
final class MemoryRing implements TunDevice, FarEnd {
    /** More than a batch, so that one can be too long; less than what the tests write at once. */
    static final int SLOTS = 256;

    /** From the system, and to it. */
    final BlockingQueue<byte[]> arriving = new ArrayBlockingQueue<>(SLOTS);

    final BlockingQueue<byte[]> leaving = new ArrayBlockingQueue<>(SLOTS);
    volatile boolean gone;
    private final AtomicInteger closes = new AtomicInteger();

    @Override
    public String name() {
        return "ring0";
    }

    @Override
    public int mtu() {
        return 1500;
    }

    @Override
    public TunOffloads offloads() {
        return TunOffloads.NONE;
    }

    @Override
    public TunChannel newChannel() {
        return new RingTunChannel(this);
    }

    @Override
    public boolean isOpen() {
        return closes.get() == 0;
    }

    @Override
    public void close() {
        closes.incrementAndGet();
    }

    @Override
    public TunDevice device() {
        return this;
    }

    @Override
    public boolean send(byte[] packet) {
        return arriving.offer(packet);
    }

    @Override
    public byte @Nullable [] receive() {
        return leaving.poll();
    }

    @Override
    public int closes() {
        return closes.get();
    }

    @Override
    public void vanish() {
        gone = true;
    }

    @Override
    public void end() {}
}
