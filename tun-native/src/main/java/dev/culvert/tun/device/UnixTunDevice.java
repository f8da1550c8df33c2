package dev.culvert.tun.device;

import io.netty.channel.unix.FileDescriptor;

/** A TUN device whose packets are read and written, one per system call, on a non-blocking descriptor. */
public interface UnixTunDevice extends TunDevice {
    /** The descriptor; non-blocking, close-on-exec, and closed by {@link #close()} alone. */
    FileDescriptor fd();
}
