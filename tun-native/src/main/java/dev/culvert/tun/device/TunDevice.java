package dev.culvert.tun.device;

import java.io.Closeable;
import java.io.IOException;

/**
 * An open TUN interface. Closing it takes the interface away unless it is persistent; closing twice is
 * harmless.
 */
public interface TunDevice extends Closeable {
    /** The interface name that the kernel settled on. */
    String name();

    /** The interface MTU in bytes when the device was opened, as the kernel has it. */
    int mtu();

    /** What was negotiated when the device was opened. */
    TunOffloads offloads();

    /** The channel that reads and writes this device, for an event loop of this system; from then on it owns and closes the device. */
    TunChannel newChannel();

    /** Whether {@link #close()} has not been called. */
    boolean isOpen();

    @Override
    void close() throws IOException;
}
