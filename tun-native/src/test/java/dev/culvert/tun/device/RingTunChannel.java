package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelPromise;
import java.io.IOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A channel over rings, on an event loop of any kind: a thread of its own takes packets from the ring and hands them to the loop. While
 * the loop does not take them the ring fills, and the system drops.
 */
final class RingTunChannel extends TunChannel {
    /** How long the thread waits for a packet before it looks whether the interface is still there. */
    private static final long LOOK_MILLIS = 5;

    private final MemoryRing ring;
    private final BlockingQueue<byte[]> handed = new ArrayBlockingQueue<>(2 * MAX_PACKETS_PER_READ);
    private final AtomicBoolean announced = new AtomicBoolean();
    private @Nullable Thread reader;
    private boolean wanted;

    RingTunChannel(MemoryRing ring) {
        super(ring);
        this.ring = ring;
    }

    @Override
    protected void startWatching(ChannelPromise promise) {
        Thread thread = new Thread(this::receive, "ring");
        thread.start();
        reader = thread;
        promise.setSuccess();
    }

    @Override
    protected void stopWatching() {
        wanted = false;
        Thread thread = reader;
        reader = null;
        if (thread != null) {
            // The ring goes with the device, and the thread must not be in it then.
            thread.interrupt();
            boolean interrupted = false;
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void receive() {
        try {
            while (!ring.gone) {
                byte[] packet = ring.arriving.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
                if (packet != null) {
                    handed.put(packet);
                    announce();
                }
            }
            announce();
        } catch (InterruptedException | RejectedExecutionException e) {
            // Closed, or the loop has ended.
        }
    }

    private void announce() {
        if (announced.compareAndSet(false, true)) {
            eventLoop().execute(this::deliver);
        }
    }

    private void deliver() {
        announced.set(false);
        if (wanted) {
            packetsWait();
            if (wanted && !handed.isEmpty()) {
                announce();
            }
        }
    }

    @Override
    protected void watchPackets(boolean on) {
        wanted = on;
        if (on) {
            announce();
        }
    }

    @Override
    protected void watchRoom(boolean on) {
        throw new AssertionError("a ring gives no notice of room");
    }

    @Override
    protected @Nullable ByteBuf readPacket() throws IOException {
        byte[] packet = handed.poll();
        if (packet != null) {
            return alloc().directBuffer(VirtioNetHeader.LENGTH + packet.length)
                    .writeZero(VirtioNetHeader.LENGTH)
                    .writeBytes(packet);
        }
        if (ring.gone) {
            throw new IOException("the adapter was removed");
        }
        return null;
    }

    @Override
    protected Written writePacket(ByteBuf message, int index, int length) throws IOException {
        if (ring.gone) {
            throw new IOException("the adapter was removed");
        }
        byte[] packet = new byte[length];
        message.getBytes(index, packet);
        return ring.leaving.offer(packet) ? Written.TAKEN : Written.NO_MEMORY;
    }

    @Override
    protected String refusal() {
        throw new AssertionError("a ring refuses nothing");
    }

    @Override
    protected void releaseBuffers() {
        handed.clear();
    }
}
