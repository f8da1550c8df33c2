package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import java.io.IOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A channel over rings, on an event loop of any kind: a thread of its own takes packets from the ring and hands them to the loop, as
 * many as wait with one task. While the loop does not take them the ring fills, and the system drops.
 *
 * <p>The thread has ended before the device is closed, so that nobody is in a ring that goes.
 */
public final class RingTunChannel extends TunChannel {
    /** Packets that the loop has not taken yet: one batch of its, and another that is filled meanwhile. */
    private static final int MAX_HANDED = 2 * MAX_PACKETS_PER_READ;

    private final PacketRing ring;
    private final BlockingQueue<ByteBuf> handed = new ArrayBlockingQueue<>(MAX_HANDED);
    private final AtomicBoolean announced = new AtomicBoolean();
    private volatile boolean ending;
    private volatile @Nullable IOException failure;

    // Event loop only.
    private @Nullable Thread reader;
    private boolean wanted;

    /**
     * Takes over the device, and closes it when it is closed itself.
     *
     * @param ring the device's, and this channel's alone
     */
    public RingTunChannel(TunDevice device, PacketRing ring) {
        super(device);
        this.ring = ring;
    }

    @Override
    protected void startWatching(ChannelPromise promise) {
        EventLoop loop = eventLoop();
        ending = false;
        Thread thread = new Thread(() -> receive(loop), "tun-" + device().name());
        thread.setDaemon(true);
        thread.start();
        reader = thread;
        promise.setSuccess();
    }

    @Override
    protected void stopWatching() {
        wanted = false;
        Thread thread = reader;
        reader = null;
        if (thread == null) {
            return;
        }
        ending = true;
        thread.interrupt(); // it may wait for the loop
        ring.wake(); // or for the ring
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

    /** The thread's work. What it has handed over stays when it ends: a channel may go on with another loop. */
    private void receive(EventLoop loop) {
        try {
            while (!ending) {
                ByteBuf packet = ring.receive(alloc());
                if (packet == null) {
                    ring.await();
                } else {
                    hand(packet);
                    announce(loop);
                }
            }
        } catch (IOException e) {
            failure = e;
            announce(loop);
        } catch (InterruptedException e) {
            // Asked to end, while the loop took nothing.
        }
    }

    private void hand(ByteBuf packet) throws InterruptedException {
        boolean done = false;
        try {
            handed.put(packet);
            done = true;
        } finally {
            if (!done) {
                packet.release();
            }
        }
    }

    private void announce(EventLoop loop) {
        if (announced.compareAndSet(false, true)) {
            try {
                loop.execute(this::deliver);
            } catch (RejectedExecutionException e) {
                announced.set(false); // it ends, and closes this, or another goes on with it
            }
        }
    }

    private void deliver() {
        announced.set(false);
        if (wanted) {
            packetsWait();
            if (wanted && !handed.isEmpty()) {
                announce(eventLoop());
            }
        }
    }

    @Override
    protected void watchPackets(boolean on) {
        wanted = on;
        if (on) {
            announce(eventLoop());
        }
    }

    @Override
    protected void watchRoom(boolean on) {
        throw new IllegalStateException("tun " + device().name() + ": a ring gives no notice of room");
    }

    @Override
    protected @Nullable ByteBuf readPacket() throws IOException {
        ByteBuf packet = handed.poll();
        IOException failed = failure;
        if (packet == null && failed != null) {
            throw failed;
        }
        return packet;
    }

    @Override
    protected Written writePacket(ByteBuf message, int index, int length) throws IOException {
        return ring.send(message, index, length);
    }

    @Override
    protected String refusal() {
        return "no ring takes it";
    }

    @Override
    protected void releaseBuffers() {
        for (ByteBuf packet = handed.poll(); packet != null; packet = handed.poll()) {
            packet.release();
        }
    }
}
