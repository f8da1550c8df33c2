package dev.culvert.tun.device;

import io.netty.channel.ChannelPromise;
import io.netty.channel.IoEventLoop;
import io.netty.channel.unix.FileDescriptor;

/**
 * How an event loop tells of a descriptor: epoll's way, or kqueue's. Belongs to one channel; all on its event loop, but for {@link
 * #stop()} where there has been none.
 */
public interface DescriptorWatch {
    /** Who is told; on the event loop. Nobody is after {@link #stop()}. */
    interface Told {
        /** There are packets, or the device is gone, which shows when it is read. Told again as long as it is so. */
        void packetsWait();

        /** There is room. */
        void roomAgain();

        /** The event loop ends. */
        void loopEnds();
    }

    /** Whether it is of a loop of this kind. */
    boolean isCompatible(IoEventLoop loop);

    /** Begins, without interest in anything yet; completes the promise. */
    void start(IoEventLoop loop, FileDescriptor fd, Told told, ChannelPromise promise);

    /** Ends; harmless when it has not begun. The descriptor is open still. */
    void stop();

    /** Whether to tell of packets. */
    void packets(boolean on);

    /** Whether to tell of room. */
    void room(boolean on);
}
