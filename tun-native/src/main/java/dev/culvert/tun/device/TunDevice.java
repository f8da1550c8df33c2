package dev.culvert.tun.device;

import java.io.Closeable;
import java.io.IOException;

/**
 * An open TUN interface. Closing it takes the interface away unless it is persistent; closing twice is
 * harmless. Give it to a {@link TunChannel}, which from then on owns and closes it.
 */
public interface TunDevice extends Closeable {
    /** The interface name that the kernel settled on. */
    String name();

    /** The interface MTU in bytes when the device was opened, as the kernel has it. */
    int mtu();

    /** What was negotiated when the device was opened. */
    TunOffloads offloads();

    /** Whether {@link #close()} has not been called. */
    boolean isOpen();

    @Override
    void close() throws IOException;
}
