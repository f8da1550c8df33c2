package dev.culvert.tun.linux;

import dev.culvert.tun.device.DescriptorTunChannel;
import dev.culvert.tun.device.UnixTunDevice;
import dev.culvert.tun.device.VirtioNetHeader;
import dev.culvert.tun.libc.LibC;
import org.jspecify.annotations.Nullable;

/** A Linux TUN on an event loop with epoll. */
class EpollTunChannel extends DescriptorTunChannel {
    EpollTunChannel(UnixTunDevice device) {
        super(device, new EpollWatch(), device.offloads().vnetHeader() ? VirtioNetHeader.LENGTH : 0);
    }

    @Override
    protected @Nullable Written refused(int code) {
        return switch (code) {
            case LibC.EIO -> Written.LINK_DOWN;
            case LibC.ENOBUFS, LibC.ENOMEM -> Written.NO_MEMORY;
            // What TUN says to a virtio header that it does not know; the others are those of a lesser device.
            case LibC.EINVAL, LibC.EOPNOTSUPP, LibC.EPROTONOSUPPORT -> Written.UNSUPPORTED;
            case LibC.EBADFD, LibC.ENODEV, LibC.ENXIO -> null;
            default -> Written.REFUSED;
        };
    }

    @Override
    protected String refusal() {
        return LibC.text(errno());
    }
}
