package dev.culvert.client.forward;

import io.netty.channel.Channel;

/** How many connections of applications this process has: each costs a descriptor, and one who floods must not cost all. Event loop only. */
public final class Connections {
    /** Room for browsers and for what opens many: an eighth of the flows that there may be. */
    public static final int MAX = 4_096;

    private final int max;
    private int count;

    public Connections() {
        this(MAX);
    }

    /** @param max at most */
    public Connections(int max) {
        this.max = max;
    }

    /** Whether there is room for one more, which then counts until it is closed. */
    public boolean enter(Channel connection) {
        if (count >= max) {
            return false;
        }
        count++;
        connection.closeFuture().addListener(closed -> count--);
        return true;
    }
}
