package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.Watch;
import dev.culvert.text.Printable;
import dev.culvert.token.HolderName;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenFields;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tokens that are no longer accepted although they have not expired: single ones by their id, and all of a name up to a
 * moment, so that a new token for that name is accepted again.
 *
 * <p>They are kept in {@code revoked.jsonl} of the state directory, written whole or not at all. A gateway holds one
 * instance, calls {@link #refresh} a few times a second (one stat(2) while nothing changes; not on an event loop) and asks
 * {@link #of} from any thread. The {@code token} command adds to it in another process.
 */
public final class Revocations {
    /** Its name in the state directory; public, for whoever copies it to another gateway. */
    public static final String FILE = "revoked.jsonl";

    /** Longest {@link Entry#reason}: a remark, not a report. */
    public static final int MAX_REASON = 200;

    private static final Document DOCUMENT = new Document(FILE, false, JsonLines.MAX_SIZE);

    private static final Set<String> FIELDS = Set.of("at", "id", "kind", "name", "issuedUntil", "reason");

    private final JsonLines<Entry> lines;
    private final Clock clock;
    private final Watch<Snapshot> watch;

    Revocations(Store store, Clock clock) throws StateException {
        this.lines = new JsonLines<>(store, DOCUMENT, Entry::of, Entry::fields);
        this.clock = clock;
        this.watch = new Watch<>(store, DOCUMENT, () -> new Snapshot(lines.read()));
    }

    /**
     * One revocation: of a token by its id, or of a name's tokens up to a moment.
     *
     * @param at when it was revoked
     * @param id the token's id, or null
     * @param kinds whose name; both kinds where {@code id} is given
     * @param name the holder's name, or null
     * @param issuedUntil tokens of that name are revoked that were issued at this second or before; null with an id
     * @param reason a remark for people, or empty
     */
    public record Entry(
            Instant at,
            @Nullable String id,
            Set<Token.Kind> kinds,
            @Nullable String name,
            @Nullable Instant issuedUntil,
            String reason) {
        /** Checks that it is one of the two. */
        public Entry {
            kinds = Set.copyOf(kinds);
            if ((id == null) == (name == null) || (name == null) != (issuedUntil == null) || kinds.isEmpty()) {
                throw new IllegalArgumentException("give either 'id', or 'name' and 'issuedUntil'");
            }
            if (id != null) {
                TokenFields.id(id);
            }
            if (name != null) {
                HolderName.require("name", name);
            }
            if (reason.length() > MAX_REASON) {
                throw new IllegalArgumentException(
                        "reason has " + reason.length() + " characters: at most " + MAX_REASON + " are kept");
            }
        }

        public static Entry of(Map<String, Object> fields) {
            if (!FIELDS.containsAll(fields.keySet())) {
                throw new IllegalArgumentException("unknown field; known are at, id, kind, name, issuedUntil, reason");
            }
            return new Entry(
                    time(fields, "at"),
                    fields.containsKey("id") ? JsonLines.text(fields, "id") : null,
                    fields.containsKey("kind")
                            ? EnumSet.of(Token.Kind.of(JsonLines.text(fields, "kind")))
                            : EnumSet.allOf(Token.Kind.class),
                    fields.containsKey("name") ? JsonLines.text(fields, "name") : null,
                    fields.containsKey("issuedUntil") ? time(fields, "issuedUntil") : null,
                    fields.containsKey("reason") ? JsonLines.text(fields, "reason") : "");
        }

        /** Whether all that another ends is ended by this one. */
        boolean covers(Entry other) {
            if (id != null) {
                return id.equals(other.id);
            }
            return name != null
                    && name.equals(other.name)
                    && kinds.containsAll(other.kinds)
                    && issuedUntil != null
                    && other.issuedUntil != null
                    && !other.issuedUntil.isAfter(issuedUntil);
        }

        /** What is revoked, in words. */
        public String words() {
            String what = id != null
                    ? "token " + id
                    : (kinds.size() == 1 ? kinds.iterator().next() + " tokens" : "tokens") + " of " + name
                            + " made until " + issuedUntil;
            return what + (reason.isEmpty() ? "" : " (" + reason + ")");
        }

        /** What the file and {@code --json} say. */
        public Map<String, Object> fields() {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("at", at.toString());
            if (id != null) {
                out.put("id", id);
            }
            if (name != null && issuedUntil != null) {
                if (kinds.size() == 1) {
                    out.put("kind", kinds.iterator().next().toString());
                }
                out.put("name", name);
                out.put("issuedUntil", issuedUntil.toString());
            }
            if (!reason.isEmpty()) {
                out.put("reason", reason);
            }
            return out;
        }

        private static Instant time(Map<String, Object> fields, String field) {
            String text = JsonLines.text(fields, field);
            try {
                return Instant.parse(text);
            } catch (DateTimeException e) {
                throw new IllegalArgumentException("'" + field + "' is not a time like 2026-11-22T12:00:00Z", e);
            }
        }
    }

    /**
     * What both revoke: see {@link dev.culvert.store.cluster.Union}.
     *
     * @param later a text of the document, whose order is kept
     * @param earlier another
     */
    static String union(String later, String earlier) throws StateException {
        List<Entry> all = new ArrayList<>(JsonLines.parse(FILE, later, Entry::of));
        Set<String> ids = new HashSet<>();
        Map<String, List<Entry>> names = new HashMap<>();
        for (Entry entry : all) {
            if (entry.id != null) {
                ids.add(entry.id);
            } else if (entry.name != null) {
                names.computeIfAbsent(entry.name, n -> new ArrayList<>()).add(entry);
            }
        }
        int before = all.size();
        for (Entry entry : JsonLines.parse(FILE, earlier, Entry::of)) {
            boolean known = entry.id != null
                    ? ids.contains(entry.id)
                    : names.getOrDefault(entry.name, List.of()).stream().anyMatch(other -> other.covers(entry));
            if (!known) {
                all.add(entry);
            }
        }
        return all.size() == before ? later : JsonLines.text(FILE, all, Entry::fields);
    }

    /** Compiled for one lookup by id and one by name. */
    private static final class Snapshot {
        private final List<Entry> entries;
        private final Map<String, Entry> ids = new HashMap<>();
        private final Map<Token.Kind, Map<String, Entry>> names = new HashMap<>();

        @Override
        public boolean equals(Object other) {
            return other instanceof Snapshot snapshot && entries.equals(snapshot.entries);
        }

        @Override
        public int hashCode() {
            return entries.hashCode();
        }

        Snapshot(List<Entry> entries) {
            this.entries = List.copyOf(entries);
            for (Entry entry : entries) {
                if (entry.id != null) {
                    ids.putIfAbsent(entry.id, entry);
                }
                if (entry.name != null) {
                    for (Token.Kind kind : entry.kinds) {
                        names.computeIfAbsent(kind, k -> new HashMap<>()).merge(entry.name, entry, Snapshot::later);
                    }
                }
            }
        }

        private static Entry later(Entry a, Entry b) {
            return a.issuedUntil != null && b.issuedUntil != null && a.issuedUntil.isAfter(b.issuedUntil) ? a : b;
        }

        @Nullable
        public Entry of(Token.Kind kind, String id, String name, Instant issuedAt) {
            Entry single = ids.get(id);
            if (single != null) {
                return single;
            }
            Map<String, Entry> ofKind = names.get(kind);
            Entry all = ofKind == null ? null : ofKind.get(name);
            return all != null && all.issuedUntil != null && !issuedAt.isAfter(all.issuedUntil) ? all : null;
        }
    }

    /**
     * Reads the file again if it has changed. Blocks; from one thread at a time.
     *
     * @return true if something may be revoked that was not before
     * @throws StateException with one line for people, if it cannot be read or is gone; what was known stays in force, and
     *     the next call tries again
     */
    public boolean refresh() throws StateException {
        return watch.refresh();
    }

    /** True if this token is revoked. */
    public boolean isRevoked(Token token) {
        return of(token) != null;
    }

    /** True if a token of this kind, id, name and issue time is revoked. */
    public boolean isRevoked(Token.Kind kind, String id, String name, Instant issuedAt) {
        return of(kind, id, name, issuedAt) != null;
    }

    /** The revocation that names this token; null if it is not revoked. */
    public @Nullable Entry of(Token token) {
        return of(token.kind(), token.id(), token.name(), token.issuedAt());
    }

    /** The same by the parts of a token. */
    public @Nullable Entry of(Token.Kind kind, String id, String name, Instant issuedAt) {
        return watch.current().of(kind, id, name, issuedAt);
    }

    /**
     * Returns if the token is not revoked.
     *
     * @throws TokenException with {@link TokenException.Cause#REVOKED} if it is
     */
    public void require(Token token) throws TokenException {
        Entry entry = of(token);
        if (entry != null) {
            throw new TokenException(
                    TokenException.Cause.REVOKED,
                    "token of " + token.name() + " was revoked at " + entry.at
                            + (entry.reason.isEmpty() ? "" : " (" + Printable.shorten(entry.reason) + ")")
                            + ": ask for a new one, made with token " + token.kind());
        }
    }

    /** All of them, in the order in which they were made. */
    public List<Entry> entries() {
        return watch.current().entries;
    }

    /**
     * Revokes one token.
     *
     * @return the entry; the old one if it was revoked already
     * @throws IllegalArgumentException if it is no token's id
     */
    public Entry revokeId(String id, String reason) throws StateException {
        return revokeIds(List.of(id), reason).get(0);
    }

    /**
     * Revokes tokens, all or none.
     *
     * @return their entries, in this order; the old one of each that was revoked already
     * @throws IllegalArgumentException if one is no token's id
     */
    public List<Entry> revokeIds(Collection<String> ids, String reason) throws StateException {
        Instant now = now();
        return add(ids.stream()
                .map(id -> new Entry(now, id, EnumSet.allOf(Token.Kind.class), null, null, reason))
                .toList());
    }

    /**
     * Revokes all tokens of a name that were issued until now. One made afterwards is accepted, see
     * {@link #firstIssue}.
     *
     * @param kinds of which kinds
     * @throws IllegalArgumentException if it is no holder's name
     */
    public Entry revokeName(Set<Token.Kind> kinds, String name, String reason) throws StateException {
        Instant now = now();
        return add(List.of(new Entry(now, null, kinds, name, now, reason))).get(0);
    }

    /**
     * The earliest issue time, from now on, that no revocation of the name covers. Issue times are whole seconds, so a
     * token made in the second of the revocation would be covered by it otherwise.
     */
    public Instant firstIssue(Token.Kind kind, String name) {
        Instant now = now();
        Entry all = of(kind, "", name, now);
        return all == null || all.issuedUntil == null ? now : all.issuedUntil.plusSeconds(1);
    }

    private Instant now() {
        return clock.instant().truncatedTo(ChronoUnit.SECONDS);
    }

    private List<Entry> add(List<Entry> added) throws StateException {
        List<Entry> kept = new ArrayList<>();
        lines.change(entries -> {
            kept.clear();
            boolean changed = false;
            for (Entry entry : added) {
                Optional<Entry> old = entries.stream()
                        .filter(known -> known.id != null && known.id.equals(entry.id))
                        .findFirst();
                if (old.isEmpty()) {
                    entries.removeIf(entry::covers);
                    changed = entries.add(entry);
                }
                kept.add(old.orElse(entry));
            }
            return changed ? entries : null;
        });
        refresh();
        return kept;
    }
}
