package dev.culvert.gateway.publish;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * A connection, or a sender of datagrams, that counts against what is published at one place until it is left. From any thread.
 */
public final class Visit {
    private final PublicationUsage.Place place;
    private final @Nullable InetAddress from;
    private final Runnable end;

    Visit(PublicationUsage.Place place, @Nullable InetAddress from, Runnable end) {
        this.place = place;
        this.from = from;
        this.end = end;
    }

    PublicationUsage.Place place() {
        return place;
    }

    @Nullable
    InetAddress from() {
        return from;
    }

    /** Ends it, soon: whoever comes from there is let in no more. */
    void end() {
        end.run();
    }

    /** It is over. May be said again. */
    public void leave() {
        place.remove(this);
    }
}
