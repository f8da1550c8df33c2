package dev.culvert.tun.linux;

import dev.culvert.tun.device.DescriptorWatch;
import io.netty.channel.ChannelPromise;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import org.jspecify.annotations.Nullable;

/** A descriptor among those of an event loop's epoll, level-triggered. */
public final class EpollWatch implements DescriptorWatch {
    /** Never empty: an empty set would take the descriptor out of epoll, which cannot be undone. */
    private static final EpollIoOps BASE_OPS = EpollIoOps.EPOLLERR;

    private @Nullable IoRegistration registration;
    private EpollIoOps ops = BASE_OPS;

    @Override
    public boolean isCompatible(IoEventLoop loop) {
        return loop.isCompatible(Handle.class);
    }

    @Override
    public void start(IoEventLoop loop, FileDescriptor fd, Told told, ChannelPromise promise) {
        loop.register(new Handle(fd, told)).addListener(future -> {
            if (future.isSuccess()) {
                registration = (IoRegistration) future.getNow();
                ops = BASE_OPS;
                registration.submit(ops);
                promise.setSuccess();
            } else {
                promise.setFailure(future.cause());
            }
        });
    }

    @Override
    public void stop() {
        IoRegistration current = registration;
        registration = null;
        ops = BASE_OPS;
        if (current != null) {
            current.cancel();
        }
    }

    @Override
    public void packets(boolean on) {
        watch(EpollIoOps.EPOLLIN, on);
    }

    @Override
    public void room(boolean on) {
        watch(EpollIoOps.EPOLLOUT, on);
    }

    private void watch(EpollIoOps what, boolean on) {
        EpollIoOps next = on ? ops.with(what) : ops.without(what);
        IoRegistration current = registration;
        if (current != null && next.value() != ops.value()) {
            ops = next;
            current.submit(next);
        }
    }

    private final class Handle implements EpollIoHandle {
        private final FileDescriptor fd;
        private final Told told;

        Handle(FileDescriptor fd, Told told) {
            this.fd = fd;
            this.told = told;
        }

        @Override
        public FileDescriptor fd() {
            return fd;
        }

        @Override
        public void handle(IoRegistration source, IoEvent event) {
            if (registration == null) {
                // Closed or deregistered earlier in this turn of the loop.
                return;
            }
            EpollIoOps ready = ((EpollIoEvent) event).ops();
            if (ready.contains(EpollIoOps.EPOLLOUT)) {
                told.roomAgain();
            }
            // An error shows as soon as we read, even if nobody asked to: else it would be reported forever.
            if (ready.contains(EpollIoOps.EPOLLERR) || ready.contains(EpollIoOps.EPOLLIN)) {
                told.packetsWait();
            }
        }

        @Override
        public void close() {
            told.loopEnds();
        }
    }
}
