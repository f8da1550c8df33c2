package dev.culvert.agent;

import dev.culvert.policy.publication.Publication;
import dev.culvert.text.Printable;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** What the agent publishes, and what one gateway says of it. Event loop only. */
final class Publishing {
    private final String gateway;
    private final Consumer<String> log;
    private List<String> texts = List.of();
    private Set<Announcement.Refused> refused = Set.of();

    /** @param gateway how people know it */
    Publishing(String gateway, Consumer<String> log) {
        this.gateway = gateway;
        this.log = log;
    }

    /** From now on this, and nothing else. */
    void set(List<Publication> publications) {
        texts = publications.stream().map(Publication::toString).toList();
    }

    /** The same announcement with what is published, as far as one frame has room. */
    Announcement.Agent in(Announcement.Agent plain) {
        List<String> fits = new ArrayList<>(texts);
        while (true) {
            Announcement.Agent full = new Announcement.Agent(
                    plain.instance(),
                    plain.version(),
                    plain.routes(),
                    plain.echo(),
                    plain.replaces(),
                    fits,
                    plain.attachment(),
                    plain.domains());
            if (fits.isEmpty() || Announcement.encode(full).length <= Frame.MAX_PAYLOAD) {
                if (fits.size() < texts.size()) {
                    log.accept("publishes only the first " + fits.size() + " of " + texts.size()
                            + " publications: more do not fit one announcement beside the token's routes; join routes, or"
                            + " leave certificates out");
                }
                return full;
            }
            fits.remove(fits.size() - 1);
        }
    }

    /** What the gateway does not publish now. Of each it is said once, and that it is over. */
    void refused(List<Announcement.Refused> now) {
        Set<Announcement.Refused> next = new HashSet<>(now);
        for (Announcement.Refused one : now) {
            if (!refused.contains(one)) {
                // Its public side says which, and options may have hashes of passwords.
                String at = one.publication().split("=", 2)[0];
                log.accept(gateway + " does not publish " + Printable.shorten(at) + ": " + Printable.text(one.why()));
            }
        }
        if (next.isEmpty() && !refused.isEmpty()) {
            log.accept(gateway + " publishes all of it now");
        }
        refused = next;
    }

    /** Another link: what was said on the one before may be otherwise. */
    void linkUp() {
        refused = Set.of();
    }
}
