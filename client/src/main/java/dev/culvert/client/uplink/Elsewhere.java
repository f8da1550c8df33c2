package dev.culvert.client.uplink;

import dev.culvert.text.Printable;
import dev.culvert.token.GatewayUrls;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Goes to a gateway that has more of the client's agents, as the present one says. Only to one that the token names: what a gateway says
 * adds none. Event loop only.
 */
final class Elsewhere {
    /** So long it stays where it has gone, or could not go. */
    static final Duration EACH = Duration.ofSeconds(30);

    private final EventLoop loop;
    private final Function<List<URI>, @Nullable URI> change;
    private final Voice voice;
    private List<URI> said = List.of();
    private @Nullable URI told;
    private @Nullable Future<?> pause;

    /** @param change goes to one of these, and says to which; null when it goes to none */
    Elsewhere(EventLoop loop, Function<List<URI>, @Nullable URI> change, Voice voice) {
        this.loop = loop;
        this.change = change;
        this.voice = voice;
    }

    /** What the gateway says now; it may be anything. */
    void said(List<String> urls) {
        List<URI> all = new ArrayList<>();
        for (String url : urls) {
            try {
                all.add(GatewayUrls.canonical(GatewayUrls.require(URI.create(url))));
            } catch (IllegalArgumentException e) {
                // No gateway of any token has such a URL.
            }
        }
        said = List.copyOf(all);
        if (said.isEmpty()) {
            told = null;
        }
        if (pause == null) {
            go();
        }
    }

    /** There is no link any more. */
    void drop() {
        said = List.of();
        told = null;
    }

    private void go() {
        pause = null;
        if (said.isEmpty()) {
            return;
        }
        URI to = change.apply(said);
        if (to != null && !to.equals(told)) { // once, however often it is tried
            told = to;
            voice.say("an agent is attached to " + Printable.shorten(to.toString()) + " only; going there");
        }
        // Of all that heard of it at one moment each comes back to it at another.
        long more = ThreadLocalRandom.current().nextLong(EACH.toMillis());
        pause = loop.schedule(this::go, EACH.toMillis() + more, TimeUnit.MILLISECONDS);
    }
}
