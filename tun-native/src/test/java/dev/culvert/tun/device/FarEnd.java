package dev.culvert.tun.device;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** What is behind a device: the operating system's end, which a test holds. Packets here are IP packets alone. */
public interface FarEnd {
    TunDevice device();

    /** Sends the device a packet; false when it has no room. */
    boolean send(byte[] packet) throws IOException;

    /** What the channel wrote, or null if nothing waits. */
    byte @Nullable [] receive() throws IOException;

    /** How often the device was closed. */
    int closes();

    /** The interface is deleted. */
    void vanish() throws IOException;

    /** The test is over. */
    void end() throws IOException;
}
