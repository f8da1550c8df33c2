package dev.culvert.client.up;

import dev.culvert.stack.PathError;
import dev.culvert.tunnel.frame.DatagramError;

/** From what the agent hears of the network behind it to what the application hears. */
final class PathErrors {
    private PathErrors() {}

    /** The error stays the caller's. */
    static PathError of(DatagramError error) {
        int mtu = (int) Math.min(error.mtu(), Integer.MAX_VALUE);
        return new PathError(error.type(), error.code(), mtu, error.offender());
    }
}
