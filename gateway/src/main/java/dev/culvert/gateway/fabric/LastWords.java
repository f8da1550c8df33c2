package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.link.Carrier;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.util.concurrent.TimeUnit;

/** What a gateway that stops still writes to the peer of one link. On the link's event loop, but for what says otherwise. */
final class LastWords {
    /** How often it is looked whether all has been written. */
    private static final long POLL_MILLIS = 5;

    private final Carrier link;
    private final Crossings crossings;
    private final Inbox inbox;
    private boolean unread;

    LastWords(Carrier link, Crossings crossings, Inbox inbox) {
        this.link = link;
        this.crossings = crossings;
        this.inbox = inbox;
    }

    /**
     * Has no more read, else it would never come to an end: others' links are what fills this one. From any thread.
     *
     * @return done when what the peer has sent has been handed to others' links, and nothing more will be
     */
    Future<?> stopReading() {
        Promise<?> stopped = link.eventLoop().newPromise();
        link.eventLoop().execute(() -> {
            unread = true;
            crossings.stop();
            stopped.trySuccess(null);
        });
        return stopped;
    }

    /**
     * Looks when all links have stopped reading, and behind what those have handed to this one's loop. From any thread.
     *
     * @return done when what waits for the peer has been written, or the link is down
     */
    Future<?> flush() {
        Promise<?> written = link.eventLoop().newPromise();
        if (!inbox.add(new Inbox.Item(null, 0, () -> look(written), null))) {
            written.trySuccess(null); // its loop has ended
        }
        return written;
    }

    private void look(Promise<?> written) {
        if (link.isDown() || link.writer().heldBytes() == 0) {
            written.trySuccess(null);
        } else {
            link.eventLoop().schedule(() -> look(written), POLL_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    /** The link has been closed: what is left unread would reset the connection, and with it our last words. It is dropped. */
    void said() {
        if (unread) {
            link.setReading(true);
        }
    }
}
