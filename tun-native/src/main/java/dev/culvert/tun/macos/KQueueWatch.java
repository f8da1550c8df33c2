package dev.culvert.tun.macos;

import dev.culvert.tun.device.DescriptorWatch;
import io.netty.channel.ChannelPromise;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.kqueue.KQueueIoEvent;
import io.netty.channel.kqueue.KQueueIoHandle;
import io.netty.channel.kqueue.KQueueIoOps;
import io.netty.channel.unix.FileDescriptor;
import org.jspecify.annotations.Nullable;

/** A descriptor among those of an event loop's kqueue, level-triggered: a filter is there as long as somebody is interested. */
final class KQueueWatch implements DescriptorWatch {
    private @Nullable IoRegistration registration;
    private boolean packets;
    private boolean room;

    @Override
    public boolean isCompatible(IoEventLoop loop) {
        return loop.isCompatible(Handle.class);
    }

    @Override
    public void start(IoEventLoop loop, FileDescriptor fd, Told told, ChannelPromise promise) {
        loop.register(new Handle(fd.intValue(), told)).addListener(future -> {
            if (future.isSuccess()) {
                registration = (IoRegistration) future.getNow();
                promise.setSuccess();
            } else {
                promise.setFailure(future.cause());
            }
        });
    }

    /** The filters go at once, for the descriptor may go on elsewhere: before its number can be another's in this kqueue. */
    @Override
    public void stop() {
        packets(false);
        room(false);
        IoRegistration current = registration;
        registration = null;
        if (current != null) {
            current.cancel();
        }
    }

    @Override
    public void packets(boolean on) {
        if (registration != null && packets != on) {
            packets = on;
            submit(registration, Xnu.EVFILT_READ, on);
        }
    }

    @Override
    public void room(boolean on) {
        if (registration != null && room != on) {
            room = on;
            submit(registration, Xnu.EVFILT_WRITE, on);
        }
    }

    private static void submit(IoRegistration to, short filter, boolean on) {
        short flags = on ? (short) (Xnu.EV_ADD | Xnu.EV_ENABLE) : Xnu.EV_DELETE;
        to.submit(KQueueIoOps.newOps(filter, flags, 0));
    }

    private final class Handle implements KQueueIoHandle {
        private final int fd;
        private final Told told;

        Handle(int fd, Told told) {
            this.fd = fd;
            this.told = told;
        }

        @Override
        public int ident() {
            return fd;
        }

        /** The end of the device (EV_EOF) is told with the filters, too, and shows as soon as it is read or written. */
        @Override
        public void handle(IoRegistration source, IoEvent event) {
            short filter = ((KQueueIoEvent) event).filter();
            if (filter == Xnu.EVFILT_WRITE && room) {
                told.roomAgain();
            } else if (filter == Xnu.EVFILT_READ && packets) {
                told.packetsWait();
            }
        }

        @Override
        public void close() {
            told.loopEnds();
        }
    }
}
