package dev.culvert.gateway.cluster;

import dev.culvert.store.Leases;
import dev.culvert.store.StateException;
import dev.culvert.store.Watch;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Looks at the others: who is on the roster, who keeps a lease, and what that says, read anew when it has changed. On one thread. */
final class Lookout {
    private static final Logger log = LoggerFactory.getLogger(Lookout.class);

    private final Roster roster;
    private final Leases leases;
    private final Member own;
    private final Clock clock;
    private final Watch<List<Member>> members;
    private Map<String, Read> known = Map.of();

    /** What a lease said. */
    private record Read(String version, Attached attached) {}

    Lookout(Roster roster, Leases leases, Member own, Clock clock) throws StateException {
        this.roster = roster;
        this.leases = leases;
        this.own = own;
        this.clock = clock;
        this.members = roster.watch();
    }

    /** Costs a question of some bytes, and one for each of the others. */
    List<Neighbour> look() throws StateException {
        members.refresh();
        List<Neighbour> all = new ArrayList<>();
        Map<String, Read> seen = new HashMap<>();
        boolean listed = false;
        for (Member member : members.current()) {
            if (member.name().equals(own.name())) {
                listed = true;
                continue;
            }
            Read read = read(member, known.get(member.name()));
            if (read != null) {
                seen.put(member.name(), read);
            }
            boolean gone = read == null;
            if (gone == (member.lost() == null)) {
                roster.lost(member, gone, clock.instant().truncatedTo(ChronoUnit.SECONDS));
                log.info("gateway {} {}", member.name(), gone ? "is lost: it keeps its lease no longer" : "is back");
            }
            all.add(new Neighbour(member, read == null ? null : read.attached));
        }
        if (!listed) {
            roster.add(own, clock.instant());
        }
        known = seen;
        return List.copyOf(all);
    }

    private @Nullable Read read(Member member, @Nullable Read before) throws StateException {
        String version = leases.version(member.lease());
        if (version == null || before != null && before.version.equals(version)) {
            return version == null ? null : before;
        }
        String text = leases.get(member.lease());
        if (text == null) {
            return null;
        }
        try {
            return new Read(version, AttachedText.read(text));
        } catch (IllegalArgumentException e) { // of a version to come, perhaps: it is there, all the same
            if (before == null) {
                log.warn("what gateway {} says of itself cannot be read: {}", member.name(), e.getMessage());
            }
            return new Read(version, Objects.requireNonNullElse(before, new Read("", Attached.NONE)).attached);
        }
    }
}
