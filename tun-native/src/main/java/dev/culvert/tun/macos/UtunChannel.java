package dev.culvert.tun.macos;

import dev.culvert.tun.device.DescriptorTunChannel;
import dev.culvert.tun.device.DescriptorWatch;
import dev.culvert.tun.device.UnixTunDevice;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A utun on an event loop. Before each IP packet, both ways, are four bytes: its address family in network byte order
 * (bsd/net/if_utun.c, utun_output and utun_ctl_send). What is read needs no copy for that: they lie where the virtio-net header
 * ends. What is written gets them as a piece of its own (writev).
 */
class UtunChannel extends DescriptorTunChannel {
    /** UTUN_HEADER_SIZE without UTUN_FLAGS_ENABLE_PROC_UUID. */
    static final int FAMILY_BYTES = 4;

    private static final int IPV4 = 4;

    private @Nullable ByteBuf families;

    UtunChannel(UnixTunDevice device, DescriptorWatch watch) {
        super(device, watch, FAMILY_BYTES);
    }

    @Override
    protected ByteBuf before(ByteBuf message, int index) {
        ByteBuf both = families;
        if (both == null) {
            both = alloc().directBuffer(2 * FAMILY_BYTES, 2 * FAMILY_BYTES);
            both.writeInt(Xnu.AF_INET).writeInt(Xnu.AF_INET6);
            families = both;
        }
        int start = message.getByte(index) >> 4 == IPV4 ? 0 : FAMILY_BYTES;
        return both.setIndex(start, start + FAMILY_BYTES);
    }

    /**
     * {@inheritDoc} ENOSPC is said while {@code net.utun.max_pending_input} packets wait for the stack above (utun_pkt_input); of
     * their going there is no notice. The last ones are what a control that has no interface any more says (ctl_send).
     */
    @Override
    protected @Nullable Written refused(int code) {
        return switch (code) {
            case Xnu.ENOSPC, Xnu.ENOBUFS, Xnu.ENOMEM -> Written.NO_MEMORY;
            case Xnu.ENETDOWN -> Written.LINK_DOWN;
            case Xnu.ENXIO, Xnu.EINVAL, Xnu.EPIPE, Xnu.ENOTCONN -> null;
            default -> Written.REFUSED;
        };
    }

    @Override
    protected String refusal() {
        return "errno " + errno();
    }

    @Override
    protected void releaseBuffers() {
        super.releaseBuffers();
        ByteBuf both = families;
        families = null;
        if (both != null) {
            both.release();
        }
    }
}
