package dev.culvert.gateway.cluster;

import dev.culvert.store.Leases;
import dev.culvert.store.StateException;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the others: who is on the roster, who keeps a lease, and what that says, read anew when it has changed. What is found is
 * written to the roster by {@link #tell}, apart: one that cannot be read or written keeps nobody from seeing the others. On one thread.
 */
final class Lookout {
    private static final Logger log = LoggerFactory.getLogger(Lookout.class);

    private final Roster roster;
    private final Leases leases;
    private final Member own;
    private final Clock clock;
    private final LongSupplier nanoTime;

    /** The roster as it was last read, with who was lost or came back since. */
    private Map<String, Member> members = new TreeMap<>();

    private @Nullable String version;
    private @Nullable StateException unreadable;
    private Map<String, Read> known = Map.of();

    /** Who was lost or came back, until the roster says so. */
    private final Map<String, Member> untold = new HashMap<>();

    private boolean listed;
    private boolean over;

    private boolean answered = true;
    /** Since when the store answers again; null when it always did. */
    private @Nullable Long backNanos;

    /** What a lease said. */
    private record Read(String version, Attached attached) {}

    Lookout(Roster roster, Leases leases, Member own, Clock clock, LongSupplier nanoTime) {
        this.roster = roster;
        this.leases = leases;
        this.own = own;
        this.clock = clock;
        this.nanoTime = nanoTime;
    }

    /**
     * Costs a question of some bytes, and one for each of the others. After the store was away the others have the time of a lease to
     * make theirs anew, before they are called lost.
     */
    List<Neighbour> look() throws StateException {
        long now = nanoTime.getAsLong();
        if (!answered) {
            backNanos = now;
        }
        answered = false;
        readRoster();
        boolean patient = backNanos != null && now - backNanos < Beat.LIFE.toNanos();
        Instant at = clock.instant().truncatedTo(ChronoUnit.SECONDS);
        Member self = members.get(own.name());
        List<Neighbour> all = new ArrayList<>();
        Map<String, Read> seen = new HashMap<>();
        boolean anyOver = self != null && Roster.isOver(self, at);
        for (Member member : List.copyOf(members.values())) {
            if (member.name().equals(own.name())) {
                continue;
            }
            Read before = known.get(member.name());
            Read read = read(member, before);
            if (read == null && patient) {
                read = before;
            }
            if (read == null && Roster.isOver(member, at)) {
                anyOver = true;
                continue;
            }
            if (read != null) {
                seen.put(member.name(), read);
            }
            all.add(new Neighbour(noted(member, read == null, at), read == null ? null : read.attached));
        }
        // One that was killed and started again finds its earlier entry; one that began later is another of our name.
        listed = self != null && !Roster.isOver(self, at) && !self.since().isBefore(own.since());
        over = anyOver;
        known = seen;
        answered = true;
        return List.copyOf(all);
    }

    private Member noted(Member member, boolean gone, Instant at) {
        if (gone != (member.lost() == null)) {
            return member;
        }
        log.info("gateway {} {}", member.name(), gone ? "is lost: it keeps its lease no longer" : "is back");
        Member now = member.lost(gone ? at : null);
        members.put(now.name(), now);
        untold.put(now.name(), now);
        return now;
    }

    /** What cannot be read leaves what is known: it only says who there is to be asked for. */
    private void readRoster() throws StateException {
        try {
            String now = roster.version();
            if (unreadable != null || !Objects.equals(now, version)) {
                members = roster.read();
                version = now;
                unreadable = null;
            }
        } catch (StateException e) {
            if (e.isAway()) {
                throw e;
            }
            unreadable = e;
        }
    }

    /**
     * Has the roster say what the last look found, where it says something else.
     *
     * @throws StateException if it can be neither read nor written
     * @throws IllegalArgumentException if it has no place for this gateway
     */
    void tell() throws StateException {
        if (unreadable != null) {
            throw unreadable;
        }
        Instant now = clock.instant();
        for (Member member : List.copyOf(untold.values())) {
            roster.lost(member, member.lost() != null, now.truncatedTo(ChronoUnit.SECONDS));
            untold.remove(member.name());
        }
        if (!listed) {
            roster.add(own, now);
        } else if (over) {
            roster.forget(now);
        }
    }

    private @Nullable Read read(Member member, @Nullable Read before) throws StateException {
        String lease = null;
        try {
            lease = leases.version(member.lease());
            if (lease == null || before != null && before.version.equals(lease)) {
                return lease == null ? null : before;
            }
            String text = leases.get(member.lease());
            return text == null ? null : new Read(lease, AttachedText.read(text));
        } catch (StateException e) {
            if (e.isAway()) {
                throw e;
            }
            return unread(member, lease, before, e);
        } catch (IllegalArgumentException e) { // of a version to come, perhaps
            return unread(member, lease, before, e);
        }
    }

    /** It is there, all the same. */
    private static Read unread(Member member, @Nullable String lease, @Nullable Read before, Exception why) {
        if (before == null) {
            log.warn("what gateway {} says of itself cannot be read: {}", member.name(), why.getMessage());
        }
        return new Read(String.valueOf(lease), before == null ? Attached.NONE : before.attached);
    }
}
