package dev.culvert.tun;

import java.io.Closeable;
import java.io.IOException;
import java.util.Locale;

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

    /**
     * Makes or attaches to the interface that the settings name. Blocks for a few system calls.
     *
     * @throws TunException in one line: what failed and what mends it
     */
    static TunDevice open(TunConfig config) throws TunException {
        String os = System.getProperty("os.name", "unknown");
        if (os.toLowerCase(Locale.ROOT).startsWith("linux")) {
            return LinuxTun.open(config);
        }
        throw new TunException("open tun " + config.name() + ": operating system " + os
                + " has no TUN support here yet; run on Linux, or use a port forward or SOCKS instead");
    }
}
